// SPDX-License-Identifier: LGPL-2.1-or-later
#include <cstring>
#include <set>

#include <gtest/gtest.h>

#include "dmaslab/capture/stamp.h"
#include "dmaslab/capture/synthetic.h"

namespace dmaslab {

using Frame = std::vector<std::byte>;

static std::unique_ptr<SyntheticSource> make(Pattern pattern, const FrameLayout &layout)
{
    auto source = SyntheticSource::create(pattern, layout);
    EXPECT_TRUE(source) << source.error().message;
    return std::move(*source);
}

static FillTarget slab(Frame &bytes, std::uint32_t index = 0, std::uint32_t arena = 1)
{
    return {bytes, arena, index};
}

static Frame filled(SyntheticSource &source, const FrameLayout &layout, std::uint64_t sequence,
                    std::byte before = std::byte{0xa5})
{
    Frame frame(layout.frameBytes, before);
    EXPECT_EQ(source.fill(slab(frame), sequence, 99), FillStatus::Ok);
    return frame;
}

TEST(SyntheticCounter, FramesVerifyThemselves)
{
    for (const std::size_t bytes : {64, 65, 71, 72, 80, 100, 16448, 16449, 40000, 614400}) {
        FrameLayout layout;
        layout.frameBytes = bytes;
        const auto source = make(Pattern::Counter, layout);
        for (const std::uint64_t sequence : {0ULL, 1ULL, 0xffffffffULL, 0x100000000ULL, ~0ULL}) {
            const StampCheck check = verifyStamp(filled(*source, layout, sequence));
            EXPECT_EQ(check.status, StampStatus::Ok) << bytes;
            EXPECT_EQ(check.sequence, sequence);
            EXPECT_EQ(check.captureTimeNs, 99U);
        }
    }
}

TEST(SyntheticCounter, ShortFramesCarryTheStartOfTheStamp)
{
    for (std::size_t bytes = 1; bytes < 64; bytes++) {
        FrameLayout layout;
        layout.frameBytes = bytes;
        const auto source = make(Pattern::Counter, layout);
        Frame frame(bytes + 8, std::byte{0xa5});
        EXPECT_EQ(source->fill(slab(frame), 7, 99), FillStatus::Ok);
        const StampCheck check = verifyStamp(std::span(frame).first(bytes));
        EXPECT_EQ(check.status, bytes < 24 ? StampStatus::Truncated : StampStatus::Ok);
        EXPECT_EQ(check.sequence, bytes < 16 ? 0U : 7U);
        for (std::size_t i = bytes; i < frame.size(); i++)
            EXPECT_EQ(frame[i], std::byte{0xa5}) << "written beyond the frame";
    }
}

TEST(SyntheticCounter, NoTwoSequencesShareAWord)
{
    const FrameLayout layout = FrameLayout::packed(64, 8);
    const auto source = make(Pattern::Counter, layout);
    std::set<std::string> bodies;
    std::set<std::uint64_t> firstWords;
    for (std::uint64_t sequence = 0; sequence < 2000; sequence++) {
        const Frame frame = filled(*source, layout, sequence);
        bodies.emplace(reinterpret_cast<const char *>(frame.data()) + 64, frame.size() - 64);
        std::uint64_t word = 0;
        std::memcpy(&word, frame.data() + 64, sizeof word);
        firstWords.insert(word);
    }
    EXPECT_EQ(bodies.size(), 2000U);
    EXPECT_EQ(firstWords.size(), 2000U);
}

TEST(SyntheticCounter, AStaleBodyUnderANewStampIsWrong)
{
    const FrameLayout layout = FrameLayout::packed(640, 48);
    const auto source = make(Pattern::Counter, layout);
    const Frame old = filled(*source, layout, 5);
    Frame torn = filled(*source, layout, 6);
    std::copy(old.end() - 8, old.end(), torn.end() - 8);
    EXPECT_EQ(verifyStamp(torn).status, StampStatus::WrongHash);
}

TEST(SyntheticCounter, CoversPaddingAndNothingBehindTheFrame)
{
    const FrameLayout layout = FrameLayout::padded(30, 10, 32);
    const auto source = make(Pattern::Counter, layout);
    Frame a(layout.frameBytes + 64, std::byte{0xa5});
    Frame b(layout.frameBytes + 64, std::byte{0x5a});
    EXPECT_EQ(source->fill(slab(a), 3, 0), FillStatus::Ok);
    EXPECT_EQ(source->fill(slab(b), 3, 0), FillStatus::Ok);
    EXPECT_EQ(std::memcmp(a.data(), b.data(), layout.frameBytes), 0) << "what was there before shows through";
    EXPECT_EQ(a[layout.frameBytes], std::byte{0xa5});
    EXPECT_EQ(b[layout.frameBytes], std::byte{0x5a});
}

TEST(SyntheticCounter, TakesAnyAddress)
{
    FrameLayout layout;
    layout.frameBytes = 1001;
    const auto source = make(Pattern::Counter, layout);
    const Frame aligned = filled(*source, layout, 3);
    for (std::size_t shift = 1; shift < 9; shift++) {
        Frame room(layout.frameBytes + shift);
        const auto bytes = std::span(room).subspan(shift);
        EXPECT_EQ(source->fill({bytes, 1, 0}, 3, 99), FillStatus::Ok);
        EXPECT_TRUE(std::equal(aligned.begin(), aligned.end(), bytes.begin()));
    }
}

TEST(SyntheticPrefilled, WritesPixelsOnceThenOnlyTheStamp)
{
    const FrameLayout layout = FrameLayout::packed(640, 48);
    const auto source = make(Pattern::Prefilled, layout);
    Frame frame(layout.frameBytes);
    EXPECT_EQ(source->fill(slab(frame), 1, 10), FillStatus::Ok);
    EXPECT_EQ(verifyStamp(frame).status, StampStatus::Ok);
    std::fill(frame.begin() + 64, frame.end(), std::byte{0xcc}); // whoever writes here would be seen
    EXPECT_EQ(source->fill(slab(frame), 2, 20), FillStatus::Ok);
    EXPECT_EQ(verifyStamp(frame).sequence, 2U);
    for (std::size_t i = 64; i < frame.size(); i++)
        ASSERT_EQ(frame[i], std::byte{0xcc}) << "pixel byte " << i << " written again";
}

TEST(SyntheticPrefilled, EverySlabOfEveryArenaVerifies)
{
    const FrameLayout layout = FrameLayout::packed(640, 4);
    const auto source = make(Pattern::Prefilled, layout);
    std::uint64_t sequence = 0;
    for (const std::uint32_t arena :
         {1, 2, 1}) { // the memory of an arena id may have been anybody's in between
        std::vector<Frame> slabs(4, Frame(layout.frameBytes, std::byte{0xcc}));
        for (int round = 0; round < 3; round++) {
            for (const std::uint32_t index : {2, 0, 3, 1}) {
                EXPECT_EQ(source->fill(slab(slabs[index], index, arena), sequence, 0), FillStatus::Ok);
                EXPECT_EQ(verifyStamp(slabs[index]).status, StampStatus::Ok) << arena << "/" << index;
                EXPECT_EQ(verifyStamp(slabs[index]).sequence, sequence++);
            }
        }
        EXPECT_NE(slabs[0][64], slabs[1][64]) << "slabs should not look alike";
    }
}

TEST(SyntheticPrefilled, PrepareLaysThePixelsAhead)
{
    const FrameLayout layout = FrameLayout::packed(640, 4);
    const auto source = make(Pattern::Prefilled, layout);
    Frame frame(layout.frameBytes, std::byte{0xcc});
    source->prepare(slab(frame));
    const Frame laid = frame;
    EXPECT_NE(laid[64], laid[65]);
    EXPECT_EQ(source->fill(slab(frame), 9, 0), FillStatus::Ok);
    EXPECT_EQ(verifyStamp(frame).status, StampStatus::Ok);
    EXPECT_TRUE(std::equal(laid.begin() + 64, laid.end(), frame.begin() + 64));
}

TEST(SyntheticGradient, MovesByOneStepPerFrame)
{
    const FrameLayout layout = FrameLayout::packed(256, 4);
    const auto source = make(Pattern::Gradient, layout);
    const Frame now = filled(*source, layout, 10);
    const Frame later = filled(*source, layout, 11);
    for (std::size_t x = 0; x + 1 < 256; x++) {
        EXPECT_EQ(now[x + 1], later[x]) << "row moves to the left";
        EXPECT_EQ(now[x + 1], now[256 + x]) << "rows are shifted by one";
    }
    EXPECT_NE(now, later);
}

TEST(SyntheticGradient, CountsInSamplesOfSixteenBits)
{
    FrameLayout layout = FrameLayout::packed(2 * 640, 2, 2);
    const auto source = make(Pattern::Gradient, layout);
    const Frame little = filled(*source, layout, 1);
    layout.bigEndian = true;
    const auto swapped = make(Pattern::Gradient, layout);
    const Frame big = filled(*swapped, layout, 1);
    const auto sample = [](const Frame &f, std::size_t i, bool bigEndian) {
        const auto first = std::to_integer<unsigned>(f[2 * i]);
        const auto second = std::to_integer<unsigned>(f[2 * i + 1]);
        return bigEndian ? first << 8 | second : second << 8 | first;
    };
    const unsigned step = 65536 / 640;
    for (std::size_t x = 0; x < 640; x++) {
        EXPECT_EQ(sample(little, x, false), ((1 + x) * step) & 0xffff);
        EXPECT_EQ(sample(big, x, true), sample(little, x, false));
    }
}

TEST(SyntheticGradient, ZeroesPaddingAndFillsEveryPlane)
{
    FrameLayout layout; // 5x4 with half-size second plane, strides of 8, a gap between the planes
    layout.frameBytes = 64;
    layout.planes = {{0, 5, 8, 4}, {40, 6, 8, 2}};
    const auto source = make(Pattern::Gradient, layout);
    const Frame a = filled(*source, layout, 3, std::byte{0xa5});
    const Frame b = filled(*source, layout, 3, std::byte{0x5a});
    EXPECT_EQ(a, b) << "what was there before shows through";
    for (const ByteRange &gap : layout.paddingRanges()) {
        for (std::size_t i = 0; i < gap.length; i++)
            EXPECT_EQ(a[gap.offset + i], std::byte{0});
    }
    EXPECT_NE(a[40 + 1], std::byte{0});
}

TEST(SyntheticNoise, IsFreshPerFrameAndTheSameForASequence)
{
    for (const std::size_t bytes : {1, 63, 64, 65, 1000, 65536}) {
        FrameLayout layout;
        layout.frameBytes = bytes;
        const auto source = make(Pattern::Noise, layout);
        const Frame a = filled(*source, layout, 3, std::byte{0xa5});
        EXPECT_EQ(a, filled(*source, layout, 3, std::byte{0x5a})) << bytes;
        if (bytes >= 63) {
            EXPECT_NE(a, filled(*source, layout, 4)) << bytes;
        }
    }
}

TEST(SyntheticNoise, UsesEveryByteValueAboutAlike)
{
    FrameLayout layout;
    layout.frameBytes = 1 << 20;
    const Frame frame = filled(*make(Pattern::Noise, layout), layout, 1);
    std::vector<unsigned> histogram(256);
    for (const std::byte b : frame)
        histogram[std::to_integer<unsigned>(b)]++;
    for (const unsigned count : histogram) { // 4096 expected, sigma 64
        EXPECT_GT(count, 4096U - 500);
        EXPECT_LT(count, 4096U + 500);
    }
}

TEST(Synthetic, RefusesASlabThatIsTooSmall)
{
    const FrameLayout layout = FrameLayout::packed(640, 4);
    for (const Pattern p : {Pattern::Counter, Pattern::Gradient, Pattern::Noise, Pattern::Prefilled}) {
        const auto source = make(p, layout);
        Frame small(layout.frameBytes - 1, std::byte{0xa5});
        source->prepare(slab(small));
        EXPECT_EQ(source->fill(slab(small), 1, 0), FillStatus::Error) << toString(p);
        EXPECT_NE(source->lastError().message.find("2560"), std::string::npos);
        EXPECT_EQ(small, Frame(layout.frameBytes - 1, std::byte{0xa5})) << "written nevertheless";
    }
}

TEST(FrameLayout, RefusesWhatDoesNotFit)
{
    const auto refused = [](std::size_t bytes, std::vector<PlaneLayout> planes, unsigned sampleBytes = 1) {
        FrameLayout layout;
        layout.frameBytes = bytes;
        layout.planes = std::move(planes);
        layout.sampleBytes = sampleBytes;
        return !SyntheticSource::create(Pattern::Counter, layout).has_value();
    };
    EXPECT_TRUE(refused(0, {}));
    EXPECT_TRUE(refused(64, {}, 3));
    EXPECT_TRUE(refused(64, {{0, 0, 8, 4}}));
    EXPECT_TRUE(refused(64, {{0, 8, 8, 0}}));
    EXPECT_TRUE(refused(64, {{0, 9, 8, 4}})) << "row wider than the stride";
    EXPECT_TRUE(refused(64, {{0, 8, 8, 9}})) << "too many rows";
    EXPECT_TRUE(refused(64, {{0, 8, 8, 4}, {31, 8, 8, 2}})) << "overlap";
    EXPECT_TRUE(refused(64, {{0, 8, SIZE_MAX / 2, 4}})) << "overflow";
    EXPECT_TRUE(refused(64, {{SIZE_MAX, 8, 8, 4}})) << "overflow";
    EXPECT_FALSE(refused(61, {{0, 5, 8, 8}})) << "the last row needs no padding";
    EXPECT_FALSE(refused(64, {{0, 8, 8, 4}, {32, 8, 8, 4}}));
}

TEST(FrameLayout, TellsPixelsFromPadding)
{
    FrameLayout layout;
    layout.frameBytes = 64;
    layout.planes = {{0, 6, 8, 2}, {16, 8, 8, 3}};
    EXPECT_EQ(layout.packedBytes(), 36U);
    const auto pixels = layout.pixelRanges();
    ASSERT_EQ(pixels.size(), 3U);
    EXPECT_EQ(pixels[2].offset, 16U);
    EXPECT_EQ(pixels[2].length, 24U) << "rows that touch are one range";
    std::size_t padding = 0;
    for (const ByteRange &gap : layout.paddingRanges())
        padding += gap.length;
    EXPECT_EQ(padding, layout.frameBytes - layout.packedBytes());
}

} // namespace dmaslab
