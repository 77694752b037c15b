#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: pipelines/ring-record.sh [recording] [keep] [seconds] [fps]
#   recording  the directory to make (recording-DATE-TIME, here)
#   keep       how many seconds to keep at least (4)
#   seconds    how long to record (12); stop earlier with Ctrl-C, when what you waited for has happened
#   fps        frames per second of the synthetic camera, 640x480 GRAY16_LE (500)
# Records without end into a bounded space: the oldest of eight segments is overwritten in place. Shows what is left.
# Exit status: 0 recorded, 1 not so, 2 wrong usage, 3 something is missing.
# shellcheck source=pipelines/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
case ${1:-} in -h | --help) usage && exit 0 ;; esac
refuse_options "$@"
[ $# -le 4 ] || refuse "four arguments at most, not $#"
recording=${1:-$(free_name)} keep=${2:-4} seconds=${3:-12} fps=${4:-500}
refuse_unless_positive keep "$keep" 4
refuse_unless_positive seconds "$seconds" 12
[[ $fps =~ ^[1-9][0-9]{0,8}$ ]] || refuse "fps '$fps' is no frame rate: give frames per second, such as 500"
refuse_unless_new "$recording"
prepare
frames=$(awk "BEGIN { printf \"%d\", $seconds * $fps + 0.5 }")
# Of eight segments one is being written and one may be waiting for its turn: six are always whole.
segment=$(awk "BEGIN { n = $keep * $fps / 6; printf \"%d\", n < 1 ? 1 : n + 0.999 }")

line=(gst-launch-1.0 -m -e dmaslabsrc backend=test memory=memfd on-overrun=burst rt-priority=80 num-buffers="$frames"
    ! "video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=$fps/1"
    ! uringarchive location="$recording" segment-frames="$segment" max-segments=8)
echo "${line[*]}"
"${line[@]}" | show_messages
[ "${PIPESTATUS[0]}" -eq 0 ] || exit 1
"$archive_tool" info "$recording"
