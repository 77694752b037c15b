// SPDX-License-Identifier: LGPL-2.1-or-later
// Records frames that verify themselves, and says on stdout what the writer says: what it has counted when
// the process, or the power, is taken away is what must be found on the disk. Each line is one write(2):
//   series SHAPE LAYOUT            thread producer|writer TID
//   opened NUMBER SERIES           closed NUMBER FRAMES
//   archived FRAMES RELEASED PUSHED        frames durable so far; given back so far; pushed so far
//   lost SEQUENCE REASON           missing SEQUENCE REASON     by the writer; before it
//   warning … / failed …           steady begins, steady KEY=VALUE …    end KEY=VALUE …
#include <atomic>
#include <cinttypes>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <ctime>

#include <dlfcn.h>
#include <unistd.h>

#include "archive_load_frames.h"
#include "archive_load_options.h"
#include "bench/alloc_count.h"
#include "dmaslab/pacing/pacer.h"

using namespace dmaslab;
using namespace dmaslab::test;

namespace {

constexpr std::int64_t kPatienceNs = 60'000'000'000; ///< reaching it is a failure, never a measurement

volatile std::sig_atomic_t stopped = 0;

[[gnu::format(printf, 1, 2)]] void say(const char *format, ...)
{
    char line[1024]; // neither a lock nor an allocation: the writer's thread is under test
    va_list arguments;
    va_start(arguments, format);
    int length = std::vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    length = length < int(sizeof line) - 1 ? length : int(sizeof line) - 2;
    for (int i = 0; i < length; ++i)
        if (line[i] == '\n')
            line[i] = ' ';
    line[length++] = '\n';
    if (::write(STDOUT_FILENO, line, std::size_t(length)) != length)
        _exit(5); // an oracle that is not heard proves nothing
}

[[noreturn]] void giveUp(const std::string &sentence)
{
    say("error %s", sentence.c_str());
    std::exit(EXIT_FAILURE);
}

template <typename T>
T orExit(Result<T> result)
{
    if (!result)
        giveUp(result.error().message);
    return std::move(*result);
}

const char *toString(ArchiveLoss why)
{
    switch (why) {
    case ArchiveLoss::DiskFull:
        return "disk-full";
    case ArchiveLoss::IoError:
        return "io-error";
    case ArchiveLoss::Error:
        return "error";
    }
    return "?";
}

class Client final : public WriterClient
{
public:
    explicit Client(bool quiet) : quiet_(quiet) {}

    void release(void *owner) override
    {
        if (!FrameSlabs::release(owner))
            ++releasedTwice;
        ++released;
    }
    void gather(void *owner, std::byte *dest) override { FrameSlabs::gather(owner, dest); }
    void archived(std::uint64_t frames, std::uint64_t) override
    {
        // Read first: what had been given back by now has at most one more commit to wait for.
        const std::uint64_t home = released;
        const std::uint64_t sent = pushed;
        counted += frames;
        if (!quiet_)
            say("archived %" PRIu64 " %" PRIu64 " %" PRIu64, counted.load(), home, sent);
        if (!named_.exchange(true))
            say("thread writer %d", ::gettid());
    }
    void lost(std::uint64_t sequence, ArchiveLoss why) override
    {
        ++losses;
        say("lost %" PRIu64 " %s", sequence, toString(why));
    }
    void segmentOpened(const SegmentEvent &segment) override
    {
        say("opened %u %u", segment.number, segment.series);
    }
    void segmentClosed(const SegmentEvent &segment) override
    {
        say("closed %u %" PRIu64, segment.number, segment.frames);
    }
    void warning(const std::string &sentence) override { say("warning %s", sentence.c_str()); }
    void failed(const Error &error) override
    {
        ++failures;
        say("failed %s", error.message.c_str());
    }

    std::atomic<std::uint64_t> pushed{0}, released{0}, counted{0}, losses{0}, failures{0}, releasedTwice{0};

private:
    const bool quiet_;
    std::atomic<bool> named_{false};
};

/** Allocations and calls of the steady part, between the first segment and the end. */
class SteadyPart
{
public:
    void begin(const Writer &writer, std::uint64_t frame)
    {
        before_ = writer.stats();
        first_ = frame;
        if (const auto start = AllocCountStart(dlsym(RTLD_DEFAULT, "alloc_count_start")))
            start();
        say("steady begins"); // a mark in a trace of system calls
    }
    void end(const Writer &writer, std::uint64_t frame) const
    {
        AllocCounts counts{};
        if (const auto read = AllocCountRead(dlsym(RTLD_DEFAULT, "alloc_count_read")))
            counts = read();
        const WriterStats now = writer.stats();
        say("steady frames=%" PRIu64 " enters=%" PRIu64 " writes=%" PRIu64 " commits=%" PRIu64
            " segments=%" PRIu64 " allocations=%llu ours=%llu copied=%" PRIu64,
            frame - first_, now.enters - before_.enters, now.writes - before_.writes,
            now.commits - before_.commits, now.segments - before_.segments, counts.all, counts.ours,
            now.bytesCopied - before_.bytesCopied);
    }

private:
    WriterStats before_;
    std::uint64_t first_ = 0;
};

/** The streaming thread of this program. */
class Producer
{
public:
    Producer(const LoadOptions &load, Writer &writer, Client &client)
        : load_(load), writer_(writer), client_(client)
    {
    }

    void begin(FrameSlabs &slabs)
    {
        slabs_ = &slabs;
        const SeriesLayout layout = orExit(writer_.beginSeries(slabs.format(), load_.layout));
        say("series %s %s", layout.descr.c_str(), dmaslab::toString(layout.layout));
    }

    /** False when the recording has failed. */
    bool frame(std::uint64_t number)
    {
        const std::uint64_t sequence = load_.firstSequence + number;
        Pool &pool = slabs_->pool();
        auto slab = load_.wait ? pool.acquire(monotonicNowNs() + kPatienceNs) : pool.tryAcquire();
        if (!slab) {
            if (load_.wait)
                giveUp("no slab came back within a minute");
            lose(sequence, "starved");
            return true;
        }
        const std::int64_t now = monotonicNowNs();
        slabs_->fill(*slab, sequence, now);
        if (sequence % load_.info.everyNth != 0)
            return true; // the slab is free at once, and the next frame is laid into it
        if (load_.loseEvery != 0 && number % load_.loseEvery == load_.loseEvery - 1) {
            lose(sequence, "device");
            return true;
        }
        return push(slabs_->hand(std::move(*slab), sequence, load_), now);
    }

    /** What is still untold when the last frame is gone. */
    void end()
    {
        if (loss_.count != 0)
            writer_.note(loss_);
    }

    std::uint64_t missing = 0, refused = 0;

private:
    bool push(ArchiveFrame frame, std::int64_t now)
    {
        timespec utc{};
        clock_gettime(CLOCK_REALTIME, &utc);
        frame.utc = utc.tv_sec * 1'000'000'000 + utc.tv_nsec;
        frame.capture = now;
        frame.pts = std::int64_t(frame.sequence) * 1'000'000;
        frame.dropsBefore = std::uint32_t(loss_.count);
        frame.flags = loss_.count != 0 ? kFrameDiscont : 0;
        if (loss_.count != 0)
            writer_.note(loss_);
        loss_ = {};
        for (;;) {
            ++client_.pushed; // before, so that no line can name more frames than were pushed
            const Writer::Push result = writer_.push(frame);
            if (result == Writer::Push::Ok)
                return true;
            --client_.pushed;
            if (result == Writer::Push::Failed) {
                ++refused;
                FrameSlabs::release(frame.owner);
                return false;
            }
            if (!load_.wait) {
                FrameSlabs::release(frame.owner);
                lose(frame.sequence, "full");
                return true;
            }
            if (!writer_.waitForRoom(monotonicNowNs() + kPatienceNs))
                giveUp("the writer had no room within a minute");
        }
    }

    void lose(std::uint64_t sequence, const char *reason)
    {
        ++missing;
        say("missing %" PRIu64 " %s", sequence, reason);
        if (loss_.count != 0 && loss_.reasonText() != reason) {
            writer_.note(loss_);
            loss_ = {};
        }
        if (loss_.count == 0) {
            loss_.first = sequence;
            loss_.setReason(reason);
            loss_.setElement("archive_load");
        }
        loss_.last = sequence;
        ++loss_.count;
    }

    const LoadOptions &load_;
    Writer &writer_;
    Client &client_;
    FrameSlabs *slabs_ = nullptr;
    LossRecord loss_;
};

} // namespace

int main(int argc, char **argv)
{
    const LoadOptions load = parseLoadOptions(argc, argv);
    std::signal(SIGTERM, [](int) { stopped = 1; });
    std::signal(SIGXFSZ, SIG_IGN); // a program that may meet RLIMIT_FSIZE wants the error, not the signal
    Client client(load.quiet);
    const auto first = orExit(FrameSlabs::create(load, false));
    const auto second = orExit(FrameSlabs::create(load, true));

    auto directory =
        orExit(RecordingDirectory::create(load.location, RecordingDirectory::OnCollision::Refuse));
    RecordingInfo info = load.info;
    info.software = "archive_load";
    auto writer = orExit(Writer::create(std::move(directory), info, load.settings, client));
    say("thread producer %d", ::gettid());
    Producer producer(load, *writer, client);
    SteadyPart steady;
    producer.begin(*first);

    PacerOptions options;
    options.onOverrun = OnOverrun::Burst; // every frame of the count comes, if late
    Pacer pacer(orExit(FrameRate::make(load.rate != 0 ? std::int64_t(load.rate) : 1, 1)), options);
    pacer.rebase(monotonicNowNs());
    std::uint64_t number = 0;
    for (; stopped == 0 && (load.frames == 0 || number < load.frames); ++number) {
        if (load.changeAt != 0 && number == load.changeAt)
            producer.begin(*second);
        if (load.splitEvery != 0 && number % load.splitEvery == load.splitEvery - 1)
            writer->split();
        if (load.rate != 0)
            (void)pacer.waitFor(number);
        if (load.steadyFrom != 0 && number == load.steadyFrom)
            steady.begin(*writer, number);
        if (!producer.frame(number))
            break;
    }
    if (load.steadyFrom != 0)
        steady.end(*writer, number);
    producer.end();
    writer->finish();
    if (!writer->waitFinished(monotonicNowNs() + kPatienceNs))
        giveUp("the writer did not finish within a minute");

    const WriterStats stats = writer->stats();
    const std::string path = writer->path();
    writer.reset();
    say("end frames=%" PRIu64 " pushed=%" PRIu64 " archived=%" PRIu64 " lost=%" PRIu64 " pending=%" PRIu64
        " held=%u counted=%" PRIu64 " losses=%" PRIu64 " released=%" PRIu64 " released_twice=%" PRIu64
        " missing=%" PRIu64 " refused=%" PRIu64 " failures=%" PRIu64 " sent=%" PRIu64
        " out=%u copied=%" PRIu64 " io_errors=%" PRIu64 " segments=%" PRIu64 " enters=%" PRIu64
        " writes=%" PRIu64 " commits=%" PRIu64,
        number, stats.pushed, stats.archived, stats.lost, stats.pending, stats.held, client.counted.load(),
        client.losses.load(), client.released.load(), client.releasedTwice.load(), producer.missing,
        producer.refused, client.failures.load(), client.pushed.load(),
        first->pool().levels().held + second->pool().levels().held, stats.bytesCopied, stats.ioErrors,
        stats.segments, stats.enters, stats.writes, stats.commits);
    say("io %s", stats.io.c_str());
    return client.failures != 0 ? 4 : EXIT_SUCCESS;
}
