// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchivesrc/recorded_tags.h"

#include <nlohmann/json.hpp>

namespace dmaslab {

namespace {

using Json = nlohmann::json;

bool setNumber(GValue &tag, const Json &value)
{
    GValue number = G_VALUE_INIT;
    if (value.is_number_unsigned()) {
        g_value_init(&number, G_TYPE_UINT64);
        g_value_set_uint64(&number, value.get<std::uint64_t>());
    } else if (value.is_number_integer()) {
        g_value_init(&number, G_TYPE_INT64);
        g_value_set_int64(&number, value.get<std::int64_t>());
    } else {
        g_value_init(&number, G_TYPE_DOUBLE);
        g_value_set_double(&number, value.get<double>());
    }
    GValue back = G_VALUE_INIT;
    g_value_init(&back, G_VALUE_TYPE(&number));
    // A number that the tag's type cannot hold comes back as another one.
    const bool fits = g_value_type_transformable(G_VALUE_TYPE(&number), G_VALUE_TYPE(&tag)) &&
                      g_value_type_transformable(G_VALUE_TYPE(&tag), G_VALUE_TYPE(&number)) &&
                      g_value_transform(&number, &tag) && g_value_transform(&tag, &back) &&
                      gst_value_compare(&number, &back) == GST_VALUE_EQUAL;
    g_value_unset(&back);
    g_value_unset(&number);
    return fits;
}

bool setText(GValue &tag, const std::string &text)
{
    if (G_VALUE_HOLDS_STRING(&tag)) {
        g_value_set_string(&tag, text.c_str());
        return true;
    }
    if (G_VALUE_HOLDS(&tag, GST_TYPE_DATE_TIME)) {
        g_value_take_boxed(&tag, gst_date_time_new_from_iso8601_string(text.c_str()));
        return g_value_get_boxed(&tag) != nullptr;
    }
    return G_VALUE_HOLDS(&tag, G_TYPE_DATE) && gst_value_deserialize(&tag, text.c_str());
}

void addTag(GstTagList *tags, const std::string &name, const Json &value)
{
    if (!gst_tag_exists(name.c_str()))
        return;
    GValue tag = G_VALUE_INIT;
    g_value_init(&tag, gst_tag_get_type(name.c_str()));
    bool set = false;
    if (value.is_boolean() && G_VALUE_HOLDS_BOOLEAN(&tag)) {
        g_value_set_boolean(&tag, value.get<bool>());
        set = true;
    } else if (value.is_number() && !G_VALUE_HOLDS_STRING(&tag)) {
        set = setNumber(tag, value);
    } else if (value.is_string()) {
        const std::string &text = value.get_ref<const std::string &>();
        set = !text.empty() && setText(tag, text);
    }
    if (set)
        gst_tag_list_add_value(tags, GST_TAG_MERGE_APPEND, name.c_str(), &tag);
    g_value_unset(&tag);
}

} // namespace

EventPtr recordedTagsEvent(const std::string &tagsJson)
{
    const Json json = Json::parse(tagsJson, nullptr, false);
    if (!json.is_object() || json.empty())
        return nullptr;
    GstTagList *tags = gst_tag_list_new_empty();
    for (const auto &[name, value] : json.items())
        addTag(tags, name, value);
    if (gst_tag_list_is_empty(tags)) {
        gst_tag_list_unref(tags);
        return nullptr;
    }
    return EventPtr(gst_event_new_tag(tags));
}

} // namespace dmaslab
