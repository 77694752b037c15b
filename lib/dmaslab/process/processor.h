// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dmaslab/error.h"
#include "dmaslab/export.h"
#include "dmaslab/process/band.h"
#include "dmaslab/process/band_team.h"
#include "dmaslab/process/occupancy.h"
#include "dmaslab/process/plan.h"

namespace dmaslab {

/**
 * Does with each frame what the settings say. Everything is laid out by make(): a frame allocates nothing and
 * cannot fail. One frame at a time, one after the other: a window and motion look at the frame before.
 */
class DMASLAB_EXPORT FrameProcessor
{
public:
    /** The error names the property that does not fit the input or its file. */
    [[nodiscard]] static Result<std::unique_ptr<FrameProcessor>> make(const PictureFormat &input,
                                                                      const ProcessSettings &settings);

    [[nodiscard]] const PictureFormat &input() const { return plan_->input; }
    [[nodiscard]] const PictureFormat &output() const { return plan_->output; }
    [[nodiscard]] const ResultLayout &results() const { return plan_->results; }
    [[nodiscard]] bool changesPixels() const { return plan_->writes; }
    /** Output may lie where the input does. */
    [[nodiscard]] bool worksInPlace() const { return plan_->inPlace; }
    [[nodiscard]] SimdLevel level() const { return plan_->kernels.level; }
    [[nodiscard]] const OccupancyThreshold &occupancy() const { return occupancy_; }

    /**
     * @p record takes results().bytes() bytes, at a multiple of 8; its sequence and pts are the caller's to
     * fill; or it is empty, where nobody wants results. 16-bit pixels lie at even addresses.
     */
    void process(const FramePlanes &planes, std::span<std::byte> record);

    /** The next frame has no frame before it. */
    void forget() { isFirst_ = true; }

private:
    FrameProcessor(std::unique_ptr<const Plan> plan, OccupancyThreshold occupancy,
                   std::unique_ptr<BandTeam> team);

    void replaceBadPixels(const FramePlanes &planes, const Band &band);
    void fill(std::span<std::byte> record, const ToneWindow &window);
    void fillStatistics(std::byte *record);
    void fillGrid(std::byte *record);

    std::unique_ptr<const Plan> plan_; ///< bands refer to it
    OccupancyThreshold occupancy_;
    std::unique_ptr<BandTeam> team_; ///< null: one thread is enough
    std::vector<Band> bands_;
    ToneWindow window_;
    std::unique_ptr<AutoWindow> autoWindow_;
    std::vector<std::uint16_t> replacements_, before_;
    std::vector<std::uint64_t> sums_;
    std::vector<RoiMoments> moments_;
    bool isFirst_ = true;
};

} // namespace dmaslab
