// SPDX-License-Identifier: LGPL-2.1-or-later
#include "archive_writer_support.h"

using namespace dmaslab;
using namespace dmaslab::testing;

namespace {

/** The whole of a file. */
std::vector<std::byte> contentOf(const std::string &path)
{
    std::vector<std::byte> bytes(std::filesystem::file_size(path));
    FILE *file = std::fopen(path.c_str(), "rb");
    EXPECT_NE(file, nullptr);
    EXPECT_EQ(std::fread(bytes.data(), 1, bytes.size(), file), bytes.size());
    std::fclose(file);
    return bytes;
}

WriterSettings small()
{
    WriterSettings settings;
    settings.segmentBytes = 8 << 20;
    settings.commitIntervalNs = 20'000'000;
    return settings;
}

class ArchiveWriter : public ::testing::TestWithParam<ArchiveIo>
{
protected:
    WriterSettings settings()
    {
        WriterSettings s = small();
        s.io = GetParam();
        return s;
    }
    ScratchDirectory scratch;
};

TEST_P(ArchiveWriter, WritesWhatWasPushed)
{
    Recorder recorder(scratch.at("rec"), greyFormat(64, 32), settings());
    recorder.record(0, 100);
    recorder.close();

    const WriterStats stats = recorder.writer().stats();
    EXPECT_EQ(stats.archived, 100u);
    EXPECT_EQ(stats.pending, 0u);
    EXPECT_EQ(stats.lost, 0u);
    EXPECT_EQ(stats.bytesCopied, 0u);
    EXPECT_EQ(stats.held, 0u);
    EXPECT_EQ(recorder.client.get(&RecordingClient::released_), 100u);
    EXPECT_EQ(recorder.pool().levels().free, recorder.pool().levels().slabs);

    const auto frames = contentOf(scratch.at("rec/frames-000000.npy"));
    ASSERT_EQ(frames.size(), 4096u + 100 * 4096);
    for (std::uint64_t i = 0; i < 100; ++i) {
        const auto check = verifyStamp(std::span(frames).subspan(4096 * (i + 1), 4096));
        ASSERT_EQ(check.status, StampStatus::Ok) << i;
        ASSERT_EQ(check.sequence, i);
    }
}

INSTANTIATE_TEST_SUITE_P(Io, ArchiveWriter, ::testing::Values(ArchiveIo::Auto, ArchiveIo::Pwrite),
                         [](const auto &each) { return each.param == ArchiveIo::Auto ? "Auto" : "Pwrite"; });

} // namespace
