// SPDX-License-Identifier: LGPL-2.1-or-later
// Any text for crop and window is understood or refused; what is understood makes sense.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dmaslab/process/settings_text.h"

#include "fuzz_require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char *>(data), size);
    if (const auto crop = dmaslab::parseCrop(text); crop && !text.empty())
        REQUIRE(crop->width > 0 && crop->height > 0);
    if (const auto window = dmaslab::parseWindow(text))
        REQUIRE(window->mode != dmaslab::WindowMode::Fixed || window->low < window->high);
    return 0;
}
