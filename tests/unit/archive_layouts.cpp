// SPDX-License-Identifier: LGPL-2.1-or-later
// Writes frames files, an index and a ledger for archive_numpy_test.py: archive_layouts DIRECTORY FRAMES <
// cases A case is a line "DTYPE SHAPE CROP LAYOUT", axes joined by commas, "-" for none.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "dmaslab/archive/file_header.h"
#include "dmaslab/archive/layout.h"

using namespace dmaslab;

namespace {

std::vector<std::uint64_t> axesOf(const std::string &text)
{
    std::vector<std::uint64_t> axes;
    std::istringstream list(text == "-" ? "" : text);
    for (std::string axis; std::getline(list, axis, ',');)
        axes.push_back(std::stoull(axis));
    return axes;
}

ArchiveLayout wishOf(const std::string &text)
{
    for (const ArchiveLayout layout :
         {ArchiveLayout::Plain, ArchiveLayout::Rows, ArchiveLayout::Record, ArchiveLayout::Blob}) {
        if (text == toString(layout))
            return layout;
    }
    return ArchiveLayout::Auto;
}

std::string pixels(std::uint64_t bytes, std::uint64_t frame)
{
    std::string text(bytes, '\0');
    for (std::uint64_t i = 0; i < bytes; ++i)
        text[i] = static_cast<char>(i * 7 + i / 251 + frame * 31 + 1);
    return text;
}

std::string headerOf(const std::string &descr, const std::vector<std::uint64_t> &shape)
{
    HeaderBlock block;
    const auto made = writeHeader(block, descr, shape);
    if (!made)
        throw std::runtime_error(made.error().message);
    return {reinterpret_cast<const char *>(block.data()), block.size()};
}

template <typename Record>
void writeRecords(const std::string &path, const char *descr, const std::vector<Record> &records)
{
    std::ofstream file(path, std::ios::binary);
    file << headerOf(descr, {records.size()});
    file.write(reinterpret_cast<const char *>(records.data()),
               std::streamsize(records.size() * sizeof(Record)));
    file << std::string(5000, '\xee'); // preallocated and not counted
}

void writeFrames(const std::string &path, const SeriesFormat &format, const SeriesLayout &layout,
                 std::uint64_t frames)
{
    std::ofstream file(path, std::ios::binary);
    const bool blob = layout.layout == ArchiveLayout::Blob;
    const std::uint64_t record = blob ? roundUpToBlock(format.frameBytes) : layout.recordBytes;
    file << headerOf(layout.descr, layout.fileShape(blob ? frames * record : frames));
    for (std::uint64_t frame = 0; frame < frames; ++frame) {
        std::string bytes = pixels(format.frameBytes, frame);
        bytes.resize(record, '\xa5');
        file << bytes;
    }
    file << std::string(10'000, '\xee');
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const std::string directory = std::string(argv[1]) + "/";
    const std::uint64_t frames = std::stoull(argv[2]);
    std::string line;
    for (int number = 0; std::getline(std::cin, line); ++number) {
        std::istringstream words(line);
        std::string dtype, shape, crop, wish, fields;
        words >> dtype >> shape >> crop >> wish >> std::ws;
        std::getline(words, fields);
        SeriesFormat format{"", itemBytes(dtype), dtype, axesOf(shape), axesOf(crop), {}, fields};
        for (const std::uint64_t axis : format.shape)
            format.frameBytes *= axis;
        const auto layout = chooseLayout(format, wishOf(wish));
        if (!layout) {
            std::printf("refused %s\n", layout.error().message.c_str());
            continue;
        }
        const std::string name = std::to_string(number) + ".npy";
        writeFrames(directory + name, format, *layout, frames);
        std::printf("%s %llu %s\n", toString(layout->layout),
                    static_cast<unsigned long long>(layout->recordBytes),
                    layout->numpyExpression(name).c_str());
    }
    std::vector<IndexRecord> index(3);
    index[1] = {~0ull, -2, 3, 4, 5, 6, 0xffffffff, 8, 9, 10, 11};
    writeRecords(directory + "index.npy", indexDescr(), index);
    std::vector<LossRecord> losses(2);
    losses[1] = {1, 2, 3, -4, 5, 6, LossKind::Skip, {}, {}};
    losses[1].setReason("slow-consumer");
    losses[1].setElement(std::string(100, 'e'));
    writeRecords(directory + "losses.npy", lossesDescr(), losses);
    return 0;
}
