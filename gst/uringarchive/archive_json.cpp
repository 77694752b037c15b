// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/archive_json.h"

#include <cmath>

#include "common/handles.h"

namespace dmaslab {

namespace {

void appendString(std::string &json, const char *text)
{
    const CharPtr valid(g_utf8_make_valid(text, -1)); // JSON is UTF-8, and names of files need not be
    json += '"';
    for (const char *c = valid.get(); *c; ++c) {
        const auto byte = static_cast<unsigned char>(*c);
        if (byte == '"' || byte == '\\') {
            json += '\\';
            json += *c;
        } else if (byte < 0x20) {
            const CharPtr escaped(g_strdup_printf("\\u%04x", byte));
            json += escaped.get();
        } else {
            json += *c;
        }
    }
    json += '"';
}

void appendNumber(std::string &json, double number)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    json += std::isfinite(number) ? g_ascii_dtostr(text, sizeof text, number) : "null";
}

bool appendInteger(std::string &json, const GValue *value)
{
    switch (G_VALUE_TYPE(value)) {
    case G_TYPE_INT:
        json += std::to_string(g_value_get_int(value));
        return true;
    case G_TYPE_UINT:
        json += std::to_string(g_value_get_uint(value));
        return true;
    case G_TYPE_INT64:
        json += std::to_string(g_value_get_int64(value));
        return true;
    case G_TYPE_UINT64:
        json += std::to_string(g_value_get_uint64(value));
        return true;
    case G_TYPE_LONG:
        json += std::to_string(g_value_get_long(value));
        return true;
    case G_TYPE_ULONG:
        json += std::to_string(g_value_get_ulong(value));
        return true;
    default:
        return false;
    }
}

void appendValue(std::string &json, const GValue *value);

void appendElements(std::string &json, const GValue *value, guint count,
                    const GValue *(*element)(const GValue *, guint))
{
    json += '[';
    for (guint i = 0; i < count; ++i) {
        if (i > 0)
            json += ", ";
        appendValue(json, element(value, i));
    }
    json += ']';
}

void appendText(std::string &json, const GValue *value)
{
    CharPtr text;
    if (G_VALUE_HOLDS(value, GST_TYPE_DATE_TIME)) {
        auto *time = static_cast<GstDateTime *>(g_value_get_boxed(value));
        text.reset(time ? gst_date_time_to_iso8601_string(time) : nullptr);
    } else {
        text.reset(gst_value_serialize(value));
    }
    if (text)
        appendString(json, text.get());
    else
        json += "null";
}

void appendValue(std::string &json, const GValue *value)
{
    if (appendInteger(json, value))
        return;
    if (G_VALUE_HOLDS_STRING(value)) {
        if (const char *text = g_value_get_string(value))
            appendString(json, text);
        else
            json += "null";
    } else if (G_VALUE_HOLDS_BOOLEAN(value)) {
        json += g_value_get_boolean(value) ? "true" : "false";
    } else if (G_VALUE_HOLDS_DOUBLE(value)) {
        appendNumber(json, g_value_get_double(value));
    } else if (G_VALUE_HOLDS_FLOAT(value)) {
        appendNumber(json, double(g_value_get_float(value)));
    } else if (GST_VALUE_HOLDS_ARRAY(value)) {
        appendElements(json, value, gst_value_array_get_size(value), gst_value_array_get_value);
    } else if (GST_VALUE_HOLDS_LIST(value)) {
        appendElements(json, value, gst_value_list_get_size(value), gst_value_list_get_value);
    } else if (GST_VALUE_HOLDS_STRUCTURE(value)) {
        json += structureToJson(gst_value_get_structure(value));
    } else {
        appendText(json, value);
    }
}

// What a reader of manifests takes (Manifest::parse); the manifest itself is the first level.
constexpr guint kDeepest = 64;
constexpr guint kMostKeys = 10'000;

enum class Excess
{
    None,
    Depth,
    Keys,
};

struct Level
{
    guint depth;
    Excess found = Excess::None;
};

Excess excessOf(const GstStructure *structure, guint depth);

Excess excessOf(const GValue *value, guint depth)
{
    if (GST_VALUE_HOLDS_STRUCTURE(value))
        return excessOf(gst_value_get_structure(value), depth);
    const bool array = GST_VALUE_HOLDS_ARRAY(value);
    if (!array && !GST_VALUE_HOLDS_LIST(value))
        return Excess::None;
    if (depth > kDeepest)
        return Excess::Depth;
    const guint count = array ? gst_value_array_get_size(value) : gst_value_list_get_size(value);
    Excess found = Excess::None;
    for (guint i = 0; i < count && found == Excess::None; ++i)
        found = excessOf(array ? gst_value_array_get_value(value, i) : gst_value_list_get_value(value, i),
                         depth + 1);
    return found;
}

gboolean onLevelField(GQuark, const GValue *value, gpointer data)
{
    auto &level = *static_cast<Level *>(data);
    level.found = excessOf(value, level.depth + 1);
    return level.found == Excess::None;
}

/** @param depth the level that the structure is on */
Excess excessOf(const GstStructure *structure, guint depth)
{
    if (depth > kDeepest)
        return Excess::Depth;
    if (!structure)
        return Excess::None;
    if (gst_structure_n_fields(structure) > gint(kMostKeys))
        return Excess::Keys;
    Level level{depth};
    gst_structure_foreach(structure, onLevelField, &level);
    return level.found;
}

void appendField(std::string &json, const char *name, const GValue *value)
{
    if (json.size() > 1)
        json += ", ";
    appendString(json, name);
    json += ": ";
    appendValue(json, value);
}

gboolean onField(GQuark name, const GValue *value, gpointer json)
{
    appendField(*static_cast<std::string *>(json), g_quark_to_string(name), value);
    return TRUE;
}

void onTag(const GstTagList *tags, const gchar *name, gpointer json)
{
    GValue value = G_VALUE_INIT;
    if (!gst_tag_list_copy_value(&value, tags, name))
        return;
    const bool binary = G_VALUE_HOLDS(&value, GST_TYPE_SAMPLE) || G_VALUE_HOLDS(&value, GST_TYPE_BUFFER);
    if (!binary && excessOf(&value, 3) == Excess::None)
        appendField(*static_cast<std::string *>(json), name, &value);
    g_value_unset(&value);
}

} // namespace

std::string structureToJson(const GstStructure *structure)
{
    std::string json = "{";
    if (structure)
        gst_structure_foreach(structure, onField, &json);
    return json + "}";
}

std::string excessOf(const GstStructure *structure)
{
    switch (excessOf(structure, 2)) {
    case Excess::Depth:
        return "its values are nested deeper than " + std::to_string(kDeepest - 1) + " times";
    case Excess::Keys:
        return "one structure has more than " + std::to_string(kMostKeys) + " fields";
    case Excess::None:
        break;
    }
    return {};
}

std::string tagsToJson(const GstTagList *tags)
{
    std::string json = "{";
    if (tags)
        gst_tag_list_foreach(tags, onTag, &json);
    return json + "}";
}

} // namespace dmaslab
