// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/stats.h"

#include <chrono>
#include <string>

namespace dmaslab {

namespace {

std::int64_t monotonicNow() noexcept
{
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace

FrameCounters::FrameCounters(std::initializer_list<LossReason> reasons)
{
    for (const auto reason : reasons)
        reasons_ |= 1u << unsigned(reason);
}

void FrameCounters::countOut(std::uint64_t bytes, std::uint64_t frames) noexcept
{
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
    // Release: whoever reads this count also sees the frame counted in, so in flight is never negative.
    out_.fetch_add(frames, std::memory_order_release);
}

void FrameCounters::countDropped(LossReason reason, std::uint64_t frames) noexcept
{
    // Release for the same reason as in countOut.
    dropped_[std::size_t(reason)].fetch_add(frames, std::memory_order_release);
}

FrameCounters::Snapshot FrameCounters::snapshot() const noexcept
{
    Snapshot now{};
    // Acquire, and `in` last: pairs with the releases above.
    now.out = out_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < lossReasonCount; ++i) {
        now.droppedFor[i] = dropped_[i].load(std::memory_order_acquire);
        now.dropped += now.droppedFor[i];
    }
    now.bytes = bytes_.load(std::memory_order_relaxed);
    now.bytesCopied = bytesCopied_.load(std::memory_order_relaxed);
    now.skipped = skipped_.load(std::memory_order_relaxed);
    now.in = in_.load(std::memory_order_relaxed);

    const auto startedAt = startedAt_.load(std::memory_order_relaxed);
    const auto stoppedAt = stoppedAt_.load(std::memory_order_relaxed);
    if (startedAt != 0)
        now.elapsed = std::uint64_t((stoppedAt != 0 ? stoppedAt : monotonicNow()) - startedAt);
    return now;
}

std::uint64_t FrameCounters::dropped(LossReason reason) const noexcept
{
    return dropped_[std::size_t(reason)].load(std::memory_order_acquire);
}

void FrameCounters::start() noexcept
{
    out_ = 0;
    for (auto &count : dropped_)
        count = 0;
    in_ = 0;
    bytes_ = 0;
    skipped_ = 0;
    bytesCopied_ = 0;
    stoppedAt_ = 0;
    startedAt_ = monotonicNow();
}

void FrameCounters::stop() noexcept
{
    if (startedAt_ != 0 && stoppedAt_ == 0)
        stoppedAt_ = monotonicNow();
}

void FrameCounters::appendTo(GstStructure *stats) const
{
    const auto now = snapshot();
    const double seconds = double(now.elapsed) / 1e9;
    gst_structure_set(stats, "frames-in", G_TYPE_UINT64, guint64(now.in),                   //
                      "frames-out", G_TYPE_UINT64, guint64(now.out),                        //
                      "frames-in-flight", G_TYPE_UINT64, guint64(now.inFlight()),           //
                      "dropped", G_TYPE_UINT64, guint64(now.dropped),                       //
                      "skipped", G_TYPE_UINT64, guint64(now.skipped),                       //
                      "bytes", G_TYPE_UINT64, guint64(now.bytes),                           //
                      "bytes-copied", G_TYPE_UINT64, guint64(now.bytesCopied),              //
                      "elapsed", G_TYPE_UINT64, guint64(now.elapsed),                       //
                      "rate", G_TYPE_DOUBLE, seconds > 0 ? double(now.out) / seconds : 0.0, //
                      "throughput", G_TYPE_DOUBLE, seconds > 0 ? double(now.bytes) / seconds : 0.0, nullptr);
    for (std::size_t i = 0; i < lossReasonCount; ++i) {
        // A reason nobody announced is shown once it happens: a count must never hide.
        if ((reasons_ & (1u << i)) == 0 && now.droppedFor[i] == 0)
            continue;
        const auto field = "dropped-" + std::string(toString(LossReason(i)));
        gst_structure_set(stats, field.c_str(), G_TYPE_UINT64, guint64(now.droppedFor[i]), nullptr);
    }
}

StructurePtr FrameCounters::toStructure() const
{
    StructurePtr stats(gst_structure_new_empty(statsName));
    appendTo(stats.get());
    return stats;
}

void installStatsProperty(GObjectClass *klass, guint id, const std::string &own)
{
    const std::string blurb =
        "Counters since the last start, as structure dmaslab-stats: frames-in = frames-out + "
        "dropped + frames-in-flight, dropped-<reason> for each reason, skipped, bytes, "
        "bytes-copied, elapsed (ns), rate (frames/s), throughput (bytes/s)" +
        (own.empty() ? "" : "; " + own);
    g_object_class_install_property(
        klass, id,
        g_param_spec_boxed("stats", "Statistics", blurb.c_str(), GST_TYPE_STRUCTURE,
                           GParamFlags(G_PARAM_READABLE | G_PARAM_STATIC_NAME | G_PARAM_STATIC_NICK)));
}

} // namespace dmaslab
