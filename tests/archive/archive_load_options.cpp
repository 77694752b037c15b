// SPDX-License-Identifier: LGPL-2.1-or-later
#include "archive_load_options.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>

namespace dmaslab::test {

namespace {

struct Option
{
    const char *name;
    const char *help;
    std::function<bool(const char *)> take;
};

bool number(const char *text, std::uint64_t &value)
{
    char *end = nullptr;
    errno = 0;
    value = std::strtoull(text, &end, 0);
    return errno == 0 && end != text && *end == '\0' && *text != '-';
}

template <typename T>
auto into(T &target, std::uint64_t unit = 1)
{
    return [&target, unit](const char *text) {
        std::uint64_t value = 0;
        if (!number(text, value) || value > std::uint64_t(std::numeric_limits<T>::max()) / unit)
            return false;
        target = T(value * unit);
        return true;
    };
}

auto into(std::vector<std::uint64_t> &target)
{
    return [&target](const char *text) {
        target.clear();
        std::string rest = text;
        while (!rest.empty()) {
            const std::size_t comma = rest.find(',');
            std::uint64_t value = 0;
            if (!number(rest.substr(0, comma).c_str(), value) || value == 0)
                return false;
            target.push_back(value);
            rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
        }
        return !target.empty();
    };
}

template <typename T>
auto oneOf(T &target, std::vector<std::pair<const char *, T>> names)
{
    return [&target, names = std::move(names)](const char *text) {
        for (const auto &[name, value] : names)
            if (std::strcmp(name, text) == 0) {
                target = value;
                return true;
            }
        return false;
    };
}

std::vector<Option> optionsFor(LoadOptions &load)
{
    WriterSettings &writer = load.settings;
    return {
        {"dtype", "of one item, as numpy writes it",
         [&](const char *text) {
             load.dtype = text;
             return true;
         }},
        {"shape", "of a frame: H,W or H,W,C", into(load.shape)},
        {"encoded", "frames of different lengths up to so many bytes, instead of a shape",
         into(load.encoded)},
        {"layout", "auto plain rows record blob",
         oneOf<ArchiveLayout>(load.layout, {{"auto", ArchiveLayout::Auto},
                                            {"plain", ArchiveLayout::Plain},
                                            {"rows", ArchiveLayout::Rows},
                                            {"record", ArchiveLayout::Record},
                                            {"blob", ArchiveLayout::Blob}})},
        {"change-at", "the frame before which a second series begins", into(load.changeAt)},
        {"change-shape", "of that series", into(load.changeShape)},
        {"slabs", "in the pool", into(load.slabs)},
        {"gather", "1: the writer asks for the bytes of each frame", into(load.gather)},
        {"arena-known", "0: the writer is not told of the arena", into(load.arenaKnown)},
        {"frames", "how many; 0: until SIGTERM", into(load.frames)},
        {"rate", "frames per second; 0: as fast as can be", into(load.rate)},
        {"first-sequence", "number of the first frame", into(load.firstSequence)},
        {"when-full", "wait drop", oneOf<bool>(load.wait, {{"wait", true}, {"drop", false}})},
        {"lose-every", "one frame in so many is lost before the writer", into(load.loseEvery)},
        {"split-every", "a new segment each so many frames", into(load.splitEvery)},
        {"steady-from", "the frame from which on calls and allocations are counted apart",
         into(load.steadyFrom)},
        {"quiet", "1: no line per commit", into(load.quiet)},
        {"every-nth", "archives sequence mod N = 0", into(load.info.everyNth)},
        {"queue-depth", "", into(writer.queueDepth)},
        {"batch-time-us", "", into(writer.batchTimeNs, 1000)},
        {"commit-interval-ms", "", into(writer.commitIntervalNs, 1'000'000)},
        {"max-held", "", into(writer.maxHeld)},
        {"io", "auto uring pwrite",
         oneOf<ArchiveIo>(
             writer.io,
             {{"auto", ArchiveIo::Auto}, {"uring", ArchiveIo::Uring}, {"pwrite", ArchiveIo::Pwrite}})},
        {"direct", "0 or 1", into(writer.direct)},
        {"register-buffers", "0 or 1", into(writer.registerBuffers)},
        {"checksum", "0 or 1", into(writer.checksum)},
        {"segment-bytes", "", into(writer.segmentBytes)},
        {"segment-frames", "", into(writer.segmentFrames)},
        {"segment-time-ms", "", into(writer.segmentTimeNs, 1'000'000)},
        {"max-segments", "", into(writer.maxSegments)},
        {"on-disk-full", "error drop recycle",
         oneOf<OnDiskFull>(
             writer.onDiskFull,
             {{"error", OnDiskFull::Error}, {"drop", OnDiskFull::Drop}, {"recycle", OnDiskFull::Recycle}})},
        {"cpu", "of the writer's thread", into(writer.cpu)},
        {"rt-priority", "of the writer's thread", into(writer.rtPriority)},
    };
}

[[noreturn]] void usage(const std::vector<Option> &options, int status)
{
    std::printf("archive_load [--OPTION=VALUE]... DIRECTORY\n");
    for (const Option &option : options)
        std::printf("  --%-20s %s\n", option.name, option.help);
    std::exit(status);
}

[[noreturn]] void wrong(const std::string &sentence)
{
    std::fprintf(stderr, "archive_load: %s; see --help\n", sentence.c_str());
    std::exit(2);
}

} // namespace

LoadOptions parseLoadOptions(int argc, char **argv)
{
    LoadOptions load;
    const std::vector<Option> options = optionsFor(load);
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--help")
            usage(options, 0);
        if (word.rfind("--", 0) != 0) {
            load.location = word;
            continue;
        }
        const std::size_t equals = word.find('=');
        const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
        const Option *known = nullptr;
        for (const Option &option : options)
            if (name == option.name)
                known = &option;
        if (known == nullptr)
            wrong("no option --" + name);
        if (equals == std::string::npos || !known->take(word.c_str() + equals + 1))
            wrong("--" + name + "=VALUE: the value of '" + word + "' cannot be used");
    }
    if (load.location.empty())
        usage(options, 2);
    if (load.slabs == 0 || load.info.everyNth == 0)
        wrong("--slabs and --every-nth are greater than 0");
    return load;
}

} // namespace dmaslab::test
