// SPDX-License-Identifier: LGPL-2.1-or-later
// The player's life: start, seek, series and slabs, stop.
#include "uringarchivesrc/player.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/messages.h"

GST_DEBUG_CATEGORY_EXTERN(gst_uring_archive_src_debug);
#define GST_CAT_DEFAULT gst_uring_archive_src_debug

namespace dmaslab {

Error ofLocation(Error error)
{
    error.message = "location: " + error.message;
    return error;
}

Player::Player(GstBaseSrc *element)
    : element_(element), counters_({LossReason::Starved, LossReason::IoError, LossReason::Corrupt,
                                    LossReason::Reclaimed, LossReason::Flush})
{
}

bool Player::start(const ReplaySettings &settings)
{
    settings_ = settings;
    const auto unbegun = settings.follow ? Recording::Unbegun::Await : Recording::Unbegun::Refuse;
    auto recording = Recording::open(settings.location, unbegun);
    // A second one for queries: a recording is for one thread.
    auto second = Recording::open(settings.location, unbegun);
    if (!recording || !second) {
        postError(GST_ELEMENT(element_), ofLocation(recording ? second.error() : recording.error()));
        return false;
    }
    ownTimeline_ = std::make_shared<Timeline>(std::move(*second));
    recording_ = std::move(*recording);
    counters_.start();
    late_ = ioErrors_ = sequence_ = 0;
    needed_ = 0;
    lossesRead_ = 0;
    tagsDue_ = true;
    sentTags_.clear();
    std::vector<std::string> problems;
    for (const Recording::Segment &segment : recording_->segments()) {
        if (!segment.problem.empty())
            problems.push_back(ofLocation({.message = segment.problem}).message);
    }
    postDegradations(GST_ELEMENT(element_), problems, false);
    if (recording_->frames() == 0 && !settings.follow)
        GST_ELEMENT_WARNING(element_, RESOURCE, READ,
                            ("location: %s: the recording has no frames. follow=true waits for them while it "
                             "is being written.",
                             recording_->path().c_str()),
                            (nullptr));
    const std::lock_guard lock(mutex_);
    timeline_ = ownTimeline_;
    last_ = {};
    copied_ = newCopyCount();
    remembered_.reset();
    return true;
}

void Player::stop()
{
    settlePrevious();
    early_.reset();
    setStream(nullptr);
    counters_.stop();
    ledger_.clear();
    recorded_.clear();
    recording_.reset();
    ownTimeline_.reset();
    lossRun_ = discont_ = gap_ = atEnd_ = ranged_ = false;
    slabsWarned_ = 0;
    const std::lock_guard lock(mutex_);
    timeline_.reset();
}

void Player::setInterrupted(bool interrupted)
{
    const std::lock_guard lock(mutex_);
    interrupted_ = interrupted;
    clockWait_.setInterrupted(interrupted_ || paused_);
    if (stream_)
        stream_->setInterrupted(interrupted);
    wake_.notify_all();
}

void Player::setPaused(bool paused)
{
    const std::lock_guard lock(mutex_);
    paused_ = paused;
    clockWait_.setInterrupted(interrupted_ || paused_);
    wake_.notify_all();
}

void Player::rememberFrame(std::uint64_t frame, GstClockTime time)
{
    const std::lock_guard lock(mutex_);
    remembered_.emplace(frame, time);
}

bool Player::seek(GstSegment &segment)
{
    if (segment.rate <= 0 || !recording_)
        return false;
    std::uint64_t frame = 0;
    const auto begin = ownTimeline_->begin();
    if (begin) {
        // Before the first frame there is nothing to wait for: running time begins with it.
        if (GstClockTime(segment.start) < *begin)
            segment.start = *begin;
        segment.position = std::max(segment.position, segment.start);
        if (GST_CLOCK_TIME_IS_VALID(segment.stop) && segment.stop < segment.start)
            segment.stop = segment.start;
        const auto found = ownTimeline_->frameAt(segment.position);
        if (!found)
            return false;
        frame = *found;
        segment.duration = ownTimeline_->end().value_or(GST_CLOCK_TIME_NONE);
    } else if (segment.start != 0) {
        return false; // no times to go by
    }
    segment.time = segment.start;
    {
        const std::lock_guard lock(mutex_);
        if (remembered_ && remembered_->second == segment.position) {
            frame = remembered_->first;
            // The base class begins such a segment afresh, also where running time goes on.
            const GstSegment &old = element_->segment;
            if (!(segment.flags & GST_SEGMENT_FLAG_RESET))
                segment.base = runningTime(old, std::max(old.position, old.start));
        }
        remembered_.reset();
    }
    frame = ownTimeline_->keyFrameOf(frame);

    settlePrevious();
    if (segment.flags & GST_SEGMENT_FLAG_RESET)
        ledger_.clear(); // what the flush threw away was to be thrown away
    early_.reset();
    const bool fromStart = frame == 0;
    sequence_ = ownTimeline_->sequenceOf(frame);
    stop_ = segment.stop;
    ranged_ = gap_ = atEnd_ = false;
    stuck_ = 0;
    lossesRead_ = 0;
    recorded_.clear();
    loadLosses();
    addMissingFiles();
    // A ring may have moved on since the timeline looked: the number in the stream stays.
    const auto position = recording_->findSequence(sequence_);
    if (!position)
        return false;
    position_ = *position;
    while (!fromStart && !recorded_.empty() && recorded_.front().last < sequence_)
        recorded_.pop_front();
    return true;
}

std::uint32_t Player::seriesAt(std::uint64_t frame) const
{
    const auto &segments = recording_->segments();
    const auto at = std::find_if(segments.begin(), segments.end(), [&](const Recording::Segment &segment) {
        return frame < segment.firstFrame + segment.frames;
    });
    return at == segments.end() ? segments.back().series : at->series;
}

/** Of a series whose frames all have their own length: the longest that its files have room for. */
std::uint64_t Player::largestFrame(std::uint32_t series) const
{
    const std::uint64_t fixed = recording_->manifest().series[series].format.frameBytes;
    if (fixed != 0)
        return fixed;
    std::uint64_t largest = needed_;
    std::array<IndexRecord, 512> records;
    for (std::size_t i = 0; i < recording_->segments().size(); ++i) {
        const std::uint64_t frames = recording_->segments()[i].frames;
        if (recording_->segments()[i].series != series)
            continue;
        for (std::uint64_t first = 0; first < frames; first += records.size()) {
            const std::span part(records.data(), std::min<std::uint64_t>(records.size(), frames - first));
            if (!recording_->readIndex(i, first, part))
                break;
            for (std::size_t entry = 0; entry < part.size(); ++entry) {
                const IndexRecord &record = part[entry];
                if (record.length > largest && !(record.flags & kFrameBad) &&
                    recording_->checkedPlace(i, first + entry, record))
                    largest = record.length;
            }
        }
    }
    return largest;
}

/** Bytes that a slab must have for the next frames; 0: as many as the series says. */
std::uint64_t Player::neededFor(std::uint32_t series) const
{
    return recording_->manifest().series[series].format.frameBytes == 0 ? needed_ : 0;
}

/** Whether the next frame needs other slabs than there are. One that was read already is the next one. */
bool Player::isNextElsewhere() const
{
    if (early_ || !recording_ || position_ >= recording_->frames())
        return false;
    const std::uint32_t series = seriesAt(position_);
    return !stream_ || !stream_->fits(series, neededFor(series));
}

std::optional<SeriesCaps> Player::wantedCaps()
{
    if (stream_ && !isNextElsewhere()) {
        const SeriesCaps &now = stream_->caps();
        return SeriesCaps{CapsPtr(gst_caps_ref(now.caps.get())), now.layout, now.frameDuration};
    }
    if (!recording_ || recording_->frames() == 0)
        return std::nullopt;
    const std::uint64_t frame = std::min(position_, recording_->frames() - 1);
    auto caps = capsOfSeries(recording_->manifest().series[seriesAt(frame)], recording_->path());
    if (!caps) {
        postError(GST_ELEMENT(element_), ofLocation(caps.error()));
        return SeriesCaps{};
    }
    return std::move(*caps);
}

bool Player::prepareStream(std::uint32_t declared)
{
    auto caps = wantedCaps();
    if (!caps)
        return true; // nothing to play yet
    if (!caps->caps)
        return false;
    const SizingRequest need = ArchiveStream::sizing(settings_, declared);
    if (stream_ && !isNextElsewhere()) {
        const std::uint32_t needed = slabsNeeded(need);
        if (needed > stream_->arena().slabs() && needed > slabsWarned_) {
            slabsWarned_ = needed; // links come and go; the same sentence again tells nothing
            GST_ELEMENT_WARNING(element_, RESOURCE, SETTINGS,
                                ("%s: the branches need %u slabs, there are %u: %s. Playing may stall; set "
                                 "slabs=%u before the start.",
                                 GST_OBJECT_NAME(element_), needed, stream_->arena().slabs(),
                                 explainSizing(need).c_str(), needed),
                                (nullptr));
        }
        return true;
    }
    const std::uint32_t series = seriesAt(std::min(position_, recording_->frames() - 1));
    StreamRequest request;
    request.settings = settings_;
    request.series = series;
    request.frameBytes = largestFrame(series);
    request.caps = std::move(*caps);
    request.declared = declared;
    request.copied = copied_;
    auto stream = ArchiveStream::open(*recording_, std::move(request));
    if (!stream) {
        Error error = stream.error();
        if (recording_->manifest().series[series].format.frameBytes == 0)
            error.message += ". " + recording_->path() + ": its longest frame takes a slab of " +
                             std::to_string(largestFrame(series)) + " bytes";
        if (settings_.slabs == 0 && (error.code == Errc::NoMemory || error.code == Errc::Limit))
            error.message += ". The number was computed: " + explainSizing(need) +
                             ". Set slabs, or let the branches hold fewer frames.";
        postError(GST_ELEMENT(element_), error);
        return false;
    }
    const ArenaReport &report = (*stream)->arena().report();
    GST_INFO_OBJECT(element_, "series %u: %u slabs of %" G_GSIZE_FORMAT " bytes in %s, read by %s", series,
                    (*stream)->arena().slabs(), (*stream)->arena().slabSize(), toString(report.kind),
                    (*stream)->fetcher().io().c_str());
    std::vector<std::string> said;
    for (const std::string &degradation : report.degradations)
        said.push_back(
            "memory=" + std::string(toString(settings_.memory)) + ": " + degradation +
            (settings_.memory == MemoryKind::Auto ? " (memory=memfd says that it is not needed)" : ""));
    postDegradations(GST_ELEMENT(element_), said, settings_.memory == MemoryKind::Auto);
    say((*stream)->fetcher().takeDegradations());
    ranged_ = false;
    setStream(std::move(*stream));
    return true;
}

void Player::say(const std::vector<std::string> &degradations)
{
    if (degradations.empty())
        return;
    std::vector<std::string> sentences;
    sentences.reserve(degradations.size());
    for (const std::string &degradation : degradations)
        sentences.push_back(ofLocation({.message = settings_.location + ": " + degradation}).message);
    postDegradations(GST_ELEMENT(element_), sentences, settings_.fetch.io == FetchIo::Auto);
    if (!stream_)
        return;
    const std::lock_guard lock(mutex_);
    io_ = stream_->fetcher().io();
}

void Player::setStream(std::unique_ptr<ArchiveStream> stream)
{
    std::unique_ptr<ArchiveStream> old;
    {
        const std::lock_guard lock(mutex_);
        last_ = statsLocked();
        old = std::exchange(stream_, std::move(stream));
        if (stream_)
            io_ = stream_->fetcher().io();
        if (stream_ && interrupted_)
            stream_->setInterrupted(true);
    }
    // Waits for the disk and may free an arena: not under the lock that unlock() takes.
    if (old) {
        old->fetcher().stop();
        const PoolLevels levels = old->levels(); // what was read ahead is home: it is no leak downstream
        const std::lock_guard lock(mutex_);
        last_.levels = levels;
    }
}

std::shared_ptr<const Timeline> Player::timeline() const
{
    const std::lock_guard lock(mutex_);
    return timeline_;
}

std::pair<std::uint32_t, GstClockTime> Player::latencyLimits() const
{
    const std::lock_guard lock(mutex_);
    if (!stream_)
        return {0, GST_CLOCK_TIME_NONE};
    return {stream_->arena().slabs(), stream_->caps().frameDuration};
}

PlayerStats Player::statsLocked() const
{
    PlayerStats stats = last_;
    stats.sequence = sequence_.load(std::memory_order_relaxed);
    stats.late = late_.load(std::memory_order_relaxed);
    stats.ioErrors = ioErrors_.load(std::memory_order_relaxed);
    stats.bytesCopied = copied_->load(std::memory_order_relaxed);
    stats.io = io_;
    if (stream_) {
        stats.levels = stream_->levels();
        stats.memory = stream_->arena().report().kind;
        stats.pageSize = stream_->arena().report().pageSize;
    }
    return stats;
}

PlayerStats Player::stats() const
{
    const std::lock_guard lock(mutex_);
    return statsLocked();
}

} // namespace dmaslab
