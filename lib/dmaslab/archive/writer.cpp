// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/writer.h"

#include <algorithm>
#include <chrono>

#include "dmaslab/archive/writer_testing.h"
#include "dmaslab/archive/writer_thread.h"

namespace dmaslab {

namespace {

Result<void> check(const WriterSettings &settings)
{
    const auto wrong = [](const std::string &what) {
        return tl::unexpected<Error>(Error{Errc::InvalidArgument, what, 0});
    };
    if (settings.queueDepth < 1 || settings.queueDepth > 1024)
        return wrong("queue-depth=" + std::to_string(settings.queueDepth) +
                     ": choose 1 to 1024 writes under way");
    if (settings.maxHeld < 1 || settings.maxHeld > (1u << 20))
        return wrong("max-held=" + std::to_string(settings.maxHeld) + ": choose 1 to 1048576 frames");
    if (settings.batchTimeNs < 1000 || settings.batchTimeNs > 1'000'000'000)
        return wrong("batch-time=" + std::to_string(settings.batchTimeNs) + ": choose 1 us to 1 s");
    if (settings.commitIntervalNs < 1'000'000 || settings.commitIntervalNs > 3600'000'000'000)
        return wrong("commit-interval=" + std::to_string(settings.commitIntervalNs) + ": choose 1 ms to 1 h");
    if (settings.maxSegments == 1 || settings.maxSegments == 2)
        return wrong(
            "max-segments=" + std::to_string(settings.maxSegments) +
            ": a ring needs 3 segments at least, one that is written, one that is next, and one to keep");
    return {};
}

std::chrono::steady_clock::time_point timeOf(std::int64_t deadlineNs)
{
    // A year is as good as never, and does not overflow.
    const std::int64_t most = monotonicNowNs() + 365LL * 86400 * 1'000'000'000;
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(std::min(deadlineNs, most)));
}

} // namespace

class Writer::Impl
{
public:
    Impl(RecordingDirectory directory, const RecordingInfo &info, const WriterSettings &settings,
         WriterClient &client, Waker waker, DiskIoFactory makeIo)
        : client(client), shared(settings, std::move(waker)),
          keeper(std::move(directory), info, settings, client, shared.waker),
          thread(shared, keeper, settings, info.element, client, std::move(makeIo))
    {
    }

    ~Impl()
    {
        // A frame that came in beside finish(), after the writer's last look.
        ArchiveFrame frame;
        thread.join();
        while (shared.frames.pop(frame))
            client.release(frame.owner);
    }

    /** False when there is no memory for it. */
    bool command(WriterCommand command)
    {
        try {
            shared.commands.put(shared.frames.tailPosition(), std::move(command));
        } catch (const std::bad_alloc &) {
            return false;
        }
        shared.ring();
        return true;
    }
    bool waitFor(std::int64_t deadlineNs, const std::function<bool()> &condition)
    {
        std::unique_lock lock(shared.mutex);
        return shared.progress.wait_until(lock, timeOf(deadlineNs), condition);
    }

    WriterClient &client;
    WriterShared shared;
    SegmentKeeper keeper;
    WriterThread thread;
    std::uint32_t series = 0; ///< the producer's
    std::atomic<bool> finishing{false};
    std::atomic<std::uint64_t> tickets{0};
};

Result<std::unique_ptr<Writer>> Writer::create(RecordingDirectory directory, const RecordingInfo &info,
                                               WriterSettings settings, WriterClient &client)
{
    return WriterFactory::create(std::move(directory), info, settings, client, {});
}

Result<std::unique_ptr<Writer>> WriterFactory::create(RecordingDirectory directory, const RecordingInfo &info,
                                                      WriterSettings settings, WriterClient &client,
                                                      DiskIoFactory makeIo)
{
    if (const auto ok = check(settings); !ok)
        return tl::unexpected(ok.error());
    auto waker = Waker::create();
    if (!waker)
        return tl::unexpected(waker.error());
    try {
        auto impl = std::make_unique<Writer::Impl>(std::move(directory), info, settings, client,
                                                   std::move(*waker), std::move(makeIo));
        if (const auto ok = impl->keeper.begin(); !ok)
            return tl::unexpected(ok.error());
        impl->thread.start();
        return std::unique_ptr<Writer>(new Writer(std::move(impl)));
    } catch (const std::exception &) {
        return failNoMemory("no memory for a writer");
    }
}

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Writer::~Writer()
{
    finish();
    (void)waitFinished(kNoDeadline);
}

Result<SeriesLayout> Writer::beginSeries(SeriesFormat format, ArchiveLayout wish)
{
    auto layout = chooseLayout(format, wish);
    if (!layout)
        return layout;
    WriterCommand command;
    command.kind = WriterCommand::Kind::Series;
    command.series = impl_->series++;
    command.layout = *layout;
    if (!impl_->keeper.addSeries({std::move(format), *layout}) || !impl_->command(std::move(command)))
        return failNoMemory("no memory for a new format");
    return layout;
}

Writer::Push Writer::push(const ArchiveFrame &frame)
{
    WriterShared &shared = impl_->shared;
    if (shared.failed.load(std::memory_order_acquire) || impl_->finishing.load(std::memory_order_acquire))
        return Push::Failed;
    // Only we add; acquire: what the writer let go of, it is through with.
    if (shared.held.load(std::memory_order_acquire) >= shared.maxHeld)
        return Push::Full;
    shared.held.fetch_add(1, std::memory_order_relaxed);
    // Before the frame can be archived or lost, so that never more is than was pushed; and before ring()
    // looks whether the writer sleeps, who looks at this after saying so.
    shared.pushed.fetch_add(1, std::memory_order_seq_cst);
    if (!shared.frames.push(frame)) { // cannot be: it has a place for every held frame
        shared.pushed.fetch_sub(1, std::memory_order_relaxed);
        shared.held.fetch_sub(1, std::memory_order_relaxed);
        return Push::Full;
    }
    shared.ring();
    return Push::Ok;
}

void Writer::note(const LossRecord &loss)
{
    WriterCommand command;
    command.kind = WriterCommand::Kind::Note;
    command.loss = loss;
    impl_->command(std::move(command));
}

void Writer::setTags(std::string json)
{
    impl_->keeper.setTags(std::move(json));
}

void Writer::split()
{
    WriterCommand command;
    command.kind = WriterCommand::Kind::Split;
    impl_->command(std::move(command));
}

bool Writer::waitForRoom(std::int64_t deadlineNs)
{
    WriterShared &shared = impl_->shared;
    const auto result = shared.room.wait(
        [&shared] {
            return shared.failed.load(std::memory_order_acquire) ||
                   shared.held.load(std::memory_order_acquire) <=
                       shared.maxHeld - std::max(shared.maxHeld / 4, 1u);
        },
        deadlineNs);
    return result == Doorbell::Result::Ready;
}

void Writer::setInterrupted(bool interrupted)
{
    if (interrupted)
        impl_->shared.room.interrupt();
    else
        impl_->shared.room.reset();
}

bool Writer::drain(std::int64_t deadlineNs)
{
    WriterCommand command;
    command.kind = WriterCommand::Kind::Drain;
    const std::uint64_t ticket = command.ticket = impl_->tickets.fetch_add(1, std::memory_order_relaxed) + 1;
    if (!impl_->command(std::move(command)))
        return false;
    return impl_->waitFor(deadlineNs,
                          [&] { return impl_->shared.finished || impl_->shared.drained >= ticket; });
}

void Writer::finish()
{
    if (impl_->finishing.exchange(true))
        return;
    WriterCommand command;
    command.kind = WriterCommand::Kind::Finish;
    if (impl_->command(std::move(command)))
        return;
    impl_->shared.finishNow.store(
        true, std::memory_order_release); // without memory, and without its place in the stream
    impl_->shared.waker.wake();
}

bool Writer::waitFinished(std::int64_t deadlineNs)
{
    return impl_->waitFor(deadlineNs, [&] { return impl_->shared.finished; });
}

bool Writer::finished() const
{
    const std::lock_guard lock(impl_->shared.mutex);
    return impl_->shared.finished;
}

WriterStats Writer::stats() const
{
    const WriterShared &shared = impl_->shared;
    WriterStats stats;
    // Acquire, and `pushed` last: whoever was archived or lost was pushed before.
    stats.archived = shared.archived.load(std::memory_order_acquire);
    stats.lost = shared.lost.load(std::memory_order_acquire);
    stats.bytes = shared.bytes.load(std::memory_order_relaxed);
    stats.bytesCopied = shared.bytesCopied.load(std::memory_order_relaxed);
    stats.ioErrors = shared.ioErrors.load(std::memory_order_relaxed);
    stats.segments = shared.segments.load(std::memory_order_relaxed);
    stats.enters = shared.enters.load(std::memory_order_relaxed);
    stats.writes = shared.writes.load(std::memory_order_relaxed);
    stats.commits = shared.commits.load(std::memory_order_relaxed);
    stats.held = shared.held.load(std::memory_order_relaxed);
    stats.pushed = shared.pushed.load(std::memory_order_relaxed);
    stats.pending = stats.pushed - stats.archived - stats.lost;
    const std::lock_guard lock(impl_->shared.mutex);
    stats.io = shared.io;
    return stats;
}

const std::string &Writer::path() const
{
    return impl_->keeper.path();
}

} // namespace dmaslab
