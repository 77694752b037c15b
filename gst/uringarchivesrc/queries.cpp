// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchivesrc/queries.h"

namespace dmaslab {

std::optional<gint64> convert(const Timeline &timeline, GstFormat from, gint64 value, GstFormat to)
{
    if (from == to || value == -1)
        return value;
    if (value < 0)
        return std::nullopt;
    std::optional<std::uint64_t> result;
    if (from == GST_FORMAT_DEFAULT && to == GST_FORMAT_TIME)
        result = timeline.timeOf(std::uint64_t(value));
    else if (from == GST_FORMAT_TIME && to == GST_FORMAT_DEFAULT)
        result = timeline.frameAt(GstClockTime(value));
    if (!result)
        return std::nullopt;
    return gint64(*result);
}

bool answerConvert(const Timeline &timeline, GstQuery *query)
{
    GstFormat from = GST_FORMAT_UNDEFINED;
    GstFormat to = GST_FORMAT_UNDEFINED;
    gint64 value = 0;
    gst_query_parse_convert(query, &from, &value, &to, nullptr);
    const auto result = convert(timeline, from, value, to);
    if (result)
        gst_query_set_convert(query, from, value, to, *result);
    return result.has_value();
}

bool answerDuration(const Timeline &timeline, GstQuery *query)
{
    GstFormat format = GST_FORMAT_UNDEFINED;
    gst_query_parse_duration(query, &format, nullptr);
    if (format == GST_FORMAT_DEFAULT) {
        gst_query_set_duration(query, format, gint64(timeline.frames()));
        return true;
    }
    const auto end = timeline.end();
    if (format != GST_FORMAT_TIME || !end)
        return false;
    gst_query_set_duration(query, format, gint64(*end));
    return true;
}

bool answerSeeking(const Timeline &timeline, GstQuery *query)
{
    GstFormat format = GST_FORMAT_UNDEFINED;
    gst_query_parse_seeking(query, &format, nullptr, nullptr, nullptr);
    if (format == GST_FORMAT_DEFAULT) {
        gst_query_set_seeking(query, format, timeline.begin().has_value(), 0, gint64(timeline.frames()));
        return true;
    }
    if (format != GST_FORMAT_TIME)
        return false;
    const auto begin = timeline.begin();
    const auto end = timeline.end();
    gst_query_set_seeking(query, format, begin && end, begin ? gint64(*begin) : 0, end ? gint64(*end) : -1);
    return true;
}

void answerLatency(const Player &player, GstQuery *query)
{
    const auto [slabs, duration] = player.latencyLimits();
    const bool known = slabs > 0 && GST_CLOCK_TIME_IS_VALID(duration);
    gst_query_set_latency(query, TRUE, 0, known ? slabs * duration : GST_CLOCK_TIME_NONE);
}

} // namespace dmaslab
