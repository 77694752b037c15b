// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "dmaslab/archive/disk_io.h"

namespace dmaslab {

/** Writer::create() with a disk of the caller's making; empty: as the settings say. */
struct WriterFactory
{
    [[nodiscard]] static Result<std::unique_ptr<Writer>> create(RecordingDirectory directory,
                                                                const RecordingInfo &info,
                                                                WriterSettings settings, WriterClient &client,
                                                                DiskIoFactory makeIo);
};

} // namespace dmaslab
