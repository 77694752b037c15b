// SPDX-License-Identifier: LGPL-2.1-or-later
#include "uringarchive/recording_session.h"

#include <chrono>
#include <system_error>
#include <utility>

#include "common/handles.h"
#include "common/messages.h"
#include "dmaslab/ring/futex.h"

GST_DEBUG_CATEGORY_EXTERN(gst_uring_archive_debug);
#define GST_CAT_DEFAULT gst_uring_archive_debug

namespace dmaslab {

namespace {

LossReason reasonOf(ArchiveLoss why)
{
    switch (why) {
    case ArchiveLoss::DiskFull:
        return LossReason::DiskFull;
    case ArchiveLoss::IoError:
        return LossReason::IoError;
    case ArchiveLoss::Error:
        break;
    }
    return LossReason::Error;
}

} // namespace

Result<std::shared_ptr<RecordingSession>> RecordingSession::open(SessionHost &host,
                                                                 RecordingDirectory directory,
                                                                 const ArchiveSettings &settings,
                                                                 std::uint32_t maxHeld)
{
    std::shared_ptr<RecordingSession> session(new RecordingSession(host));
    session->news_.location = directory.path();
    RecordingInfo info;
    info.software = "dmaslab " DMASLAB_VERSION;
    const CharPtr name(gst_object_get_name(GST_OBJECT_CAST(host.element)));
    info.element = name.get();
    info.metadataJson = settings.metadataJson;
    info.everyNth = settings.everyNth;
    info.nthPhase = settings.nthPhase;
    WriterSettings writer = settings.writer;
    // The records of held frames are the limit. The writer lets go of many and counts them then: it must not
    // be the first to say that it is full.
    writer.maxHeld = 2 * maxHeld;
    auto created = Writer::create(std::move(directory), info, writer, *session);
    if (!created)
        return tl::unexpected(std::move(created.error()));
    session->writer_ = std::move(*created);
    // The end of a recording is waited for by a thread of its own: whoever asks for it may be the streaming
    // thread or the application's.
    try {
        session->closer_ = std::thread([self = session.get()] { self->closeWhenFinished(); });
    } catch (const std::system_error &) {
        return fail(Errc::Limit, "no thread for the end of a recording: raise the limit of threads");
    }
    return session;
}

RecordingSession::~RecordingSession()
{
    finish();
    if (closer_.joinable())
        closer_.join();
}

Result<std::optional<RecordingNews>> RecordingSession::beginSeries(const ArchiveFormat &format,
                                                                   ArchiveLayout wish)
{
    if (geometry() && geometry()->format().series == format.series)
        return std::nullopt;
    auto layout = writer_->beginSeries(format.series, wish);
    if (!layout)
        return tl::unexpected(std::move(layout.error()));
    const bool first = geometries_.empty();
    geometries_.emplace_back(format);
    GST_INFO_OBJECT(host_.element, "%s: layout %s, because %s%s", writer_->path().c_str(),
                    toString(layout->layout), layout->reason.c_str(),
                    format.gathered ? "; frames are copied, for their rows lie far apart" : "");
    if (!first)
        return std::nullopt;
    const std::lock_guard lock(mutex_);
    news_.numpy = layout->numpyExpression(writer_->path() + "/" + framesName(0));
    news_.layout = toString(layout->layout);
    return news_;
}

void RecordingSession::note(LossRecord loss)
{
    loss.series = geometries_.empty() ? 0 : std::uint32_t(geometries_.size() - 1);
    writer_->note(loss);
}

void RecordingSession::countLost()
{
    const std::lock_guard lock(mutex_);
    ++news_.lost;
}

void RecordingSession::finish()
{
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(finishing_, true) || !writer_)
            return;
    }
    writer_->finish();
    changed_.notify_all();
}

void RecordingSession::closeWhenFinished()
{
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return finishing_; });
    }
    while (!writer_->waitFinished(kNoDeadline)) {
    }
    RecordingNews last;
    {
        const std::lock_guard lock(mutex_);
        last = news_;
    }
    if (last.lost > 0)
        warning(last.location + ": " + std::to_string(last.lost) + " of " +
                std::to_string(last.frames + last.lost) +
                " frames were lost; 'dmaslab-archive info --losses' names them, and stats says why");
    if (!last.numpy.empty()) // that it opened was said
        postRecordingMessage(host_.element, recordingClosedName, last);
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    changed_.notify_all();
}

bool RecordingSession::isClosed() const
{
    const std::lock_guard lock(mutex_);
    return closed_;
}

bool RecordingSession::waitClosed(std::int64_t deadlineNs) const
{
    std::unique_lock lock(mutex_);
    const std::chrono::steady_clock::time_point deadline{std::chrono::nanoseconds(deadlineNs)};
    return changed_.wait_until(lock, deadline, [this] { return closed_; });
}

void RecordingSession::release(void *owner)
{
    host_.owners.release(static_cast<FrameOwner *>(owner));
}

void RecordingSession::gather(void *owner, std::byte *dest)
{
    const auto *frame = static_cast<const FrameOwner *>(owner);
    frame->geometry->gather(frame->buffer, frame->maps, dest);
}

void RecordingSession::archived(std::uint64_t frames, std::uint64_t bytes)
{
    host_.counters.countOut(bytes, frames);
    const std::lock_guard lock(mutex_);
    news_.frames += frames;
}

void RecordingSession::lost(std::uint64_t sequence, ArchiveLoss why)
{
    GST_DEBUG_OBJECT(host_.element, "frame %" G_GUINT64_FORMAT " lost: %s", guint64(sequence),
                     toString(reasonOf(why)).data());
    host_.counters.countDropped(reasonOf(why));
    const std::lock_guard lock(mutex_);
    ++news_.lost;
}

void RecordingSession::copied(std::uint64_t bytes)
{
    host_.counters.countCopied(bytes);
}

void RecordingSession::segmentOpened(const SegmentEvent &segment)
{
    host_.segments.fetch_add(1, std::memory_order_relaxed);
    postSegmentMessage(host_.element, segmentOpenedName, segment, host_.runningTime(segment.firstPts));
}

void RecordingSession::segmentClosed(const SegmentEvent &segment)
{
    {
        const std::lock_guard lock(mutex_);
        if (!news_.firstSequence)
            news_.firstSequence = segment.firstSequence;
        if (segment.lastSequence)
            news_.lastSequence = segment.lastSequence;
    }
    postSegmentMessage(host_.element, segmentClosedName, segment, host_.runningTime(segment.lastPts));
}

void RecordingSession::warning(const std::string &sentence)
{
    postDegradations(host_.element, {sentence}, false);
}

void RecordingSession::failed(const Error &error)
{
    failed_.store(true, std::memory_order_release);
    postError(host_.element, error, GST_RESOURCE_ERROR_WRITE);
}

} // namespace dmaslab
