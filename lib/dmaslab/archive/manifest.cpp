// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/manifest.h"

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <new>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/archive/file_io.h"

namespace dmaslab {

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr const char *kNewManifest = "manifest.json.new";
/** 150 000 segments; what is longer is something else. */
constexpr std::int64_t kLongestManifest = 64 << 20;

} // namespace

std::string utcText(std::int64_t ns)
{
    std::int64_t nanoseconds = ns % kSecond;
    if (nanoseconds < 0)
        nanoseconds += kSecond;
    const std::time_t seconds = (ns - nanoseconds) / kSecond;
    std::tm parts = {};
    gmtime_r(&seconds, &parts);
    char text[64];
    const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text + length, sizeof text - length, ".%09dZ", int(nanoseconds));
    return text;
}

Result<Manifest> Manifest::read(int directory, const std::string &path)
try {
    const std::string file = path + "/" + kManifestName;
    // Nobody makes a fifo of that name by mistake, but opening one would wait for ever.
    const UniqueFd fd(openat(directory, kManifestName, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.isValid() && errno == ENOENT)
        return fail(Errc::NotFound,
                    path + ": no recording, it has no manifest.json: give the directory of one", ENOENT);
    if (!fd.isValid())
        return failSystem(file, "open it", errno);
    struct stat status = {};
    if (fstat(fd.get(), &status) != 0)
        return failSystem(file, "look at it", errno);
    if (!S_ISREG(status.st_mode) || status.st_size > kLongestManifest)
        return fail(Errc::Format, file + ": no manifest of a recording: it is no file of at most 64 MiB");
    std::string text(std::size_t(status.st_size), '\0');
    if (const auto ok = readAt(fd.get(), file, 0, std::as_writable_bytes(std::span(text))); !ok)
        return tl::unexpected(ok.error());
    return parse(text, file);
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

Result<void> Manifest::replace(int directory, const std::string &path) const
try {
    const std::string file = path + "/" + kNewManifest;
    const std::string text = toJson();
    if (text.empty())
        return failNoMemory("no memory");
    const auto giveUp = [&](tl::unexpected<Error> error) {
        unlinkat(directory, kNewManifest, 0);
        return error;
    };
    // What is left of that name may be another file too, under a second name.
    unlinkat(directory, kNewManifest, 0);
    UniqueFd fd(openat(directory, kNewManifest, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!fd.isValid())
        return failSystem(file, "create it", errno);
    if (const auto ok = writeAt(fd.get(), file, 0, std::as_bytes(std::span(text))); !ok)
        return giveUp(tl::unexpected(ok.error()));
    if (fsync(fd.get()) != 0)
        return giveUp(failSystem(file, "make it durable", errno));
    if (renameat(directory, kNewManifest, directory, kManifestName) != 0)
        return giveUp(failSystem(file, "rename it to manifest.json", errno));
    if (fsync(directory) != 0)
        return failSystem(path, "make the new manifest.json durable", errno);
    return {};
} catch (const std::bad_alloc &) {
    return failNoMemory("no memory");
}

} // namespace dmaslab
