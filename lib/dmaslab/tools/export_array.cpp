// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <optional>

#include "dmaslab/capture/npy_header.h"
#include "dmaslab/tools/export_formats.h"
#include "dmaslab/tools/frame_cut.h"
#include "dmaslab/tools/output_file.h"
#include "dmaslab/tools/terminal.h"

namespace dmaslab::tools {

namespace {

constexpr std::size_t kNpyAlignment = 64;

/** What numpy.save writes, at least `size` bytes long. */
std::string npyHeader(const std::string &dtype, std::vector<std::uint64_t> shape, std::size_t size)
{
    std::string descr = "'" + dtype + "'";
    if (dtype.starts_with('[')) { // fields, which are what the last axis has
        descr = dtype;
        shape.pop_back();
    }
    std::string text =
        "{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shapeText(shape) + ", }";
    const std::size_t start = 10; // magic, version, length
    size = std::max(size, (start + text.size() + 1 + kNpyAlignment - 1) / kNpyAlignment * kNpyAlignment);
    text.resize(size - start - 1, ' ');
    std::string header("\x93NUMPY\x01\x00", 8);
    header += static_cast<char>((size - start) & 0xff);
    header += static_cast<char>((size - start) >> 8);
    return header + text + "\n";
}

/** One way to cut all the frames of the range; an error when they are of more than one kind. */
Result<FrameCut> commonCut(const ExportJob &job)
{
    std::optional<FrameCut> common;
    for (const std::size_t number : segmentsOf(job.recording, job.range)) {
        auto cut = frameCut(job.recording.series(number));
        if (!cut)
            return cut;
        if (common && !common->sameArray(*cut)) {
            const std::string border = std::to_string(job.recording.segments()[number].firstFrame);
            std::string text = "the format changes at frame ";
            text += border + ", and one export has one format: use --frames ";
            text += std::to_string(job.range.first) + ":" + border;
            text += " and --frames " + border + ": with another output";
            return fail(Errc::InvalidArgument, std::move(text));
        }
        common = std::move(*cut);
    }
    return common ? Result<FrameCut>(std::move(*common)) : fail(Errc::NotFound, "the recording has no frame");
}

/** Frames of one shape may be padded differently in another series: each series has its own cut. */
class Cutter
{
public:
    explicit Cutter(const Recording &recording) : recording_(recording) {}

    Result<std::span<const std::byte>> cut(const WalkedFrame &frame)
    {
        if (!cut_ || segment_ != frame.place.segment) {
            auto cut = frameCut(recording_.series(frame.place.segment));
            if (!cut)
                return tl::unexpected(cut.error());
            cut_ = std::move(*cut);
            segment_ = frame.place.segment;
        }
        if (!cut_->fits(frame.bytes.size()))
            return fail(Errc::Format, "frame " + std::to_string(frame.number) + " has " +
                                          std::to_string(frame.bytes.size()) + " bytes and its format says " +
                                          std::to_string(cut_->frameBytes));
        return cut_->apply(frame.bytes, scratch_);
    }

private:
    const Recording &recording_;
    std::size_t segment_ = 0;
    std::optional<FrameCut> cut_;
    std::vector<std::byte> scratch_;
};

std::string arrayText(const FrameCut &cut, std::uint64_t frames)
{
    if (cut.shape.empty())
        return countText(frames, "encoded frame");
    const bool records = cut.dtype.starts_with('[');
    return countText(frames, "frame") + " of " + (records ? "records, bytes " : cut.dtype + " ") +
           shapeText(cut.shape);
}

/** PREFIX_000000.bin, its .idx, and those that follow. */
class BinFiles
{
public:
    BinFiles(std::string prefix, const ExportOptions &options) : prefix_(std::move(prefix)), options_(options)
    {
    }

    Result<void> add(std::uint64_t sequence, std::span<const std::byte> bytes)
    {
        const bool full = !files_.empty() && offset_ > 0 && offset_ + bytes.size() > options_.segmentBytes;
        if (files_.empty() || full) {
            if (auto opened = next(); !opened)
                return opened;
        }
        OutputFile &data = files_[files_.size() - 2];
        if (auto written = data.write(bytes); !written)
            return written;
        const std::string line = std::to_string(sequence) + " " + std::to_string(offset_) + "\n";
        offset_ += bytes.size();
        return files_.back().write(line);
    }

    Result<void> next()
    {
        if (auto closed = closeLast(); !closed)
            return closed;
        for (const char *ending : {".bin", ".idx"}) {
            auto file = OutputFile::create(name(files_.size() / 2, ending), options_.force);
            if (!file)
                return tl::unexpected(file.error());
            // The second name belongs to the segment of the first.
            pending_.push_back(std::move(*file));
        }
        for (OutputFile &file : pending_)
            files_.push_back(std::move(file));
        pending_.clear();
        offset_ = 0;
        return {};
    }

    Result<void> commit()
    {
        if (auto closed = closeLast(); !closed)
            return closed;
        for (OutputFile &file : files_) {
            if (auto committed = file.commit(); !committed)
                return committed;
        }
        if (access(name(segments(), ".bin").c_str(), F_OK) == 0)
            complain("warning: " + name(segments(), ".bin") +
                     " is of an earlier export; remove it before you decode");
        return {};
    }

    [[nodiscard]] std::size_t segments() const { return files_.size() / 2; }
    [[nodiscard]] std::string name(std::size_t segment, const char *ending) const
    {
        std::string number = std::to_string(segment);
        number.insert(0, number.size() < 6 ? 6 - number.size() : 0, '0');
        return prefix_ + "_" + number + ending;
    }

private:
    Result<void> closeLast()
    {
        for (std::size_t i = files_.size() < 2 ? files_.size() : files_.size() - 2; i < files_.size(); ++i) {
            if (auto closed = files_[i].close(); !closed)
                return closed;
        }
        return {};
    }

    std::string prefix_;
    const ExportOptions &options_;
    std::vector<OutputFile> files_, pending_; ///< data and index in turn
    std::uint64_t offset_ = 0;
};

} // namespace

Result<ExportReport> exportNpy(const ExportJob &job)
{
    const auto cut = commonCut(job);
    if (!cut)
        return tl::unexpected(cut.error());
    if (cut->shape.empty())
        return fail(Errc::InvalidArgument,
                    "the frames are encoded and have different lengths, which makes no array: "
                    "use --format bin");
    auto file = OutputFile::create(job.options.output, job.options.force);
    if (!file)
        return tl::unexpected(file.error());
    const auto headerFor = [&](std::uint64_t frames, std::size_t size) {
        std::vector<std::uint64_t> shape{frames};
        shape.insert(shape.end(), cut->shape.begin(), cut->shape.end());
        return npyHeader(cut->dtype, shape, size);
    };
    // Frames may be left out, so the header is written again: as long as before.
    const std::string header = headerFor(job.range.count(), 0);
    if (auto written = file->write(header); !written)
        return tl::unexpected(written.error());
    Cutter cutter(job.recording);
    const auto walked =
        walkFrames(job.recording, job.range, job.walkOptions(), [&](const WalkedFrame &frame) {
            return cutter.cut(frame).and_then(
                [&](std::span<const std::byte> bytes) { return file->write(bytes); });
        });
    if (!walked)
        return tl::unexpected(walked.error());
    ExportReport report{*walked, job.options.output + ": " + arrayText(*cut, walked->visited)};
    if (walked->interrupted)
        return report;
    const std::string final = headerFor(walked->visited, header.size());
    const auto done =
        file->rewriteStart(std::as_bytes(std::span(final))).and_then([&] { return file->commit(); });
    return done.map([&] { return report; });
}

Result<ExportReport> exportBin(const ExportJob &job)
{
    const auto cut = commonCut(job);
    if (!cut)
        return tl::unexpected(cut.error());
    const std::uint64_t frameBytes = cut->keptBytes > 0 ? cut->keptBytes : cut->frameBytes;
    if (job.options.segmentBytes < std::max<std::uint64_t>(frameBytes, 1))
        return fail(Errc::InvalidArgument, "--segment-bytes " + std::to_string(job.options.segmentBytes) +
                                               " is less than a frame, which has " +
                                               std::to_string(frameBytes) +
                                               " bytes: give a size such as 512MB");
    std::string prefix = job.options.output;
    if (prefix.ends_with(".bin"))
        prefix.resize(prefix.size() - 4);
    BinFiles files(prefix, job.options);
    if (auto opened = files.next(); !opened)
        return tl::unexpected(opened.error());
    Cutter cutter(job.recording);
    const auto walked =
        walkFrames(job.recording, job.range, job.walkOptions(), [&](const WalkedFrame &frame) {
            return cutter.cut(frame).and_then([&](std::span<const std::byte> bytes) {
                return files.add(frame.place.index.sequence, bytes);
            });
        });
    if (!walked)
        return tl::unexpected(walked.error());
    ExportReport report{*walked, files.name(0, ".bin") + (files.segments() > 1 ? " and so on: " : ": ") +
                                     arrayText(*cut, walked->visited) + " in " +
                                     countText(files.segments(), "segment")};
    if (walked->interrupted)
        return report;
    return files.commit().map([&] { return report; });
}

} // namespace dmaslab::tools
