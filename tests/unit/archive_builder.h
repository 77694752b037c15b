// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <xxhash.h>

#include "dmaslab/archive/format.h"

#include "capture_test_files.h"

namespace dmaslab::test {

struct BuiltFrame
{
    std::uint64_t sequence = 0;
    std::int64_t pts = 0;
    std::uint16_t flags = 0;
    std::uint32_t length = 0; ///< blob only
};

struct BuiltSegment
{
    std::uint32_t number = 0;
    std::vector<BuiltFrame> frames; ///< all that lie in the files, counted or not
    bool closed = true;
    std::optional<std::uint64_t> framesCount, indexCount; ///< what the headers say, where it is not all
    std::uint64_t spareBlocks = 0;                        ///< preallocated beyond the frames
};

/** Makes recordings from the words of docs/archive-format.md, without the library that is tested with them.
 */
class RecordingBuilder
{
public:
    enum class Kind
    {
        Plain,  ///< 4096 bytes
        Rows,   ///< 63 rows of 64 bytes in 4096
        Record, ///< 10 × 10 × 16 bit in 4096
        Blob,
    };

    explicit RecordingBuilder(Kind kind) : kind_(kind) {}

    std::string state = "closed";
    std::uint32_t everyNth = 1, nthPhase = 0;
    bool hashed = true;
    std::deque<BuiltSegment> segments; // a reference that add() gave stays good
    std::vector<LossRecord> losses;

    /** Frames first … last in a segment of their own, 1 ms apart. */
    BuiltSegment &add(std::uint64_t first, std::uint64_t last, std::uint64_t step = 1)
    {
        BuiltSegment &segment = segments.emplace_back();
        segment.number = segments.size() > 1 ? segments[segments.size() - 2].number + 1 : 0;
        for (std::uint64_t sequence = first; sequence <= last; sequence += step)
            segment.frames.push_back({sequence, std::int64_t(sequence) * 1'000'000, 0,
                                      std::uint32_t(1000 + sequence * 977 % 9000)});
        return segment;
    }

    [[nodiscard]] const std::string &path() const { return dir_.path(); }
    [[nodiscard]] std::uint32_t lengthOf(const BuiltFrame &frame) const
    {
        return kind_ == Kind::Plain    ? 4096
               : kind_ == Kind::Rows   ? 4032
               : kind_ == Kind::Record ? 200
                                       : frame.length;
    }
    [[nodiscard]] std::string bytesOf(const BuiltFrame &frame) const
    {
        return pixels(lengthOf(frame), unsigned(frame.sequence));
    }

    void write() const
    {
        for (const BuiltSegment &segment : segments)
            writeSegment(segment);
        std::string records;
        for (const LossRecord &loss : losses)
            records.append(reinterpret_cast<const char *>(&loss), sizeof loss);
        put("losses.npy",
            header("[('first', '<u8'), ('last', '<u8'), ('count', '<u8'), ('time', '<i8'), ('utc', '<i8'), "
                   "('series', '<u4'), ('kind', '<u4'), ('reason', '|S16'), ('element', '|S64')]",
                   losses.size(), "") +
                records);
        writeManifest();
    }

    void writeManifest() const
    {
        std::string list;
        for (const BuiltSegment &segment : segments)
            list += (list.empty() ? "" : ",") + entry(segment);
        put("manifest.json",
            R"({"format":"dmaslab-recording","version":1,"state":")" + state +
                R"(","id":"00112233445566778899aabbccddeeff","software":"test","host":"h","device":"",)" +
                R"("created":"","created_ns":0,"closed":null,"every_nth":)" + std::to_string(everyNth) +
                ",\"nth_phase\":" + std::to_string(nthPhase) + ",\"checksum\":\"" +
                (hashed ? "xxh3-64" : "none") + R"(","metadata":{},"tags":{},"series":[)" + series() +
                "],\"segments\":[" + list +
                "],\"losses\":" + (state == "recording" ? "null" : std::to_string(losses.size())) + "}");
    }

    static std::string header(const std::string &descr, std::uint64_t count, const std::string &axes)
    {
        char number[24];
        std::snprintf(number, sizeof number, "%20llu", static_cast<unsigned long long>(count));
        std::string text("\x93NUMPY\x01\x00\xf6\x0f", 10);
        text += "{'descr': " + descr + ", 'fortran_order': False, 'shape': (" + number + "," + axes + "), }";
        text.resize(4095, ' ');
        return text + '\n';
    }

    [[nodiscard]] std::string framesHeader(std::uint64_t count) const
    {
        switch (kind_) {
        case Kind::Plain:
        case Kind::Rows:
            return header("'|u1'", count, " 64, 64");
        case Kind::Record:
            return header("[('pixels', '<u2', (10, 10)), ('', '|V3896')]", count, "");
        case Kind::Blob:
            break;
        }
        return header("'|u1'", count, "");
    }
    static std::string indexHeader(std::uint64_t count)
    {
        return header(
            "[('sequence', '<u8'), ('pts', '<i8'), ('capture', '<i8'), ('utc', '<i8'), ('hash', '<u8'), "
            "('device', '<u8'), ('block', '<u4'), ('length', '<u4'), ('drops_before', '<u4'), "
            "('epoch', '<u2'), ('flags', '<u2')]",
            count, "");
    }

    void patch(const std::string &name, std::uint64_t offset, const std::string &bytes) const
    {
        std::fstream file(path() + "/" + name, std::ios::binary | std::ios::in | std::ios::out);
        file.seekp(std::streamoff(offset));
        ASSERT_TRUE(file.write(bytes.data(), std::streamsize(bytes.size())));
    }
    void patchEntry(const std::string &name, std::uint64_t record, const IndexRecord &entry) const
    {
        patch(name, 4096 + 64 * record, std::string(reinterpret_cast<const char *>(&entry), sizeof entry));
    }
    [[nodiscard]] IndexRecord entryOf(const std::string &name, std::uint64_t record) const
    {
        IndexRecord entry;
        std::memcpy(&entry, content(name).data() + 4096 + 64 * record, sizeof entry);
        return entry;
    }
    [[nodiscard]] std::string content(const std::string &name) const
    {
        std::ifstream file(path() + "/" + name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    /** All files with their bytes. */
    [[nodiscard]] std::map<std::string, std::string> snapshot() const
    {
        std::map<std::string, std::string> files;
        for (const auto &file : std::filesystem::directory_iterator(path()))
            files[file.path().filename()] = content(file.path().filename());
        return files;
    }

private:
    void put(const std::string &name, const std::string &bytes) const
    {
        std::ofstream file(path() + "/" + name, std::ios::binary | std::ios::trunc);
        ASSERT_TRUE(file << bytes << std::flush) << name;
    }

    /** Of frames and index; blob: the end of the last counted frame. */
    void writeSegment(const BuiltSegment &segment) const
    {
        std::string data;
        std::string index;
        std::uint64_t counted = 0;
        const std::uint64_t framesCount = segment.framesCount.value_or(segment.frames.size());
        for (std::size_t i = 0; i < segment.frames.size(); ++i) {
            const BuiltFrame &frame = segment.frames[i];
            const std::string bytes = bytesOf(frame);
            IndexRecord entry;
            entry.sequence = frame.sequence;
            entry.pts = frame.pts;
            entry.capture = frame.pts + 5;
            entry.utc = frame.pts + 1'000'000'000;
            entry.device = frame.sequence * 2;
            entry.block = std::uint32_t(data.size() / 4096);
            entry.length = std::uint32_t(bytes.size());
            entry.flags = frame.flags;
            if ((frame.flags & 32) == 0)
                entry.hash = XXH3_64bits(bytes.data(), bytes.size());
            index.append(reinterpret_cast<const char *>(&entry), sizeof entry);
            data += bytes;
            data.resize((data.size() + 4095) / 4096 * 4096, '\xa5');
            if (i + 1 == framesCount)
                counted = data.size();
        }
        data.resize(data.size() + segment.spareBlocks * 4096);
        index.resize(index.size() + segment.spareBlocks * 64);
        char name[32];
        std::snprintf(name, sizeof name, "-%06u.npy", segment.number);
        put(std::string("frames") + name, framesHeader(kind_ == Kind::Blob ? counted : framesCount) + data);
        put(std::string("index") + name,
            indexHeader(segment.indexCount.value_or(segment.frames.size())) + index);
    }

    [[nodiscard]] std::string series() const
    {
        const auto made = [](const char *layout, const char *dtype, const char *shape, int frame, int record,
                             const char *fileShape, const char *fileCrop, const char *descr) {
            return std::string(R"({"caps":"c","layout":")") + layout + R"(","layout_reason":"r","dtype":")" +
                   dtype + R"(","shape":)" + shape + R"(,"crop":null,"frame_bytes":)" +
                   std::to_string(frame) + R"(,"record_bytes":)" + std::to_string(record) +
                   R"(,"file_shape":)" + fileShape + R"(,"file_crop":)" + fileCrop + R"(,"descr":")" + descr +
                   R"(","planes":[],"numpy":""})";
        };
        switch (kind_) {
        case Kind::Plain:
            return made("plain", "|u1", "[64,64]", 4096, 4096, "[64,64]", "null", "'|u1'");
        case Kind::Rows:
            return made("rows", "|u1", "[63,64]", 4032, 4096, "[64,64]", "[63,64]", "'|u1'");
        case Kind::Record:
            return made("record", "<u2", "[10,10]", 200, 4096, "[10,10]", "null",
                        "[('pixels', '<u2', (10, 10)), ('', '|V3896')]");
        case Kind::Blob:
            break;
        }
        return made("blob", "|u1", "[]", 0, 0, "[]", "null", "'|u1'");
    }

    [[nodiscard]] std::string entry(const BuiltSegment &segment) const
    {
        char text[256];
        std::snprintf(text, sizeof text,
                      R"({"number":%u,"series":0,"state":"%s","frames_file":"frames-%06u.npy",)"
                      R"("index_file":"index-%06u.npy",)",
                      segment.number, segment.closed ? "closed" : "open", segment.number, segment.number);
        if (!segment.closed)
            return std::string(text) +
                   R"("frames":null,"bad":null,"bytes":null,"first_sequence":null,"last_sequence":null})";
        std::uint64_t bad = 0;
        std::uint64_t blocks = 0;
        for (const BuiltFrame &frame : segment.frames) {
            bad += frame.flags & 1;
            blocks += (lengthOf(frame) + 4095) / 4096;
        }
        const auto sequence = [&](auto which) {
            return segment.frames.empty() ? "null" : std::to_string((segment.frames.*which)().sequence);
        };
        using Frames = std::vector<BuiltFrame>;
        const BuiltFrame &(Frames::*front)() const = &Frames::front;
        const BuiltFrame &(Frames::*back)() const = &Frames::back;
        return text + (R"("frames":)" + std::to_string(segment.frames.size())) +
               ",\"bad\":" + std::to_string(bad) + ",\"bytes\":" + std::to_string(4096 + blocks * 4096) +
               ",\"first_sequence\":" + sequence(front) + ",\"last_sequence\":" + sequence(back) + "}";
    }

    Kind kind_;
    TempDir dir_;
};

} // namespace dmaslab::test
