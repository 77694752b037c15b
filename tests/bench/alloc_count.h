/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/** Heap allocations since alloc_count_start(). */
struct AllocCounts
{
    unsigned long long all;
    /** Those whose innermost caller outside the C, C++ and GLib run-time libraries is a module of ours. */
    unsigned long long ours;
};

using AllocCountStart = void (*)();
using AllocCountRead = AllocCounts (*)();
