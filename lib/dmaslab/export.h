// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

/** Marks what libdmaslab.so shows; everything else stays hidden. */
#define DMASLAB_EXPORT __attribute__((visibility("default")))
