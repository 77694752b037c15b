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
set -u

# What stands at the end of the processing branch: it counts, until there is a filter.
processing='fakesink sync=false'
every=5

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

refuse()
{
    echo "dual-path: $*" >&2
    echo "usage: pipelines/dual-path.sh [npy_dir] [seconds] [fps] [recording], for example: pipelines/dual-path.sh - 10 1000 /data/run1" >&2
    exit 2
}

free_name() # a directory for this run, beside those of other runs in the same second
{
    local name
    name=recording-$(date +%Y%m%d-%H%M%S)
    local free=$name n=0
    while [ -e "$free" ]; do
        free=$name-$((++n))
    done
    echo "$free"
}

case ${1:-} in
    -h | --help)
        sed -n '3,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
esac
[ $# -le 4 ] || refuse "four arguments at most, not $#"
location=${1:--} seconds=${2:-10} fps=${3:-1000} recording=${4:-$(free_name)}

number='^([0-9]+([.][0-9]*)?|[.][0-9]+)$'
rate='^0*[1-9][0-9]{0,8}(/0*[1-9][0-9]{0,8})?$'
if [ "$location" != - ]; then
    [ -e "$location" ] || refuse "npy_dir '$location' does not exist: give a directory of .npy files, or - for the synthetic camera"
    [ -r "$location" ] || refuse "npy_dir '$location' cannot be read: change its permissions"
    if [ -d "$location" ] && ! compgen -G "$location/*.npy" >/dev/null; then
        refuse "npy_dir '$location' has no .npy file in it"
    fi
    location=$(realpath "$location")
fi
[[ $seconds =~ $number ]] || refuse "seconds '$seconds' is no number: give how long to run, such as 10"
[[ $seconds =~ [1-9] ]] || refuse "seconds '$seconds' is no time: give more than 0"
[[ $fps =~ $rate ]] || refuse "fps '$fps' is no frame rate: give frames per second, such as 1000 or 30000/1001"

archive='fakesink sync=false'
if [ "$recording" != - ]; then
    parent=$(dirname "$recording")
    [ -d "$parent" ] || refuse "recording '$recording': there is no directory '$parent' to make it in"
    [ ! -e "$recording" ] || refuse "recording '$recording' is there already: a recording never overwrites anything"
    case $recording in *[\"\'\\%]*) refuse "recording '$recording': choose a name without quotes, backslashes and %" ;; esac
    recording=$(realpath -m "$recording")
    archive="uringarchive location=\"$recording\" every-nth=$every"
fi

build=${DMASLAB_BUILD:-$root/build/dual-path} # a build that is there already can be used, as it is
"$root/tests/setup.sh" build runtime || exit 3

log=$build.log
built()
{
    [ -z "${DMASLAB_BUILD:-}" ] || return 0
    if [ ! -f "$build/build.ninja" ] || [ "$(cat "$build/.source" 2>/dev/null)" != "$root" ]; then
        echo "dual-path: building in ${build#"$root"/}, once"
        rm -rf "$build"
        mkdir -p "$root/build"
        meson setup "$build" "$root" -Dbuildtype=release -Dtests=disabled -Dbench=disabled -Ddoxygen=disabled \
            >"$log" 2>&1 || return 1
        echo "$root" >"$build/.source"
    fi
    ninja -C "$build" pipelines/dual-path gst/dmaslabsrc/libgstdmaslabsrc.so gst/slabqueue/libgstslabqueue.so \
        gst/uringarchive/libgsturingarchive.so >"$log" 2>&1
}
if ! built; then
    tail -n 30 "$log" >&2
    echo "dual-path: the build failed; the whole log: $log" >&2
    exit 1
fi

# The plugins of this build and a registry of their own: the user's is left alone.
export GST_PLUGIN_PATH=$build/gst/dmaslabsrc:$build/gst/slabqueue:$build/gst/uringarchive${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}
export GST_REGISTRY=$build/dual-path-registry.bin
arguments=(--processing "$processing" --archive "$archive" --every "$every" --seconds "$seconds" --rate "$fps")
[ "$location" = - ] || arguments+=(--location "$location")
exec "$build/pipelines/dual-path" "${arguments[@]}"
