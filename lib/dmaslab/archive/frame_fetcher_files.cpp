// SPDX-License-Identifier: LGPL-2.1-or-later
// Which file a frame comes from.
#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/archive/block_reader.h"
#include "dmaslab/archive/frame_fetcher.h"

namespace dmaslab {

namespace {

/** A second descriptor of the very file, whatever its name has become; -1 with errno. */
int reopen(int fd, int flags)
{
    const std::string name = "/proc/self/fd/" + std::to_string(fd);
    return ::open(name.c_str(), O_RDONLY | O_CLOEXEC | flags);
}

/** Without /proc: by name, if the name is still the file's. */
int openNamed(const std::string &path, int fd, int flags)
{
    const int named =
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags); // no fifo is waited for
    struct stat is, was;
    if (named >= 0 && ::fstat(named, &is) == 0 && ::fstat(fd, &was) == 0 && is.st_dev == was.st_dev &&
        is.st_ino == was.st_ino && ::fcntl(named, F_SETFL, flags) == 0)
        return named;
    const int error = named >= 0 ? ESTALE : errno;
    if (named >= 0)
        ::close(named);
    errno = error;
    return -1;
}

} // namespace

/** The place of the frame's file with the reader; negative when it cannot be opened. */
std::int32_t FrameFetcher::fileFor(const FramePlace &place)
{
    const Recording::Segment &segment = recording_.segments()[place.segment];
    const auto isIt = [&](const File &file) { return file.fd.isValid() && file.segment == segment.number; };
    auto file = std::find_if(files_.begin(), files_.end(), isIt);
    if (file != files_.end())
        return std::int32_t(file - files_.begin());
    // There is one place more than frames that can be under way.
    file = std::find_if(files_.begin(), files_.end(), [](const File &each) { return !each.fd.isValid(); });
    if (file == files_.end())
        file = std::find_if(files_.begin(), files_.end(), [](const File &each) { return each.users == 0; });
    const auto original = recording_.framesOf(place.segment);
    if (!original)
        return -1;
    int fd = -1;
    if (reader_->isDirect()) {
        fd = reopen(*original, O_DIRECT);
        if (fd < 0 && errno != EINVAL)
            fd = openNamed(segment.framesPath, *original, O_DIRECT);
        if (fd < 0 && settings_.io != FetchIo::Uring) {
            wantsPread_ = true;
            return -1;
        }
    } else {
        fd = ::fcntl(*original, F_DUPFD_CLOEXEC, 0);
    }
    if (fd < 0)
        return -1;
    file->segment = segment.number;
    const UniqueFd old = std::exchange(file->fd, UniqueFd(fd)); // open until the reader has the new one
    const auto number = std::uint32_t(file - files_.begin());
    reader_->useFile(number, fd);
    return std::int32_t(number);
}

/** In a recording that is being written, numbers outside what its manifest says are of the file's next life.
 */
bool FrameFetcher::isInSegment(const FramePlace &place) const
{
    const auto &listed = recording_.manifest().segments;
    if (!mayBeReclaimed_ || place.segment >= listed.size())
        return true;
    const ManifestSegment &entry = listed[place.segment];
    const std::uint64_t sequence = place.index.sequence;
    return entry.number != recording_.segments()[place.segment].number || !entry.closed ||
           ((!entry.firstSequence || sequence >= *entry.firstSequence) &&
            (!entry.lastSequence || sequence <= *entry.lastSequence));
}

} // namespace dmaslab
