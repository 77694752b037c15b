#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: pipelines/atom-array.sh [npy_dir] [seconds] [fps] [results]
#   npy_dir  a directory of .npy pictures of 300x300 pixels, played over and over; - (the default) is a
#            synthetic array of atoms, half of them there, that this script draws
#   seconds  how long (10)
#   fps      frames per second (1000)
#   results  the directory to make (results-DATE-TIME, here)
# Tells for each frame which of 20x20 traps hold an atom: simdproc's preset atom-array. Makes three things in
# the directory: `recording` (sums and occupancy of every frame, for numpy), `results.txt` (a line of 0 and 1 per
# frame) and, where matplotlib is there, `occupancy.png`.
# Exit status: 0 every frame was looked at, 1 not so, 2 wrong usage, 3 something is missing.
# shellcheck source=pipelines/measure.sh
. "$(dirname "${BASH_SOURCE[0]}")/measure.sh"
measure atom-array 300 300 atom_array.py "$@"
