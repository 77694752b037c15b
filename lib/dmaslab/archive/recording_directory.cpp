// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/archive/recording_directory.h"

#include <cerrno>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/archive/file_io.h"
#include "dmaslab/memory/text.h"

namespace dmaslab {

namespace {

constexpr int kMostSuffixes = 10'000;

std::string parentOf(const std::string &path)
{
    const std::size_t last = path.find_last_not_of('/');
    const std::size_t slash = path.find_last_of('/', last);
    return slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

bool isEmpty(int directory)
{
    const std::unique_ptr<DIR, int (*)(DIR *)> entries(fdopendir(dup(directory)), closedir);
    if (!entries)
        return false;
    while (const dirent *entry = readdir(entries.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..")
            return false;
    }
    return true;
}

} // namespace

Result<RecordingDirectory> RecordingDirectory::create(const std::string &location, OnCollision onCollision)
{
    if (location.empty())
        return fail(Errc::InvalidArgument, "no directory to record into: give one that does not exist yet");
    std::string base = location;
    while (base.size() > 1 && base.back() == '/')
        base.pop_back();
    for (int attempt = 0; attempt <= kMostSuffixes; ++attempt) {
        const std::string path = attempt == 0 ? base : base + "-" + std::to_string(attempt);
        if (mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) {
            const int error = errno;
            const char *remedy = error == ENOENT || error == ENOTDIR ? "create its parent directory first"
                                 : errcOf(error) == Errc::Permission ? "choose a directory you may write to"
                                                                     : "choose another place";
            return fail(errcOf(error),
                        path + ": cannot make the directory in '" + parentOf(path) + "' (" +
                            errnoText(error) + "): " + remedy,
                        error);
        }
        UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        // An empty directory is as good as a new one, if nobody else has just begun to use it.
        const bool ours = fd.isValid() && flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && isEmpty(fd.get());
        if (ours && faccessat(fd.get(), ".", W_OK, AT_EACCESS) != 0)
            return fail(Errc::Permission, path + ": no right to write into it: choose another directory",
                        errno);
        if (ours)
            return RecordingDirectory(path, std::move(fd));
        if (onCollision == OnCollision::Refuse) {
            struct stat status = {};
            const bool file = stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode);
            return fail(
                Errc::InvalidArgument,
                path +
                    (file ? ": is a file, and a recording is a directory"
                          : ": is there already, and a recording never overwrites another") +
                    ": choose a name that is not taken, or one with the time, such as rec-%Y%m%d-%H%M%S");
        }
    }
    return fail(Errc::Limit, base + ": it and " + std::to_string(kMostSuffixes) +
                                 " further names are taken: choose another one");
}

} // namespace dmaslab
