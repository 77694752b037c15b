// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstring>
#include <set>

#include <xxhash.h>

#include "capture_test_files.h"
#include "dmaslab/capture/frame_hash.h"
#include "dmaslab/capture/stamp.h"

namespace dmaslab {

static std::vector<std::byte> someFrame(std::size_t bytes)
{
    const std::string content = test::pixels(bytes);
    const auto view = test::bytesOf(content);
    return {view.begin(), view.end()};
}

static std::uint64_t littleEndianAt(const std::vector<std::byte> &frame, std::size_t at)
{
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;)
        value = value << 8 | std::to_integer<std::uint64_t>(frame[at + i]);
    return value;
}

TEST(Stamp, HasTheDocumentedBytes)
{
    auto frame = someFrame(1000);
    const auto before = frame;
    writeStamp(frame, 0x0102030405060708, 0x1112131415161718);
    EXPECT_EQ(std::memcmp(frame.data(), "dmaslab1", 8), 0);
    EXPECT_EQ(littleEndianAt(frame, 8), 0x0102030405060708U);
    EXPECT_EQ(littleEndianAt(frame, 16), XXH3_64bits(before.data() + 64, before.size() - 64));
    EXPECT_EQ(littleEndianAt(frame, 24), 0x1112131415161718U);
    for (std::size_t i = 32; i < 64; i++)
        EXPECT_EQ(frame[i], std::byte{0}) << i;
    EXPECT_TRUE(std::equal(frame.begin() + 64, frame.end(), before.begin() + 64)) << "pixels were touched";
}

TEST(Stamp, VerifiesWhatItWrote)
{
    for (const std::size_t bytes : {64, 65, 71, 72, 73, 1000, 300 * 301}) {
        auto frame = someFrame(bytes);
        writeStamp(frame, 42, 1234567);
        const StampCheck check = verifyStamp(frame);
        EXPECT_EQ(check.status, StampStatus::Ok) << bytes;
        EXPECT_TRUE(check.hasSequence);
        EXPECT_EQ(check.sequence, 42U);
        EXPECT_EQ(check.captureTimeNs, 1234567U);
    }
}

TEST(Stamp, NoticesAnyFlippedByte)
{
    auto frame = someFrame(700);
    writeStamp(frame, 42, 77);
    for (std::size_t i = 0; i < frame.size(); i++) {
        frame[i] ^= std::byte{0x10};
        const StampCheck check = verifyStamp(frame);
        if (i < 8 || (i >= 32 && i < 64))
            EXPECT_EQ(check.status, StampStatus::NoStamp) << i;
        else if (i < 16) // not under the hash: the reader compares it with the sequence of the buffer
            EXPECT_NE(check.sequence, 42U) << i;
        else if (i >= 24 && i < 32)
            EXPECT_NE(check.captureTimeNs, 77U) << i;
        else
            EXPECT_EQ(check.status, StampStatus::WrongHash) << i;
        frame[i] ^= std::byte{0x10};
    }
    EXPECT_EQ(verifyStamp(frame).status, StampStatus::Ok);
}

TEST(Stamp, NoticesAMissingTail)
{
    auto frame = someFrame(700);
    writeStamp(frame, 42, 77);
    frame.pop_back();
    EXPECT_EQ(verifyStamp(frame).status, StampStatus::WrongHash);
}

TEST(Stamp, ShortFramesCarryWhatFits)
{
    for (std::size_t bytes = 1; bytes < 64; bytes++) {
        std::vector<std::byte> frame(bytes, std::byte{0xee});
        writeStamp(frame, 42, 77);
        const StampCheck check = verifyStamp(frame);
        EXPECT_EQ(check.status, bytes < 24 ? StampStatus::Truncated : StampStatus::Ok) << bytes;
        EXPECT_EQ(check.hasSequence, bytes >= 16) << bytes;
        EXPECT_EQ(check.sequence, bytes >= 16 ? 42U : 0U) << bytes;
        EXPECT_EQ(check.captureTimeNs, bytes >= 32 ? 77U : 0U) << bytes;
        for (std::size_t i = 0; i < bytes; i++) {
            if ((i >= 8 && i < 16) || (i >= 24 && i < 32) || (i >= 16 && bytes < 24))
                continue;
            frame[i] ^= std::byte{1};
            const StampStatus status = verifyStamp(frame).status;
            EXPECT_TRUE(status == StampStatus::NoStamp || status == StampStatus::WrongHash)
                << bytes << " bytes, byte " << i << ": " << toString(status);
            frame[i] ^= std::byte{1};
        }
    }
}

TEST(Stamp, EmptyAndForeignFramesHaveNone)
{
    EXPECT_EQ(verifyStamp({}).status, StampStatus::NoStamp);
    EXPECT_EQ(verifyStamp(someFrame(700)).status, StampStatus::NoStamp);
    EXPECT_EQ(verifyStamp(std::vector<std::byte>(700)).status, StampStatus::NoStamp);
    EXPECT_FALSE(verifyStamp(std::vector<std::byte>(700)).hasSequence);
}

TEST(Stamp, StatusesHaveNames)
{
    std::set<std::string> names;
    for (const auto s :
         {StampStatus::Ok, StampStatus::NoStamp, StampStatus::WrongHash, StampStatus::Truncated})
        names.insert(toString(s));
    EXPECT_EQ(names.size(), 4U);
}

TEST(FrameHash, IsTheOneOfTheLibrary)
{
    for (const std::size_t bytes : {0, 1, 3, 8, 16, 128, 129, 240, 241, 1024, 1025, 16384, 100003}) {
        const auto data = someFrame(bytes);
        EXPECT_EQ(frameHash(data), XXH3_64bits(data.data(), data.size())) << bytes;
    }
}

} // namespace dmaslab
