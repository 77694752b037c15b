#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: pipelines/record.sh [recording] [seconds] [fps] [every]
#   recording  the directory to make (recording-DATE-TIME, here)
#   seconds    how long (10)
#   fps        frames per second of the synthetic camera, 640x480 GRAY16_LE (1000)
#   every      keep every Nth frame (1)
# Records with gst-launch-1.0 and shows what is in the recording afterwards. The launch line is printed: put
# your own source in the place of dmaslabsrc. Exit status: 0 recorded, 1 not so, 2 wrong usage, 3 something is missing.
# shellcheck source=pipelines/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
case ${1:-} in -h | --help) usage && exit 0 ;; esac
refuse_options "$@"
[ $# -le 4 ] || refuse "four arguments at most, not $#"
recording=${1:-$(free_name)} seconds=${2:-10} fps=${3:-1000} every=${4:-1}
refuse_unless_positive seconds "$seconds" 10
[[ $fps =~ ^[1-9][0-9]{0,8}$ ]] || refuse "fps '$fps' is no frame rate: give frames per second, such as 1000"
[[ $every =~ ^[1-9][0-9]{0,8}$ ]] || refuse "every '$every' is no number: give 1 for every frame, 5 for every fifth"
refuse_unless_new "$recording"
prepare
frames=$(awk "BEGIN { printf \"%d\", $seconds * $fps + 0.5 }")

line=(gst-launch-1.0 -m -e dmaslabsrc backend=test memory=memfd on-overrun=burst rt-priority=80 num-buffers="$frames"
    ! "video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=$fps/1"
    ! uringarchive location="$recording" every-nth="$every" stats-interval=1000)
echo "${line[*]}"
"${line[@]}" | show_messages
[ "${PIPESTATUS[0]}" -eq 0 ] || exit 1
"$archive_tool" info "$recording"
