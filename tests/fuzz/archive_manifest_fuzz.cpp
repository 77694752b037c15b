// SPDX-License-Identifier: LGPL-2.1-or-later
// Any text at all must give a manifest that adds up and can be written again, or an error that names the
// file.
#include <string>
#include <string_view>

#include "dmaslab/archive/manifest.h"

#include "fuzz_require.h"

using namespace dmaslab;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char *>(data), size);
    const auto manifest = Manifest::parse(text, "input/manifest.json");
    if (!manifest) {
        REQUIRE(manifest.error().message.starts_with("input/manifest.json: "));
        REQUIRE(manifest.error().message.size() < 2000);
        return 0;
    }
    for (const ManifestSegment &segment : manifest->segments)
        REQUIRE(segment.series < manifest->series.size());
    for (const ManifestSeries &series : manifest->series) {
        const bool blob = series.layout.layout == ArchiveLayout::Blob;
        REQUIRE(blob == (series.layout.recordBytes == 0));
        REQUIRE(blob || series.layout.recordBytes % kArchiveBlock == 0);
        REQUIRE(blob || series.format.frameBytes <= series.layout.recordBytes);
        REQUIRE(series.format.crop.empty() || series.format.crop.size() == series.format.shape.size());
        for (const PlaneLayout &plane : series.format.planes)
            REQUIRE(plane.offset <= series.format.frameBytes && plane.rows <= series.format.frameBytes);
    }
    const std::string written = manifest->toJson();
    const auto again = Manifest::parse(written, "again");
    REQUIRE(again);
    REQUIRE(again->toJson() == written);
    return 0;
}
