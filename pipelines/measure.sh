#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by atom-array.sh and wavefront.sh, which differ in the preset of simdproc, the size of the picture and
# the program that draws pictures and reports.
# shellcheck source=pipelines/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# measure PRESET WIDTH HEIGHT PROGRAM [npy_dir] [seconds] [fps] [results]
measure()
{
    local preset=$1 size="width=$2,height=$3" program=$root/pipelines/$4 location seconds fps results frames line
    shift 4
    case ${1:-} in -h | --help) usage && exit 0 ;; esac
    refuse_options "$@"
    [ $# -le 4 ] || refuse "four arguments at most, not $#"
    location=${1:--} seconds=${2:-10} fps=${3:-1000} results=${4:-results-$(date +%Y%m%d-%H%M%S)}
    refuse_unless_positive seconds "$seconds" 10
    [[ $fps =~ ^[1-9][0-9]{0,8}$ ]] || refuse "fps '$fps' is no frame rate: give frames per second, such as 1000"
    if [ "$location" != - ] && ! compgen -G "$location/*.npy" >/dev/null; then
        refuse "npy_dir '$location' has no .npy file in it: give a directory of pictures, or - for drawn ones"
    fi
    refuse_unless_new "$results"
    prepare
    mkdir "$results" || exit 1
    if [ "$location" = - ]; then
        location=$results/pictures
        "$python" "$program" draw "$location" || exit 1
    fi
    frames=$(awk "BEGIN { printf \"%d\", $seconds * $fps + 0.5 }")

    line=(gst-launch-1.0 -m -e dmaslabsrc location="$(realpath "$location")" loop=true memory=memfd on-overrun=burst
        num-buffers="$frames" ! "video/x-raw,format=GRAY16_LE,$size,framerate=$fps/1"
        ! simdproc name=measure @preset="$preset" stats-interval=1000 ! fakesink sync=false
        measure.results ! slabqueue max-size-buffers=1000
        ! uringarchive location="$results/recording" on-full=wait commit-interval=1000000000)
    echo "${line[*]}"
    "${line[@]}" | show_messages
    [ "${PIPESTATUS[0]}" -eq 0 ] || exit 1
    "$python" "$program" report "$results" "$frames"
}
