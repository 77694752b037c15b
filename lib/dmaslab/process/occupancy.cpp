// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/process/occupancy.h"

#include <cmath>
#include <sstream>

namespace dmaslab {

namespace {

constexpr double kMaxLambda = 1e6; ///< beyond, the distributions are far apart or the same

/** The chances of 0, 1, 2, … counts, one after the other, by logarithms: exp(-lambda) alone can be 0. */
class Poisson
{
public:
    explicit Poisson(double lambda) : lambda_(lambda), log_(-lambda) {}

    /** P(N < k) for the k that the number of next() calls has reached. */
    [[nodiscard]] double below() const { return below_; }
    void next()
    {
        below_ += lambda_ == 0 ? (counts_ == 0 ? 1.0 : 0.0) : std::exp(log_);
        ++counts_;
        log_ += lambda_ == 0 ? 0.0 : std::log(lambda_ / double(counts_));
    }

private:
    double lambda_, log_;
    double below_ = 0;
    std::uint64_t counts_ = 0;
};

std::string text(double occupied, double empty, double target)
{
    std::ostringstream out;
    out << "lambda-occupied=" << occupied << " lambda-empty=" << empty << " fp-target=" << target;
    return out.str();
}

} // namespace

Result<OccupancyThreshold> occupancyThreshold(double lambdaOccupied, double lambdaEmpty, double fpTarget)
{
    const auto refuse = [&](const std::string &why) {
        return fail(Errc::InvalidArgument, text(lambdaOccupied, lambdaEmpty, fpTarget) + ": " + why);
    };
    if (!(lambdaEmpty >= 0 && lambdaOccupied > lambdaEmpty && lambdaOccupied <= kMaxLambda))
        return refuse(
            "the mean count of an occupied rectangle must be above that of an empty one, and at most 1e6");
    if (!(fpTarget > 0 && fpTarget < 1))
        return refuse("the share of false positives must lie between 0 and 1");

    Poisson occupied(lambdaOccupied), empty(lambdaEmpty);
    OccupancyThreshold best;
    bool found = false;
    // Far above the brighter mean nothing but false negatives grows.
    const auto last = std::uint64_t(lambdaOccupied + 20 * std::sqrt(lambdaOccupied) + 100);
    for (std::uint64_t counts = 0; counts <= last; ++counts) {
        const double falsePositives = std::max(0.0, 1 - empty.below());
        const double falseNegatives = std::min(1.0, occupied.below());
        if (falsePositives <= fpTarget &&
            (!found || falsePositives + falseNegatives < best.falsePositives + best.falseNegatives)) {
            best = {counts, falsePositives, falseNegatives};
            found = true;
        }
        occupied.next();
        empty.next();
    }
    if (!found)
        return refuse("no threshold keeps false positives that low; raise fp-target");
    return best;
}

} // namespace dmaslab
