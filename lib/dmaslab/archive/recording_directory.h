// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "dmaslab/error.h"
#include "dmaslab/export.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/**
 * The directory of one recording, made or taken over empty, and locked: a tool that repairs recordings keeps
 * its hands off while the lock (flock on the directory) is held. The lock ends with the process at the
 * latest.
 */
class DMASLAB_EXPORT RecordingDirectory
{
public:
    enum class OnCollision
    {
        Refuse, ///< something is there: an error
        Suffix, ///< something is there: the next free of NAME-1, NAME-2, …
    };

    /** The parent must exist. Never touches what is there. */
    static Result<RecordingDirectory> create(const std::string &location, OnCollision onCollision);

    [[nodiscard]] const std::string &path() const { return path_; }
    [[nodiscard]] int fd() const { return fd_.get(); }

private:
    RecordingDirectory(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

    std::string path_;
    UniqueFd fd_;
};

} // namespace dmaslab
