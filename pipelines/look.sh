#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: pipelines/look.sh [--http PORT] [--bind ADDRESS] [seconds] [fps] [npy_dir]
#   --http PORT     show the picture to browsers (0: any free port) instead of in a window
#   --bind ADDRESS  where to listen (127.0.0.1: this machine only)
#   seconds  how long (until Ctrl-C)
#   fps      frames per second (1000)
#   npy_dir  a directory of .npy pictures, played over and over; - (the default) is the synthetic camera
# A live picture of a fast camera, beside a branch that processes every frame and loses none for it: the
# picture's branch takes 25 frames a second, and when it is slow it loses frames of its own.
# Exit status: 0 the processing branch had every frame, 1 not so, 2 wrong usage, 3 something is missing.
# shellcheck source=pipelines/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage && exit 0 ;;
        --http | --bind)
            [ $# -ge 2 ] || refuse "$1 needs a value"
            [ "$1" = --bind ] || [[ $2 =~ ^[0-9]{1,5}$ && $2 -le 65535 ]] || refuse "$1 '$2' is no port: give 0 to 65535"
            arguments+=("$1" "$2")
            shift 2
            ;;
        -?*) refuse "there is no option '$1': --help tells what there is" ;;
        *) break ;;
    esac
done
[ $# -le 3 ] || refuse "three arguments at most, not $#"
seconds=${1:-} fps=${2:-1000} location=${3:--}
[ -z "$seconds" ] || refuse_unless_positive seconds "$seconds" 10
[[ $fps =~ ^[1-9][0-9]{0,8}$ ]] || refuse "fps '$fps' is no frame rate: give frames per second, such as 1000"
if [ "$location" != - ] && ! compgen -G "$location/*.npy" >/dev/null; then
    refuse "npy_dir '$location' has no .npy file in it: give a directory of pictures, or - for the synthetic camera"
fi
prepare
exec "$python" "$root/pipelines/look.py" "${arguments[@]}" --seconds "${seconds:-0}" --fps "$fps" --location "$location"
