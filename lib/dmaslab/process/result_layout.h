// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dmaslab/export.h"
#include "dmaslab/process/settings.h"

namespace dmaslab {

/**
 * The results of one frame as one record of memory, which numpy reads as it lies. Only what was asked for is
 * in it; every number lies at a multiple of its size.
 */
class DMASLAB_EXPORT ResultLayout
{
public:
    static constexpr std::size_t kAbsent = ~std::size_t{0};
    static constexpr std::size_t kHistogramBins = 256;

    struct Field
    {
        std::string name;
        std::string dtype; ///< numpy's name of it, such as "<u8"
        std::vector<std::uint32_t> shape;
        std::size_t offset = 0;
    };

    ResultLayout() = default;
    explicit ResultLayout(const ProcessSettings &settings);

    [[nodiscard]] const std::vector<Field> &fields() const { return fields_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    /** As numpy.dtype() takes it: "[('sequence', '<u8'), ('sums', '<u8', (20, 20))]". */
    [[nodiscard]] std::string descr() const;

    // Where each field begins, or kAbsent.
    std::size_t sequence = kAbsent, pts = kAbsent;
    std::size_t min = kAbsent, max = kAbsent, mean = kAbsent, variance = kAbsent, brightness = kAbsent,
                saturated = kAbsent;
    std::size_t histogram = kAbsent;
    std::size_t changed = kAbsent;
    std::size_t windowLow = kAbsent, windowHigh = kAbsent;
    std::size_t sums = kAbsent, occupied = kAbsent;
    std::size_t x = kAbsent, y = kAbsent;

private:
    std::size_t add(std::string name, std::string dtype, std::size_t size,
                    std::vector<std::uint32_t> shape = {});

    std::vector<Field> fields_;
    std::size_t bytes_ = 0;
};

} // namespace dmaslab
