#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: pipelines/dual-path.sh [npy_dir] [seconds] [fps] [recording]
#   npy_dir  a directory of .npy frames or one .npy file, played over and over; - (the default) is the
#            synthetic camera, 640x480 GRAY16_LE, whose frames verify themselves
#   seconds  how long (10)
#   fps      frames per second, such as 1000 or 30000/1001 (1000)
#   recording  the directory to make (recording-DATE-TIME, here); - records nothing
# Installs what is missing, builds, and runs one camera into two branches: every frame to processing, every
# fifth to the disk. Ends with an account of every frame and the line that opens the recording in numpy.
# Exit status: 0 every frame is accounted for, 1 not so, 2 wrong usage, 3 something is missing.
# shellcheck source=pipelines/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# What every frame goes through; put your own filter in its place.
processing='simdproc statistics=true ! fakesink sync=false'
every=5

case ${1:-} in -h | --help) usage && exit 0 ;; esac
refuse_options "$@"
[ $# -le 4 ] || refuse "four arguments at most, not $#"
location=${1:--} seconds=${2:-10} fps=${3:-1000} recording=${4:-$(free_name)}

rate='^0*[1-9][0-9]{0,8}(/0*[1-9][0-9]{0,8})?$'
if [ "$location" != - ]; then
    [ -e "$location" ] || refuse "npy_dir '$location' does not exist: give a directory of .npy files, or - for the synthetic camera"
    [ -r "$location" ] || refuse "npy_dir '$location' cannot be read: change its permissions"
    if [ -d "$location" ] && ! compgen -G "$location/*.npy" >/dev/null; then
        refuse "npy_dir '$location' has no .npy file in it"
    fi
    location=$(realpath "$location")
fi
refuse_unless_positive seconds "$seconds" 10
[[ $fps =~ $rate ]] || refuse "fps '$fps' is no frame rate: give frames per second, such as 1000 or 30000/1001"

archive='fakesink sync=false'
if [ "$recording" != - ]; then
    refuse_unless_new "$recording"
    recording=$(realpath -m "$recording")
    archive="uringarchive location=\"$recording\" every-nth=$every"
fi
prepare

# Arrays that are no pictures, such as float frames, are passed on and counted.
if [ "$location" != - ] && ! "$python" "$root/pipelines/is_picture.py" "$location"; then
    processing='fakesink sync=false'
fi
arguments=(--python "$python" --processing "$processing" --archive "$archive" --every "$every" --seconds "$seconds" --rate "$fps")
[ "$location" = - ] || arguments+=(--location "$location")
exec "$build/pipelines/dual-path" "${arguments[@]}"
