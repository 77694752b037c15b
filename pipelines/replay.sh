#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: pipelines/replay.sh RECORDING [--fast | --window]
#   RECORDING  a directory that uringarchive made; also one that is being written, or whose writer died
#   --fast     as fast as the disk gives it, checking the hash of every frame (the default)
#   --window   at the speed it was recorded, in a window
# Exit status: 0 played and right, 1 not so, 2 wrong usage, 3 something is missing.
# shellcheck source=pipelines/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
case ${1:-} in -h | --help) usage && exit 0 ;; esac
[ $# -ge 1 ] || refuse "which recording?"
refuse_options "$1"
[ $# -le 2 ] || refuse "two arguments at most, not $#"
recording=$1
[ -e "$recording" ] || refuse "'$recording' does not exist: give the directory of a recording"
[ -f "$recording/manifest.json" ] || refuse "'$recording' is no recording: it has no manifest.json"
case ${2:---fast} in
    --fast) sink=(! fakesink sync=false) verify=true ;;
    --window) sink=(! videoconvert ! autovideosink) verify=false ;;
    *) refuse "'$2' is neither --fast nor --window" ;;
esac
prepare

line=(gst-launch-1.0 -m uringarchivesrc location="$recording" verify="$verify" stats-interval=1000 "${sink[@]}")
echo "${line[*]}"
said=$(mktemp) || exit 3
trap 'rm -f "$said"' EXIT
"${line[@]}" 2>&1 | show_messages | tee "$said"
[ "${PIPESTATUS[0]}" -eq 0 ] && ! grep -q '^ERROR' "$said" || exit 1
# The source's last word: without one nothing was played, whatever else went well.
last=$(grep 'dmaslab-stats.*element=uringarchivesrc' "$said" | tail -n 1)
grep -q 'frames-in-flight=0\b' <<<"$last" && grep -q '\bdropped=0\b' <<<"$last"
