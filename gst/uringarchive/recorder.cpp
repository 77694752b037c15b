// SPDX-License-Identifier: LGPL-2.1-or-later
// Recordings: their directories, their beginning and their end. What happens to a frame: recorder_frames.cpp.
#include "uringarchive/recorder.h"

#include <ctime>
#include <utility>

#include "common/messages.h"
#include "dmaslab/ring/futex.h"

GST_DEBUG_CATEGORY_EXTERN(gst_uring_archive_debug);
#define GST_CAT_DEFAULT gst_uring_archive_debug

namespace dmaslab {

namespace {

constexpr std::int64_t kStuckNs = 5'000'000'000; ///< no disk that works takes so long
constexpr std::int64_t kLookNs = 20'000'000; ///< how long a flush may go unnoticed while we wait for the disk

/** The name with the time filled in; as it is when it asks for none. */
std::string expand(const std::string &location)
{
    if (location.find('%') == location.npos)
        return location;
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    char text[4096];
    const std::size_t length = std::strftime(text, sizeof text, location.c_str(), &local);
    return std::string(text, length);
}

} // namespace

Recorder::Recorder(GstBaseSink *sink, std::function<void()> recordingChanged)
    : sink_(sink),
      recordingChanged_(std::move(recordingChanged)), counters_{LossReason::Full, LossReason::DiskFull,
                                                                LossReason::IoError, LossReason::Corrupt,
                                                                LossReason::Error},
      host_{GST_ELEMENT_CAST(sink), counters_, owners_, segments_,
            [this](std::optional<std::int64_t> pts) { return runningTimeOf(pts); }}
{
    gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
}

bool Recorder::start(const ArchiveSettings &settings)
{
    settings_ = settings;
    counters_.start();
    numbers_.reset();
    segments_ = gaps_ = 0;
    newest_ = GST_CLOCK_TIME_NONE;
    caps_.reset();
    rateNumerator_ = 0;
    rateDenominator_ = 1;
    seriesIsCurrent_ = collisionSuffix_ = unmatchedSaid_ = losing_ = false;
    live_.reset();
    dropsBefore_ = unmatched_ = 0;
    {
        const std::lock_guard lock(mutex_);
        gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
        closedIoErrors_ = 0;
        tagsJson_ = "{}";
        io_.clear();
        ownLoss_.reset();
    }
    if (settings_.location.empty()) {
        GST_ELEMENT_ERROR(sink_, RESOURCE, NOT_FOUND,
                          ("%s: location is not set. Set location=DIRECTORY, a name that is not taken, such "
                           "as rec-%%Y%%m%%d-%%H%%M%%S.",
                           GST_OBJECT_NAME(sink_)),
                          (nullptr));
        return false;
    }
    if (settings_.writer.maxSegments == 1 || settings_.writer.maxSegments == 2) {
        GST_ELEMENT_ERROR(
            sink_, RESOURCE, SETTINGS,
            ("%s: max-segments=%u: a ring needs one segment that is written, one that is next and "
             "one to keep. Set 3 or more, or 0 to keep all.",
             GST_OBJECT_NAME(sink_), settings_.writer.maxSegments),
            (nullptr));
        return false;
    }
    if (settings_.everyNth != 0 && settings_.nthPhase >= settings_.everyNth) {
        GST_ELEMENT_ERROR(
            sink_, RESOURCE, SETTINGS,
            ("%s: nth-phase=%u is not below every-nth=%u, so no frame has such a number. Set it below.",
             GST_OBJECT_NAME(sink_), settings_.nthPhase, settings_.everyNth),
            (nullptr));
        return false;
    }
    if (!settings_.metadataExcess.empty()) {
        GST_ELEMENT_ERROR(sink_, RESOURCE, SETTINGS,
                          ("%s: metadata: %s, and a manifest takes no more. Put it into a file of its own, "
                           "and name that here.",
                           GST_OBJECT_NAME(sink_), settings_.metadataExcess.c_str()),
                          (nullptr));
        return false;
    }
    if (!isRecording() || settings_.everyNth == 0)
        return true;
    const bool named = settings_.location.find('%') == std::string::npos;
    directory_ = makeDirectory(named ? RecordingDirectory::OnCollision::Refuse
                                     : RecordingDirectory::OnCollision::Suffix);
    return directory_.has_value();
}

std::optional<RecordingDirectory> Recorder::makeDirectory(RecordingDirectory::OnCollision onCollision)
{
    auto made = RecordingDirectory::create(expand(settings_.location), onCollision);
    if (!made) {
        Error error = std::move(made.error());
        error.message = "location: " + error.message;
        postError(GST_ELEMENT_CAST(sink_), error, GST_RESOURCE_ERROR_OPEN_WRITE);
        return std::nullopt;
    }
    collisionSuffix_ = true; // the recordings that follow in this run may need another name
    return std::move(*made);
}

/** There is a recording for the next frame, or an error was posted. */
bool Recorder::open()
{
    {
        const std::lock_guard lock(mutex_);
        if (current_)
            return true;
    }
    if (!directory_) {
        const bool named = settings_.location.find('%') == std::string::npos;
        directory_ = makeDirectory(named && !collisionSuffix_ ? RecordingDirectory::OnCollision::Refuse
                                                              : RecordingDirectory::OnCollision::Suffix);
    }
    if (!directory_)
        return false;
    const std::uint32_t maxHeld = settings_.maxHeld(rateNumerator_, rateDenominator_);
    owners_.reserve(maxHeld);
    RecordingDirectory directory = std::move(*directory_);
    directory_.reset();
    auto session = RecordingSession::open(host_, std::move(directory), settings_, maxHeld);
    if (!session) {
        postError(GST_ELEMENT_CAST(sink_), session.error(), GST_RESOURCE_ERROR_OPEN_WRITE);
        return false;
    }
    accepted_ = dropsBefore_ = 0;
    seriesIsCurrent_ = losing_ = false;
    use(std::move(*session));
    return true;
}

void Recorder::use(SessionPtr session)
{
    std::vector<SessionPtr> done; // goes without the lock: a writer's thread that ends may still ask for it
    const std::lock_guard lock(mutex_);
    done = reapLocked();
    current_ = std::move(session);
    current_->writer().setInterrupted(interrupted_);
    if (tagsJson_ != "{}")
        current_->writer().setTags(tagsJson_);
    if (!isRecording())
        closeLocked(); // it was stopped while it was being opened
}

/** The present recording, if there is one, finishes by itself from here on. */
void Recorder::closeLocked()
{
    if (!current_)
        return;
    noteOwnLossLocked();
    current_->finish();
    finishing_.push_back(std::exchange(current_, nullptr));
}

std::vector<Recorder::SessionPtr> Recorder::reapLocked()
{
    std::vector<SessionPtr> done;
    for (SessionPtr &session : finishing_) {
        if (!session->isClosed())
            continue;
        const WriterStats last = session->stats();
        closedIoErrors_ += last.ioErrors;
        io_ = last.io;
        done.push_back(std::move(session));
    }
    std::erase(finishing_, nullptr);
    return done;
}

std::vector<Recorder::SessionPtr> Recorder::sessions() const
{
    const std::lock_guard lock(mutex_);
    std::vector<SessionPtr> all = finishing_;
    if (current_)
        all.push_back(current_);
    return all;
}

void Recorder::setRecording(bool recording)
{
    const std::lock_guard lock(mutex_);
    recording_.store(recording, std::memory_order_release);
    if (recording)
        return;
    closeLocked();
    owners_.endWait();
}

void Recorder::split()
{
    const std::lock_guard lock(mutex_);
    if (current_)
        current_->writer().split();
}

void Recorder::setInterrupted(bool interrupted)
{
    interrupted_.store(interrupted, std::memory_order_release);
    owners_.setInterrupted(interrupted);
    const std::lock_guard lock(mutex_);
    if (current_)
        current_->writer().setInterrupted(interrupted);
}

void Recorder::setTags(std::string json)
{
    const std::lock_guard lock(mutex_);
    tagsJson_ = std::move(json);
    if (current_)
        current_->writer().setTags(tagsJson_);
}

void Recorder::beginStream()
{
    const std::lock_guard lock(mutex_);
    tagsJson_ = "{}";
    if (current_ && accepted_ == 0)
        current_->writer().setTags(tagsJson_);
}

void Recorder::setSegment(const GstSegment &segment)
{
    const std::lock_guard lock(mutex_);
    segment_ = segment;
}

bool Recorder::setCaps(GstCaps *caps)
{
    const auto format = archiveFormatFromCaps(caps, nullptr);
    if (!format) {
        postError(GST_ELEMENT_CAST(sink_), format.error());
        return false;
    }
    caps_.reset(gst_caps_ref(caps));
    rateNumerator_ = format->rateNumerator;
    rateDenominator_ = format->rateDenominator;
    seriesIsCurrent_ = false;
    // Threads and the ledger's file cost milliseconds, which the first frame does not have.
    return !isRecording() || settings_.everyNth == 0 || open();
}

template <typename Wait>
bool Recorder::waitForDisk(RecordingSession &session, Wait &&wait, bool flushMayEndIt)
{
    std::int64_t sayAt = monotonicNowNs() + kStuckNs;
    while (!wait(monotonicNowNs() + kLookNs)) {
        if (flushMayEndIt && isFlushing())
            return false;
        if (monotonicNowNs() < sayAt)
            continue;
        sayAt = kNoDeadline;
        const auto pending = guint64(session.stats().pending);
        GST_ELEMENT_WARNING(sink_, RESOURCE, WRITE,
                            ("%s: %s: waiting for the disk for %d s; frames that are not durable yet: "
                             "%" G_GUINT64_FORMAT ". It is waited for until it answers: the kernel's log "
                             "tells whether the disk or its connection hangs.",
                             GST_OBJECT_NAME(sink_), session.writer().path().c_str(),
                             int(kStuckNs / 1'000'000'000), pending),
                            (nullptr));
    }
    return true;
}

bool Recorder::waitClosed(bool flushMayEndIt)
{
    std::vector<SessionPtr> waitedFor;
    {
        const std::lock_guard lock(mutex_);
        waitedFor = finishing_;
    }
    for (const SessionPtr &session : waitedFor) {
        const auto wait = [&session](std::int64_t deadlineNs) { return session->waitClosed(deadlineNs); };
        if (!waitForDisk(*session, wait, flushMayEndIt))
            return false;
    }
    return true;
}

bool Recorder::drain()
{
    SessionPtr session;
    {
        const std::lock_guard lock(mutex_);
        session = current_;
    }
    // Of a recording that has failed there is nothing to wait for: its frames are let go as they are.
    const auto wait = [&session](std::int64_t deadlineNs) {
        return session->hasFailed() || session->writer().drain(deadlineNs);
    };
    if (session && !waitForDisk(*session, wait, true))
        return false;
    return waitClosed(true);
}

bool Recorder::letGo()
{
    while (!owners_.waitForNone(monotonicNowNs() + kLookNs)) {
        if (isFlushing())
            return false;
    }
    return true;
}

bool Recorder::finish()
{
    // What went missing before any frame came is for the recording that stop() makes of none.
    if (!directory_ || !isRecording()) {
        numbers_.settle();
        noteMissing();
    }
    {
        const std::lock_guard lock(mutex_);
        closeLocked();
    }
    return waitClosed(true);
}

void Recorder::stop()
{
    // A directory that was made and got no frame becomes a recording of none: it says so itself.
    if (directory_ && isRecording())
        (void)open();
    directory_.reset();
    numbers_.settle();
    noteMissing();
    {
        const std::lock_guard lock(mutex_);
        closeLocked();
    }
    (void)waitClosed(false);
    {
        const std::lock_guard lock(mutex_);
        (void)reapLocked();
    }
    caps_.reset();
    counters_.stop();
}

GstClockTime Recorder::runningTimeOf(std::optional<std::int64_t> pts) const
{
    if (!pts || *pts < 0)
        return newest_.load(std::memory_order_relaxed);
    const std::lock_guard lock(mutex_);
    return runningTime(segment_, GstClockTime(*pts));
}

StructurePtr Recorder::stats() const
{
    std::uint64_t ioErrors = 0;
    std::string io;
    // The writers are asked without the lock: a frame must not wait for a reader of statistics.
    const auto all = sessions();
    for (const SessionPtr &session : all) {
        const WriterStats writer = session->stats();
        ioErrors += writer.ioErrors;
        io = writer.io;
    }
    {
        const std::lock_guard lock(mutex_);
        ioErrors += closedIoErrors_;
        if (io.empty())
            io = io_;
    }
    auto stats = counters_.toStructure();
    guint64 archived = 0, pending = 0; // the same moment's as the others
    gst_structure_get(stats.get(), "frames-out", G_TYPE_UINT64, &archived, "frames-in-flight", G_TYPE_UINT64,
                      &pending, nullptr);
    gst_structure_set(stats.get(), "frames-archived", G_TYPE_UINT64, archived, //
                      "frames-pending", G_TYPE_UINT64, pending,                //
                      "segments", G_TYPE_UINT64, guint64(segments_.load()),    //
                      "io-errors", G_TYPE_UINT64, guint64(ioErrors),           //
                      "io", G_TYPE_STRING, io.c_str(),                         //
                      "gaps", G_TYPE_UINT64, guint64(gaps_.load()), nullptr);
    return stats;
}

} // namespace dmaslab
