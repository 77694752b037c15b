#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: pipelines/wavefront.sh [npy_dir] [seconds] [fps] [results]
#   npy_dir  a directory of .npy pictures of 128x128 pixels, played over and over; - (the default) are spots
#            that this script draws, moved by a known tilt and defocus
#   seconds  how long (10)
#   fps      frames per second (1000)
#   results  the directory to make (results-DATE-TIME, here)
# Measures where the light behind each of 16x16 lenses falls: simdproc's preset wavefront-sensor. Makes in the
# directory: `recording` (light, x and y of every lens and frame, for numpy) and, where matplotlib is there,
# `slopes.png`.
# Exit status: 0 every frame was looked at, 1 not so, 2 wrong usage, 3 something is missing.
# shellcheck source=pipelines/measure.sh
. "$(dirname "${BASH_SOURCE[0]}")/measure.sh"
measure wavefront-sensor 128 128 wavefront.py "$@"
