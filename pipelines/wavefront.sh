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
# shellcheck source=pipelines/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
case ${1:-} in -h | --help) usage && exit 0 ;; esac
refuse_options "$@"
[ $# -le 4 ] || refuse "four arguments at most, not $#"
location=${1:--} seconds=${2:-10} fps=${3:-1000} results=${4:-results-$(date +%Y%m%d-%H%M%S)}
refuse_unless_positive seconds "$seconds" 10
[[ $fps =~ ^[1-9][0-9]{0,8}$ ]] || refuse "fps '$fps' is no frame rate: give frames per second, such as 1000"
if [ "$location" != - ] && ! compgen -G "$location/*.npy" >/dev/null; then
    refuse "npy_dir '$location' has no .npy file in it: give a directory of pictures, or - for drawn spots"
fi
refuse_unless_new "$results"
prepare
mkdir "$results" || exit 1
if [ "$location" = - ]; then
    location=$results/pictures
    "$python" "$root/pipelines/wavefront.py" draw "$location" || exit 1
fi
frames=$(awk "BEGIN { printf \"%d\", $seconds * $fps + 0.5 }")

line=(gst-launch-1.0 -m -e dmaslabsrc location="$(realpath "$location")" loop=true memory=memfd on-overrun=burst
    num-buffers="$frames" ! "video/x-raw,format=GRAY16_LE,width=128,height=128,framerate=$fps/1"
    ! simdproc name=lenses @preset=wavefront-sensor stats-interval=1000 ! fakesink sync=false
    lenses.results ! slabqueue max-size-buffers=16 ! uringarchive location="$results/recording" commit-interval=1000000000)
echo "${line[*]}"
"${line[@]}" | show_messages
[ "${PIPESTATUS[0]}" -eq 0 ] || exit 1
"$python" "$root/pipelines/wavefront.py" report "$results" "$frames"
