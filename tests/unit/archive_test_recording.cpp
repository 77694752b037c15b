// SPDX-License-Identifier: LGPL-2.1-or-later
#include "archive_test_recording.h"

#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "dmaslab/archive/file_header.h"
#include "dmaslab/capture/frame_hash.h"

namespace dmaslab::test {

namespace {

void writeInto(const std::string &file, std::uint64_t offset, const void *bytes, std::size_t size)
{
    const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    ASSERT_TRUE(fd.isValid()) << file;
    ASSERT_EQ(::pwrite(fd.get(), bytes, size, off_t(offset)), ssize_t(size)) << file;
}

void writeHeaderInto(const std::string &file, const std::string &descr,
                     const std::vector<std::uint64_t> &shape)
{
    HeaderBlock block;
    const auto ok = writeHeader(block, descr, shape);
    ASSERT_TRUE(ok) << ok.error().message;
    writeInto(file, 0, block.data(), block.size());
}

} // namespace

RecordingBuilder::RecordingBuilder(const std::string &path, std::uint32_t everyNth) : path_(path)
{
    auto directory = RecordingDirectory::create(path, RecordingDirectory::OnCollision::Refuse);
    EXPECT_TRUE(directory) << directory.error().message;
    if (directory)
        directory_ = std::move(*directory);
    manifest_.id = std::string(32, 'a');
    manifest_.created = "2026-11-26T09:00:00.000000000Z";
    manifest_.everyNth = everyNth;
}

const SeriesLayout &RecordingBuilder::beginSeries(const SeriesFormat &format, ArchiveLayout wish)
{
    auto layout = chooseLayout(format, wish);
    EXPECT_TRUE(layout) << layout.error().message;
    manifest_.series.push_back({format, *layout});
    wantsSegment_ = true;
    return manifest_.series.back().layout;
}

const SeriesLayout &RecordingBuilder::layoutOf(std::uint32_t segment) const
{
    const auto entry = std::find_if(manifest_.segments.begin(), manifest_.segments.end(),
                                    [&](const ManifestSegment &each) { return each.number == segment; });
    return manifest_.series[entry->series].layout;
}

ManifestSegment &RecordingBuilder::entryOf(std::uint32_t segment)
{
    return *std::find_if(manifest_.segments.begin(), manifest_.segments.end(),
                         [&](const ManifestSegment &each) { return each.number == segment; });
}

void RecordingBuilder::openSegment(std::uint32_t number)
{
    wantsSegment_ = false;
    segments_.push_back({number, 0, {}, false});
    ManifestSegment entry;
    entry.number = number;
    entry.series = std::uint32_t(manifest_.series.size() - 1);
    manifest_.segments.push_back(entry);
    writeCounts(segments_.back(), 0, 0);
}

void RecordingBuilder::add(const std::string &bytes, const Frame &frame)
{
    if (wantsSegment_)
        openSegment(segments_.empty() ? 0 : segments_.back().number + 1);
    Segment &segment = segments_.back();
    const SeriesLayout &layout = layoutOf(segment.number);
    IndexRecord record;
    record.sequence = frame.sequence.value_or(sequence_ ? *sequence_ + manifest_.everyNth : 0);
    record.pts = frame.pts.value_or(std::int64_t(record.sequence) * kPeriodNs);
    record.capture = frame.capture;
    record.flags = frame.flags;
    record.hash = frameHash(std::as_bytes(std::span(bytes.data(), bytes.size()))) + frame.wrongHash;
    record.block = std::uint32_t(segment.blocks);
    record.length = std::uint32_t(bytes.size());
    sequence_ = record.sequence;
    // What a pad holds is not specified.
    std::string stored = bytes;
    stored.resize(layout.recordBytes ? layout.recordBytes : roundUpToBlock(bytes.size()), '\xa5');
    writeInto(file(framesName(segment.number)), (segment.blocks + 1) * kArchiveBlock, stored.data(),
              stored.size());
    writeInto(file(indexName(segment.number)), kArchiveBlock + segment.records.size() * sizeof record,
              &record, sizeof record);
    segment.blocks += stored.size() / kArchiveBlock;
    segment.records.push_back(record);
}

void RecordingBuilder::lose(std::uint64_t first, std::uint64_t last, std::uint64_t count,
                            const std::string &reason, const std::string &element, LossKind kind,
                            std::int64_t time)
{
    LossRecord loss;
    loss.first = first;
    loss.last = last;
    loss.count = count;
    loss.kind = kind;
    loss.time = time;
    loss.setReason(reason);
    loss.setElement(element);
    losses_.push_back(loss);
}

void RecordingBuilder::writeCounts(const Segment &segment, std::uint64_t blocks, std::uint64_t records)
{
    const SeriesLayout &layout = layoutOf(segment.number);
    const bool blob = layout.layout == ArchiveLayout::Blob;
    writeHeaderInto(file(indexName(segment.number)), indexDescr(), {records});
    writeHeaderInto(file(framesName(segment.number)), layout.descr,
                    layout.fileShape(blob ? blocks * kArchiveBlock : records));
}

void RecordingBuilder::commit()
{
    for (Segment &segment : segments_) {
        if (segment.committed)
            continue;
        writeCounts(segment, segment.blocks, segment.records.size());
        ManifestSegment &entry = entryOf(segment.number);
        entry.closed = &segment != &segments_.back() || manifest_.state != RecordingState::Recording;
        segment.committed = entry.closed;
        if (!entry.closed)
            continue;
        entry.frames = segment.records.size();
        entry.bytes = (segment.blocks + 1) * kArchiveBlock;
        entry.bad = std::uint64_t(std::count_if(segment.records.begin(), segment.records.end(),
                                                [](const auto &each) { return each.flags & kFrameBad; }));
        if (!segment.records.empty()) {
            entry.firstSequence = segment.records.front().sequence;
            entry.lastSequence = segment.records.back().sequence;
        }
    }
    writeInto(file(kLossesName), kArchiveBlock, losses_.data(), losses_.size() * sizeof(LossRecord));
    writeHeaderInto(file(kLossesName), lossesDescr(), {losses_.size()});
    manifest_.losses = losses_.size();
    const UniqueFd directory(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto ok = manifest_.replace(directory.get(), path_);
    ASSERT_TRUE(ok) << ok.error().message;
}

void RecordingBuilder::recycle()
{
    split();
    commit();
    Segment oldest = segments_.front();
    segments_.erase(segments_.begin());
    const auto gone = manifest_.segments.begin();
    const auto listed = *gone;
    manifest_.segments.erase(gone);
    commit();
    manifest_.segments.insert(manifest_.segments.begin(), listed); // for its layout only
    writeCounts(oldest, 0, 0);
    manifest_.segments.erase(manifest_.segments.begin());
    const std::uint32_t number = segments_.empty() ? oldest.number + 1 : segments_.back().number + 1;
    std::filesystem::rename(file(framesName(oldest.number)), file(framesName(number)));
    std::filesystem::rename(file(indexName(oldest.number)), file(indexName(number)));
    openSegment(number);
    commit();
}

void RecordingBuilder::close()
{
    manifest_.state = RecordingState::Closed;
    manifest_.closed = "2026-11-26T09:00:10.000000000Z";
    commit();
    directory_.reset();
}

SeriesFormat greyFormat(std::uint64_t width, std::uint64_t height, bool wide)
{
    const std::uint64_t item = wide ? 2 : 1;
    const std::uint64_t stride = (width * item + 3) / 4 * 4;
    SeriesFormat format;
    format.caps = std::string("video/x-raw, format=(string)") + (wide ? "GRAY16_LE" : "GRAY8") +
                  ", width=(int)" + std::to_string(width) + ", height=(int)" + std::to_string(height) +
                  ", framerate=(fraction)100/1";
    format.dtype = wide ? "<u2" : "|u1";
    format.frameBytes = stride * height;
    format.shape = {height, stride / item};
    if (stride != width * item)
        format.crop = {height, width};
    PlaneLayout plane;
    plane.rowBytes = width * item;
    plane.stride = stride;
    plane.rows = height;
    format.planes = {plane};
    return format;
}

SeriesFormat blobFormat()
{
    SeriesFormat format;
    format.caps = "image/jpeg, width=(int)64, height=(int)48, framerate=(fraction)100/1";
    return format;
}

} // namespace dmaslab::test
