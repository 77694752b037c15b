// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/output_directory.h"

#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "dmaslab/memory/text.h"

namespace dmaslab::tools {

OutputDirectory::~OutputDirectory()
{
    if (made_)
        rmdir(path_.c_str()); // fails when there is something in it
}

Result<void> OutputDirectory::make()
{
    made_ = mkdir(path_.c_str(), 0777) == 0;
    const int error = errno;
    struct stat status = {};
    if (made_ || (error == EEXIST && stat(path_.c_str(), &status) == 0 && S_ISDIR(status.st_mode)))
        return {};
    if (error == EEXIST)
        return fail(Errc::Permission, path_ + " is a file, and a directory is needed: give another name",
                    error);
    const char *remedy = error == ENOENT ? ": make the directories first" : "";
    return fail(Errc::Io, path_ + ": the directory cannot be made: " + errnoText(error) + remedy, error);
}

} // namespace dmaslab::tools
