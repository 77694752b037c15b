// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dmaslab/archive/file_header.h"
#include "dmaslab/archive/segment_repair.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

/** One .npy file of a recording that is being repaired. What may not be one of it is never written to. */
class RepairedFile
{
public:
    RepairedFile(const RepairJob &job, std::string name, RecoveryReport &report)
        : job_(job), name_(std::move(name)), path_(job.path + "/" + name_), report_(report)
    {
    }

    /** Refuses what leads out of the recording: a symbolic link, a file with a second name, a device. */
    Result<void> open();
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] const std::string &path() const { return path_; }
    [[nodiscard]] std::uint64_t bytes() const;

    /** Whether such a header may take the place of what is there: nothing, zeros, or what is left of one. */
    [[nodiscard]] Result<bool> hasRoomForHeader(const std::string &descr,
                                                const std::vector<std::uint64_t> &shape) const;
    [[nodiscard]] Error foreign() const;

    Result<void> sync();
    Result<void> writeHeader(const std::string &descr, const std::vector<std::uint64_t> &shape);
    Result<void> resize(std::uint64_t bytes);

private:
    const RepairJob &job_;
    std::string name_;
    std::string path_;
    RecoveryReport &report_;
    UniqueFd fd_;
};

} // namespace dmaslab
