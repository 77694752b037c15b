// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "dmaslab/archive/reader.h"
#include "dmaslab/archive/writer_testing.h"
#include "dmaslab/capture/stamp.h"
#include "dmaslab/ring/futex.h"
#include "dmaslab/slab/pool.h"

namespace dmaslab::testing {

/** Where a test may write; empty and new for each. */
class ScratchDirectory
{
public:
    ScratchDirectory()
    {
        const char *base = std::getenv("DMASLAB_SCRATCH");
        std::string name = std::string(base ? base : std::filesystem::temp_directory_path().c_str()) +
                           "/dmaslab-archive-XXXXXX";
        if (!mkdtemp(name.data()))
            ADD_FAILURE() << "no scratch directory like " << name;
        path_ = name;
    }
    ~ScratchDirectory()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    ScratchDirectory(const ScratchDirectory &) = delete;
    ScratchDirectory &operator=(const ScratchDirectory &) = delete;

    void clear()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
        std::filesystem::create_directory(path_, ignored);
    }
    [[nodiscard]] std::string at(const std::string &name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string &path() const { return path_; }

private:
    std::string path_;
};

/** Counts what a writer tells, and gives slabs back. */
class RecordingClient : public WriterClient
{
public:
    void release(void *owner) override
    {
        delete static_cast<SlabRef *>(owner);
        const std::lock_guard lock(mutex_);
        ++released_;
    }
    void archived(std::uint64_t frames, std::uint64_t) override
    {
        const std::lock_guard lock(mutex_);
        archived_ += frames;
    }
    void lost(std::uint64_t sequence, ArchiveLoss why) override
    {
        const std::lock_guard lock(mutex_);
        lost_.push_back({sequence, why});
    }
    void segmentOpened(const SegmentEvent &event) override
    {
        const std::lock_guard lock(mutex_);
        opened_.push_back(event);
    }
    void segmentClosed(const SegmentEvent &event) override
    {
        const std::lock_guard lock(mutex_);
        closed_.push_back(event);
    }
    void warning(const std::string &sentence) override
    {
        const std::lock_guard lock(mutex_);
        warnings_.push_back(sentence);
    }
    void failed(const Error &error) override
    {
        const std::lock_guard lock(mutex_);
        errors_.push_back(error);
    }

    struct Lost
    {
        std::uint64_t sequence;
        ArchiveLoss why;
    };
    template <typename T>
    [[nodiscard]] T get(T RecordingClient::*member)
    {
        const std::lock_guard lock(mutex_);
        return this->*member;
    }

    std::uint64_t released_ = 0, archived_ = 0;
    std::vector<Lost> lost_;
    std::vector<SegmentEvent> opened_, closed_;
    std::vector<std::string> warnings_;
    std::vector<Error> errors_;

private:
    std::mutex mutex_;
};

inline SeriesFormat greyFormat(std::uint64_t width, std::uint64_t height)
{
    SeriesFormat format;
    format.caps = "video/x-raw, format=(string)GRAY16_LE";
    format.frameBytes = width * height * 2;
    format.dtype = "<u2";
    format.shape = {height, width};
    format.planes = {{0, width * 2, width * 2, height}};
    return format;
}

/** A recording on its way: a pool of slabs, a writer, and frames that verify themselves. */
class Recorder
{
public:
    Recorder(const std::string &path, const SeriesFormat &format, const WriterSettings &settings = {},
             DiskIoFactory makeIo = {}, std::uint32_t slabs = 24, RecordingInfo info = {})
        : format_(format)
    {
        ArenaRequest request;
        request.kind = MemoryKind::Memfd;
        request.slabSize = std::max<std::uint64_t>(format.frameBytes, 1);
        request.slabs = slabs;
        pool_ = std::move(*Pool::create(*Arena::create(request)));
        auto directory = RecordingDirectory::create(path, RecordingDirectory::OnCollision::Refuse);
        EXPECT_TRUE(directory) << directory.error().message;
        auto writer = WriterFactory::create(std::move(*directory), info, settings, client, std::move(makeIo));
        EXPECT_TRUE(writer) << writer.error().message;
        writer_ = std::move(*writer);
        auto layout = writer_->beginSeries(format, wish);
        EXPECT_TRUE(layout) << layout.error().message;
    }

    /** The frame of this number, in a slab. Waits for the slab. */
    ArchiveFrame make(std::uint64_t sequence, std::uint64_t length = 0)
    {
        auto slab = pool_->acquire(monotonicNowNs() + 20'000'000'000);
        if (!slab) {
            ADD_FAILURE() << "no slab came back within 20 s";
            return {};
        }
        ArchiveFrame frame;
        frame.length = length != 0 ? length : format_.frameBytes;
        fill({slab->data(), frame.length}, sequence);
        frame.data = slab->data();
        frame.readable = pool_->arena().stride();
        frame.arenaId = pool_->arena().id();
        frame.arenaBase = pool_->arena().base();
        frame.arenaBytes = pool_->arena().stride() * pool_->arena().slabs();
        frame.sequence = sequence;
        frame.pts = std::int64_t(sequence) * 1'000'000;
        frame.owner = new SlabRef(std::move(*slab));
        return frame;
    }
    static void fill(std::span<std::byte> bytes, std::uint64_t sequence)
    {
        for (std::size_t i = 0; i < bytes.size(); ++i)
            bytes[i] = std::byte((sequence * 131 + i * 7) & 0xff);
        writeStamp(bytes, sequence, sequence);
    }

    /** Pushes, waiting for room as long as the writer lives. */
    Writer::Push push(const ArchiveFrame &frame)
    {
        for (;;) {
            const Writer::Push result = writer_->push(frame);
            if (result == Writer::Push::Full && writer_->waitForRoom(monotonicNowNs() + 20'000'000'000))
                continue;
            if (result != Writer::Push::Ok)
                delete static_cast<SlabRef *>(frame.owner);
            return result;
        }
    }
    void record(std::uint64_t first, std::uint64_t count)
    {
        for (std::uint64_t i = first; i < first + count; ++i)
            ASSERT_EQ(push(make(i)), Writer::Push::Ok);
    }
    void close()
    {
        writer_->finish();
        ASSERT_TRUE(writer_->waitFinished(monotonicNowNs() + 60'000'000'000));
    }

    Writer &writer() { return *writer_; }
    Pool &pool() { return *pool_; }
    void destroyWriter() { writer_.reset(); }

    RecordingClient client;
    static inline ArchiveLayout wish = ArchiveLayout::Auto;

private:
    SeriesFormat format_;
    PoolPtr pool_;
    std::unique_ptr<Writer> writer_;
};

} // namespace dmaslab::testing
