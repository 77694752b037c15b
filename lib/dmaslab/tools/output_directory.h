// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

#include "dmaslab/error.h"

namespace dmaslab::tools {

/** A directory for output; one that was made here and stayed empty goes again. */
class OutputDirectory
{
public:
    explicit OutputDirectory(std::string path) : path_(std::move(path)) {}
    OutputDirectory(const OutputDirectory &) = delete;
    OutputDirectory &operator=(const OutputDirectory &) = delete;
    ~OutputDirectory();

    /** It may be there already, but not as a file. Only the last directory of the path is made. */
    [[nodiscard]] Result<void> make();

private:
    std::string path_;
    bool made_ = false;
};

} // namespace dmaslab::tools
