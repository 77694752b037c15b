// SPDX-License-Identifier: LGPL-2.1-or-later
// Which memory gets to the disk as it lies, and what happens to the other.
#include <fstream>
#include <sstream>

#include <sys/mman.h>

#include "archive_check.h"
#include "archive_writer_support.h"

using namespace dmaslab;
using namespace dmaslab::testing;

namespace {

struct Case
{
    const char *name;
    ArchiveIo io;
    bool direct;
    bool pinned;
};

class ArchiveWriterMemory : public ::testing::TestWithParam<Case>
{
protected:
    WriterSettings settings() const
    {
        WriterSettings s;
        s.segmentBytes = 4 << 20;
        s.io = GetParam().io;
        s.direct = GetParam().direct;
        s.registerBuffers = GetParam().pinned;
        return s;
    }
    /** Records `count` copies of what lies at `data`, closes, and says how many bytes were copied for it. */
    std::uint64_t recordForeign(const SeriesFormat &format, const std::byte *data, std::uint64_t readable,
                                unsigned count = 3)
    {
        Recorder recorder(scratch.at("rec"), format, settings());
        for (unsigned i = 0; i < count; ++i) {
            ArchiveFrame frame;
            frame.data = data;
            frame.length = format.frameBytes;
            frame.readable = readable;
            frame.sequence = i;
            EXPECT_EQ(recorder.push(frame), Writer::Push::Ok);
        }
        recorder.close();
        EXPECT_EQ(recorder.writer().stats().archived, count);
        EXPECT_TRUE(recorder.client.get(&RecordingClient::errors_).empty());
        return recorder.writer().stats().bytesCopied;
    }
    void expectFrames(const std::byte *data, std::uint64_t length, unsigned count = 3)
    {
        const auto recording = Recording::open(scratch.at("rec"));
        ASSERT_TRUE(recording) << recording.error().message;
        ASSERT_EQ(recording->frames(), count);
        for (unsigned i = 0; i < count; ++i) {
            const auto place = recording->place(i);
            ASSERT_TRUE(place);
            ASSERT_EQ(place->index.length, length);
            std::vector<std::byte> bytes(length);
            ASSERT_TRUE(recording->readFrame(*place, bytes));
            EXPECT_EQ(std::memcmp(bytes.data(), data, length), 0) << "frame " << i;
            EXPECT_EQ(place->index.hash, frameHash(bytes));
        }
    }
    ScratchDirectory scratch;
};

TEST_P(ArchiveWriterMemory, SlabsAreNeverCopied)
{
    // Layouts plain, record and rows; the last one has a hole behind each frame, which only page-cache writes
    // fill.
    for (const auto &[width, height] : {std::pair{64, 64}, {75, 33}, {960, 1080}}) {
        scratch.clear();
        Recorder recorder(scratch.at("rec"), greyFormat(std::uint64_t(width), std::uint64_t(height)),
                          settings());
        recorder.record(0, 10);
        recorder.close();
        EXPECT_EQ(recorder.writer().stats().bytesCopied, 0u) << width;
        EXPECT_EQ(checkedFrames(scratch.at("rec")), 10u) << width;
    }
}

TEST_P(ArchiveWriterMemory, AnyAddressWillDo)
{
    const SeriesFormat format = greyFormat(75, 33);
    std::vector<std::byte> bytes(format.frameBytes + 64);
    Recorder::fill(bytes, 5);
    for (const std::size_t shift : {std::size_t{0}, std::size_t{1}, std::size_t{8}}) {
        scratch.clear();
        const std::uint64_t copied = recordForeign(format, bytes.data() + shift, format.frameBytes);
        EXPECT_EQ(copied, GetParam().direct ? 3 * format.frameBytes : 0u) << shift;
        expectFrames(bytes.data() + shift, format.frameBytes);
    }
}

TEST_P(ArchiveWriterMemory, AlignedForeignMemoryIsNotCopied)
{
    const SeriesFormat format = greyFormat(64, 64);
    const std::uint64_t bytes = format.frameBytes;
    auto *memory = static_cast<std::byte *>(
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(memory, MAP_FAILED);
    Recorder::fill({memory, bytes}, 9);
    EXPECT_EQ(recordForeign(format, memory, bytes), 0u);
    expectFrames(memory, bytes);
    munmap(memory, bytes);
}

TEST_P(ArchiveWriterMemory, ReadOnlyMemoryIsNotCopied)
{
    const SeriesFormat format = greyFormat(64, 64);
    const std::uint64_t bytes = format.frameBytes;
    const int fd = memfd_create("read-only", 0);
    ASSERT_EQ(ftruncate(fd, off_t(bytes)), 0);
    std::vector<std::byte> content(bytes);
    Recorder::fill(content, 3);
    ASSERT_EQ(pwrite(fd, content.data(), bytes, 0), ssize_t(bytes));
    auto *memory = static_cast<std::byte *>(mmap(nullptr, bytes, PROT_READ, MAP_SHARED, fd, 0));
    ASSERT_NE(memory, MAP_FAILED);

    Recorder recorder(scratch.at("rec"), format, settings());
    ArchiveFrame frame;
    frame.data = memory;
    frame.length = frame.readable = bytes;
    frame.arenaId = 77; // cannot be pinned for good: the kernel wants to write to what it pins
    frame.arenaBase = memory;
    frame.arenaBytes = bytes;
    EXPECT_EQ(recorder.push(frame), Writer::Push::Ok);
    recorder.close();
    EXPECT_EQ(recorder.writer().stats().bytesCopied, 0u);
    EXPECT_TRUE(recorder.client.get(&RecordingClient::warnings_).empty());
    expectFrames(memory, bytes, 1);
    munmap(memory, bytes);
    close(fd);
}

/** A page of device-like memory that every process has: no pinning, no O_DIRECT from it. */
const std::byte *vvar()
{
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find("[vvar]") == line.npos)
            continue;
        return reinterpret_cast<const std::byte *>(std::stoull(line, nullptr, 16));
    }
    return nullptr;
}

TEST_P(ArchiveWriterMemory, DeviceMemoryIsCopiedOnceAndCounted)
{
    const std::byte *page = vvar();
    if (!page)
        GTEST_SKIP() << "this kernel gives processes no [vvar] page";
    // The vDSO's page changes with the clock: only its length and the counters are looked at. The page cache
    // takes it from the kernel's side of the copy.
    SeriesFormat format;
    format.frameBytes = 4096;
    format.shape = {4096};
    WriterSettings unhashed = settings();
    unhashed.checksum = false;
    Recorder recorder(scratch.at("rec"), format, unhashed);
    for (unsigned i = 0; i < 5; ++i) {
        ArchiveFrame frame;
        frame.data = page;
        frame.length = frame.readable = 4096;
        frame.arenaId = 78;
        frame.arenaBase = page;
        frame.arenaBytes = 4096;
        frame.sequence = i;
        ASSERT_EQ(recorder.push(frame), Writer::Push::Ok);
    }
    recorder.close();
    EXPECT_EQ(recorder.writer().stats().archived, 5u);
    EXPECT_EQ(recorder.writer().stats().bytesCopied, GetParam().direct ? 5u * 4096 : 0u);
}

TEST_P(ArchiveWriterMemory, BlobsOfAnyLengthComeBack)
{
    SeriesFormat format;
    format.caps = "image/jpeg";
    Recorder recorder(scratch.at("rec"), format, settings());
    const std::vector<std::size_t> lengths{1, 64, 4095, 4096, 4097, 70'000, 1'300'000, 12};
    std::vector<std::vector<std::byte>> frames;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        frames.emplace_back(lengths[i]);
        Recorder::fill(frames.back(), i);
    }
    for (std::size_t i = 0; i < frames.size(); ++i) {
        ArchiveFrame frame;
        frame.data = frames[i].data();
        frame.length = frame.readable = frames[i].size();
        frame.sequence = i;
        ASSERT_EQ(recorder.push(frame), Writer::Push::Ok);
    }
    recorder.close();
    const auto recording = Recording::open(scratch.at("rec"));
    ASSERT_TRUE(recording) << recording.error().message;
    ASSERT_EQ(recording->frames(), frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
        const auto place = recording->place(i);
        ASSERT_TRUE(place);
        ASSERT_EQ(place->index.length, frames[i].size());
        std::vector<std::byte> bytes(frames[i].size());
        ASSERT_TRUE(recording->readFrame(*place, bytes));
        EXPECT_EQ(bytes, frames[i]) << i;
    }
}

TEST_P(ArchiveWriterMemory, WhatIsGatheredIsCounted)
{
    class Gatherer : public RecordingClient
    {
    public:
        void release(void *) override {}
        void gather(void *owner, std::byte *dest) override
        {
            Recorder::fill({dest, 8192}, *static_cast<std::uint64_t *>(owner));
        }
    } client;
    WriterSettings s = settings();
    auto writer = std::move(*WriterFactory::create(
        std::move(*RecordingDirectory::create(scratch.at("rec"), RecordingDirectory::OnCollision::Refuse)),
        {}, s, client, {}));
    ASSERT_TRUE(writer->beginSeries(greyFormat(64, 64), ArchiveLayout::Auto));
    std::uint64_t numbers[] = {0, 1, 2, 3};
    for (std::uint64_t &number : numbers) {
        ArchiveFrame frame;
        frame.length = 8192;
        frame.sequence = number;
        frame.owner = &number;
        ASSERT_EQ(writer->push(frame), Writer::Push::Ok);
    }
    writer->finish();
    ASSERT_TRUE(writer->waitFinished(kNoDeadline));
    EXPECT_EQ(writer->stats().bytesCopied, 4u * 8192);
    EXPECT_EQ(checkedFrames(scratch.at("rec")), 4u);
}

INSTANTIATE_TEST_SUITE_P(Ways, ArchiveWriterMemory,
                         ::testing::Values(Case{"Uring", ArchiveIo::Auto, true, true},
                                           Case{"UringUnpinned", ArchiveIo::Auto, true, false},
                                           Case{"UringPageCache", ArchiveIo::Auto, false, true},
                                           Case{"Pwrite", ArchiveIo::Pwrite, true, true},
                                           Case{"PwritePageCache", ArchiveIo::Pwrite, false, true}),
                         [](const auto &each) { return each.param.name; });

} // namespace
