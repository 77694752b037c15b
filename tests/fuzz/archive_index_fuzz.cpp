// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever index, headers and manifest say: nothing is read outside a file, and a recording that was
// recovered is whole.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "dmaslab/archive/file_header.h"
#include "dmaslab/archive/recovery.h"

#include "fuzz_require.h"

using namespace dmaslab;

namespace {

/** The first bytes of an input; a manifest follows where it has a length, and then the index. */
struct Plan
{
    std::uint8_t layout = 0; ///< modulo 3, without a manifest of its own
    std::uint8_t state = 0;  ///< 1: recording, 2: its segment closed, 4: without hashes
    std::uint8_t framesCount = 0, indexCount = 0;
    std::uint8_t blocks = 0; ///< of the frames file
    std::uint8_t spoilt = 0; ///< 1: no header for frames, 2: none for the index
    std::uint16_t manifestBytes = 0;
};

class Directory
{
public:
    Directory()
    {
        std::string pattern = std::filesystem::is_directory("/dev/shm") ? "/dev/shm/dmaslab-fuzz-XXXXXX"
                                                                        : "/tmp/dmaslab-fuzz-XXXXXX";
        REQUIRE(mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }
    ~Directory()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    void write(const char *name, const std::string &bytes) const
    {
        std::ofstream file(path + "/" + name, std::ios::binary | std::ios::trunc);
        REQUIRE(file << bytes << std::flush);
    }

    std::string path;
};

struct Layout
{
    const char *name, *dtype, *shape, *fileShape;
    std::uint64_t frameBytes, recordBytes;
    const char *descr;
    std::vector<std::uint64_t> axes;
};
const Layout kLayouts[] = {
    {"plain", "|u1", "[64,64]", "[64,64]", 4096, 4096, "'|u1'", {64, 64}},
    {"record", "<u2", "[10,10]", "[10,10]", 200, 4096, "[('pixels', '<u2', (10, 10)), ('', '|V3896')]", {}},
    {"blob", "|u1", "[]", "[]", 0, 0, "'|u1'", {}},
};

std::string headerOf(const std::string &descr, std::vector<std::uint64_t> shape)
{
    HeaderBlock block;
    REQUIRE(writeHeader(block, descr, shape));
    return {reinterpret_cast<const char *>(block.data()), block.size()};
}

std::string manifestOf(const Plan &plan, const Layout &layout)
{
    const std::string bytes = std::to_string(layout.frameBytes);
    return std::string(R"({"format":"dmaslab-recording","version":1,"state":")") +
           ((plan.state & 1) != 0 ? "recording" : "closed") + R"(","checksum":")" +
           ((plan.state & 4) != 0 ? "none" : "xxh3-64") + R"(","series":[{"layout":")" + layout.name +
           R"(","dtype":")" + layout.dtype + R"(","shape":)" + layout.shape + R"(,"frame_bytes":)" + bytes +
           R"(,"record_bytes":)" + std::to_string(layout.recordBytes) + R"(,"file_shape":)" +
           layout.fileShape + R"(,"descr":")" + layout.descr +
           R"("}],"segments":[{"number":0,"series":0,"state":")" +
           ((plan.state & 2) != 0 ? "closed" : "open") +
           R"(","frames_file":"frames-000000.npy","index_file":"index-000000.npy","frames":1,"bytes":1}]})";
}

void walk(const Recording &recording)
{
    std::vector<std::byte> frame;
    for (std::uint64_t number = 0; number < recording.frames(); ++number) {
        const auto place = recording.place(number);
        if (!place)
            continue;
        const Recording::Segment &segment = recording.segments()[place->segment];
        REQUIRE(place->record < segment.frames);
        REQUIRE(place->offset >= kArchiveBlock);
        REQUIRE(place->offset + place->index.length <= std::filesystem::file_size(segment.framesPath));
        frame.resize(place->index.length);
        REQUIRE(recording.readFrame(*place, frame));
        const auto bySequence = recording.findSequence(place->index.sequence);
        REQUIRE(bySequence && *bySequence <= recording.frames());
        const auto byPts = recording.findPts(place->index.pts);
        REQUIRE(byPts && (*byPts <= number || place->index.pts == kNoTime));
    }
    REQUIRE(!recording.place(recording.frames()));
    const auto report = verifyRecording(recording);
    REQUIRE(report);
    REQUIRE(report->frames <= recording.frames());
    REQUIRE(report->verified + report->unhashed <= report->frames);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    static const Directory directory;
    Plan plan;
    if (size < sizeof plan)
        return 0;
    std::memcpy(&plan, data, sizeof plan);
    const std::string_view rest(reinterpret_cast<const char *>(data) + sizeof plan, size - sizeof plan);
    const std::size_t manifestBytes = std::min<std::size_t>(plan.manifestBytes, rest.size());
    const std::string index(rest.substr(manifestBytes));
    const Layout &layout = kLayouts[plan.layout % std::size(kLayouts)];
    directory.write("manifest.json", manifestBytes > 0 ? std::string(rest.substr(0, manifestBytes))
                                                       : manifestOf(plan, layout));
    std::vector<std::uint64_t> shape{plan.framesCount * (layout.recordBytes == 0 ? std::uint64_t{4096} : 1)};
    shape.insert(shape.end(), layout.axes.begin(), layout.axes.end());
    std::string frames = headerOf(layout.descr, shape);
    std::string entries = headerOf(indexDescr(), {plan.indexCount});
    if ((plan.spoilt & 1) != 0)
        frames.replace(0, 512, std::string(512, '\0'));
    if ((plan.spoilt & 2) != 0)
        entries.replace(0, 512, std::string(512, '\0'));
    directory.write("frames-000000.npy", frames + std::string(plan.blocks * kArchiveBlock, 'x'));
    directory.write("index-000000.npy", entries + index);
    directory.write("losses.npy", headerOf(lossesDescr(), {plan.indexCount}) + index);

    const auto recording = Recording::open(directory.path);
    if (!recording) {
        REQUIRE(recording.error().message.starts_with(directory.path));
        return 0;
    }
    walk(*recording);
    const auto dry = recoverRecording(directory.path, true);
    const auto real = recoverRecording(directory.path);
    REQUIRE(dry.has_value() == real.has_value());
    if (!real)
        return 0;
    REQUIRE(dry->actions == real->actions && dry->frames == real->frames && dry->regained == real->regained);
    const auto repaired = Recording::open(directory.path);
    REQUIRE(repaired);
    walk(*repaired);
    REQUIRE(repaired->manifest().state != RecordingState::Recording);
    REQUIRE(recoverRecording(directory.path)->wasClosed);
    if (real->wasClosed)
        return 0;
    REQUIRE(repaired->frames() >= real->regained);
    for (std::size_t i = 0; i < repaired->segments().size(); ++i) {
        const Recording::Segment &segment = repaired->segments()[i];
        if (recording->manifest().segments[i].closed)
            continue;
        REQUIRE(segment.problem.empty() && segment.headersAgree);
        // Where both headers are lost, nothing is cut.
        REQUIRE((plan.spoilt & 2) != 0 ||
                std::filesystem::file_size(segment.framesPath) == kArchiveBlock + segment.dataBytes);
    }
    return 0;
}
