// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dmaslab/capture/frame_hash.h"

#include "dmaslab/capture/pattern_kernels.h"

namespace dmaslab {

extern const PatternKernels patternKernelsBase;
#ifdef DMASLAB_HAVE_AVX2_KERNELS
extern const PatternKernels patternKernelsAvx2;
#endif

const PatternKernels &patternKernels()
{
#ifdef DMASLAB_HAVE_AVX2_KERNELS
    static const bool avx2 = __builtin_cpu_supports("avx2");
    if (avx2)
        return patternKernelsAvx2;
#endif
    return patternKernelsBase;
}

std::uint64_t frameHash(std::span<const std::byte> bytes)
{
    return patternKernels().hash(bytes.data(), bytes.size());
}

} // namespace dmaslab
