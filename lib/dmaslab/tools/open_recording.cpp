// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/tools/open_recording.h"

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "dmaslab/archive/file_header.h"
#include "dmaslab/archive/format.h"

namespace dmaslab::tools {

namespace {

/** Whether a segment counts frames, so that there has been a manifest. */
bool holdsFrames(const std::string &path)
{
    std::error_code error;
    for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
        if (!entry->path().filename().string().starts_with("index-"))
            continue;
        HeaderBlock block = {};
        std::ifstream file(entry->path(), std::ios::binary);
        if (!file.read(reinterpret_cast<char *>(block.data()), std::streamsize(block.size())))
            continue;
        const auto header = parseHeader(block, entry->path().string());
        if (header && header->count() > 0)
            return true;
    }
    return false;
}

} // namespace

Error explainOpen(Error error, const std::string &path)
{
    const auto has = [&](const char *name) { return access((path + "/" + name).c_str(), F_OK) == 0; };
    if (error.code != Errc::NotFound || has(kManifestName) || !has(kLossesName))
        return error;
    // A writer makes the ledger first, and the manifest when the first segment has its space.
    if (holdsFrames(path))
        error.message =
            path + ": its manifest.json is gone; restore it, the frames-*.npy can still be opened with numpy";
    else
        error.message =
            path +
            ": no recording yet: its first segment is still being made, or its writer died before that";
    return error;
}

Result<Recording> openRecording(const std::string &path)
{
    auto recording = Recording::open(path);
    if (!recording)
        return tl::unexpected(explainOpen(recording.error(), path));
    return recording;
}

} // namespace dmaslab::tools
