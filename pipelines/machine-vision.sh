#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: pipelines/machine-vision.sh [npy_dir] [dark] [flat] [seconds] [fps] [recording]
#   npy_dir  a directory of .npy pictures (uint16), played over and over; - (the default) is a scene that this
#            script draws, with a dark picture and uneven light of its own
#   dark     a .npy picture without light, - for none
#   flat     a .npy picture of something evenly lit, dark taken off, - for none
#   seconds  how long (10)
#   fps      frames per second (200)
#   recording  the directory to make (recording-DATE-TIME, here)
# Corrects dark and flat field, makes an 8-bit picture whose contrast follows the scene (simdproc's preset
# machine-vision), and records it.
# Exit status: 0 every frame is there, 1 not so, 2 wrong usage, 3 something is missing.
# shellcheck source=pipelines/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
case ${1:-} in -h | --help) usage && exit 0 ;; esac
refuse_options "$@"
[ $# -le 6 ] || refuse "six arguments at most, not $#"
location=${1:--} dark=${2:--} flat=${3:--} seconds=${4:-10} fps=${5:-200} recording=${6:-$(free_name)}
refuse_unless_positive seconds "$seconds" 10
[[ $fps =~ ^[1-9][0-9]{0,8}$ ]] || refuse "fps '$fps' is no frame rate: give frames per second, such as 200"
if [ "$location" != - ] && ! compgen -G "$location/*.npy" >/dev/null; then
    refuse "npy_dir '$location' has no .npy file in it: give a directory of pictures, or - for a drawn scene"
fi
for table in "$dark" "$flat"; do
    [ "$table" = - ] || [ -f "$table" ] || refuse "'$table' does not exist: give a .npy picture, or - for none"
done
refuse_unless_new "$recording"
prepare
if [ "$location" = - ]; then
    location=$(mktemp -d)
    trap 'rm -rf "$location"' EXIT
    "$python" "$root/pipelines/machine_vision.py" "$location" || exit 1
    [ "$dark" != - ] || dark=$location/tables/dark.npy
    [ "$flat" != - ] || flat=$location/tables/flat.npy
fi
frames=$(awk "BEGIN { printf \"%d\", $seconds * $fps + 0.5 }")
tables=()
[ "$dark" = - ] || tables+=(dark="$(realpath "$dark")")
[ "$flat" = - ] || tables+=(flat="$(realpath "$flat")")

line=(gst-launch-1.0 -m -e dmaslabsrc location="$(realpath "$location")" loop=true memory=memfd on-overrun=burst
    num-buffers="$frames" ! "video/x-raw,framerate=$fps/1"
    ! simdproc @preset=machine-vision "${tables[@]}" stats-interval=1000
    ! slabqueue ! uringarchive location="$recording" on-full=wait)
echo "${line[*]}"
"${line[@]}" | show_messages
[ "${PIPESTATUS[0]}" -eq 0 ] || exit 1
"$archive_tool" info "$recording"
