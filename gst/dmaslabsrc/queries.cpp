// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslabsrc/queries.h"

namespace dmaslab {

namespace {

/** How long that many frames take. */
GstClockTime timeOf(const Producer::Current &current, std::uint64_t frames)
{
    return gst_util_uint64_scale(frames, GST_SECOND * current.rateDenominator, current.rateNumerator);
}

} // namespace

bool answerLatency(const Producer &producer, GstQuery *query)
{
    const auto current = producer.current();
    if (!current || current->rateNumerator == 0)
        return false; // not known before there are caps
    gst_query_set_latency(query, TRUE, timeOf(*current, 1), timeOf(*current, current->slabs));
    return true;
}

bool answerDuration(const Producer &producer, GstQuery *query)
{
    const auto current = producer.current();
    if (!current || current->frames == 0)
        return false;
    GstFormat format = GST_FORMAT_UNDEFINED;
    gst_query_parse_duration(query, &format, nullptr);
    if (format == GST_FORMAT_DEFAULT)
        gst_query_set_duration(query, format, static_cast<gint64>(current->frames));
    else if (format == GST_FORMAT_TIME && current->rateNumerator != 0)
        gst_query_set_duration(query, format, static_cast<gint64>(timeOf(*current, current->frames)));
    else
        return false;
    return true;
}

} // namespace dmaslab
