// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/settings_text.h"

#include <array>
#include <charconv>
#include <optional>

namespace dmaslab {

namespace {

/** Exactly Count numbers with commas between them; blanks around them are forgiven. */
template <std::size_t Count>
std::optional<std::array<std::uint32_t, Count>> numbers(std::string_view text)
{
    std::array<std::uint32_t, Count> found{};
    const auto skipBlanks = [&text] {
        while (!text.empty() && text.front() == ' ')
            text.remove_prefix(1);
    };
    for (std::size_t i = 0; i < Count; ++i) {
        skipBlanks();
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), found[i]);
        if (error != std::errc{})
            return std::nullopt;
        text.remove_prefix(std::size_t(end - text.data()));
        skipBlanks();
        if (i + 1 < Count) {
            if (text.empty() || text.front() != ',')
                return std::nullopt;
            text.remove_prefix(1);
        }
    }
    if (!text.empty())
        return std::nullopt;
    return found;
}

} // namespace

Result<PixelRect> parseCrop(std::string_view text)
{
    if (text.empty())
        return PixelRect{};
    const auto found = numbers<4>(text);
    if (!found || (*found)[2] == 0 || (*found)[3] == 0)
        return fail(Errc::InvalidArgument,
                    "crop=\"" + std::string(text) +
                        "\" is no part of a picture; give x,y,width,height in pixels, such as "
                        "crop=\"100,50,640,480\"");
    return PixelRect{(*found)[0], (*found)[1], (*found)[2], (*found)[3]};
}

Result<WindowWish> parseWindow(std::string_view text)
{
    if (text.empty())
        return WindowWish{};
    if (text == "auto")
        return WindowWish{WindowMode::Auto, 0, 0xFFFF};
    const auto found = numbers<2>(text);
    if (!found || (*found)[1] > 0xFFFF || (*found)[0] >= (*found)[1])
        return fail(Errc::InvalidArgument,
                    "window=\"" + std::string(text) +
                        "\" is no range of pixel values; give low,high with low below high and "
                        "both within 0 to 65535, such as window=\"100,4095\", or auto");
    return WindowWish{WindowMode::Fixed, std::uint16_t((*found)[0]), std::uint16_t((*found)[1])};
}

} // namespace dmaslab
