#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by the scripts of this folder: installs what is missing, builds the plugins once, and lets GStreamer
# see them. DMASLAB_BUILD names a build directory that is there already, to be used as it is.
# shellcheck disable=SC2034 # read by the file that sources this one
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
script=$(basename "$0")
build=${DMASLAB_BUILD:-$root/build/dual-path}

# The comment at the head of the script, from its Usage line on.
usage()
{
    sed -n '/^# Usage/,/^[^#]/{/^# shellcheck/d;s/^# \{0,1\}//p}' "$0"
}

# refuse WHAT: the arguments make no sense.
refuse()
{
    echo "${script%.sh}: $*" >&2
    sed -n 's/^# Usage/usage/p' "$0" >&2
    exit 2
}

# refuse_options ARGUMENT…: what begins with - and is more than that is meant as an option.
refuse_options()
{
    local argument
    for argument; do
        case $argument in -?*) refuse "there is no option '$argument': --help tells what there is" ;; esac
    done
}

# refuse_unless_new DIRECTORY: a recording is a directory that is not there yet.
refuse_unless_new()
{
    local parent
    parent=$(dirname "$1")
    [ -d "$parent" ] || refuse "recording '$1': there is no directory '$parent' to make it in"
    [ ! -e "$1" ] || refuse "recording '$1' is there already: a recording never overwrites anything"
    case $1 in *[\"\'\\%]*) refuse "recording '$1': choose a name without quotes, backslashes and %" ;; esac
}

# A directory for this run, beside those of other runs in the same second.
free_name()
{
    local name free n=0
    name=recording-$(date +%Y%m%d-%H%M%S)
    free=$name
    while [ -e "$free" ]; do
        free=$name-$((++n))
    done
    echo "$free"
}

positive='^([0-9]+([.][0-9]*)?|[.][0-9]+)$'
refuse_unless_positive() # name value example
{
    [[ $2 =~ $positive && $2 =~ [1-9] ]] || refuse "$1 '$2' is no number above 0: give one, such as $3"
}

require_place_to_build()
{
    if mkdir -p "$(dirname "$build")" && : >>"$log" && { [ ! -e "$build" ] || [ -w "$build" ]; }; then
        return
    fi 2>/dev/null
    echo "${script%.sh}: cannot write '$build', where the plugins are built: change its permissions, or let" \
        "DMASLAB_BUILD name a build directory that is there already" >&2
    exit 3
}

built()
{
    if [ ! -f "$build/build.ninja" ] || [ "$(cat "$build/.source" 2>/dev/null)" != "$root" ]; then
        echo "${script%.sh}: building in ${build#"$root"/}, once"
        rm -rf "$build"
        mkdir -p "$root/build"
        meson setup "$build" "$root" -Dbuildtype=release -Dtests=disabled -Dbench=disabled -Ddoxygen=disabled \
            >"$log" 2>&1 || return 1
        echo "$root" >"$build/.source"
    fi
    ninja -C "$build" >"$log" 2>&1
}

# Everything a pipeline needs, and `archive_tool`.
prepare()
{
    local plugin
    "$root/tests/setup.sh" build runtime || exit 3
    log=$build.log
    [ -n "${DMASLAB_BUILD:-}" ] || require_place_to_build
    if [ -z "${DMASLAB_BUILD:-}" ] && ! built; then
        tail -n 30 "$log" >&2
        echo "${script%.sh}: the build failed; the whole log: $log" >&2
        exit 1
    fi
    # The plugins of this build and a registry of their own: the user's is left alone.
    for plugin in "$build"/gst/*/libgst*.so; do
        GST_PLUGIN_PATH=$(dirname "$plugin")${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}
    done
    export GST_PLUGIN_PATH
    export GST_REGISTRY=$build/pipelines-registry.bin
    export GST_PRESET_PATH=$root/gst/simdproc${GST_PRESET_PATH:+:$GST_PRESET_PATH}
    archive_tool=$build/lib/dmaslab/tools/dmaslab-archive
    # The interpreter that has numpy: another one may come first in PATH.
    python=python3
    python3 -c 'import numpy' 2>/dev/null || python=/usr/bin/python3
}

# The counters as they come, one line each, and what went wrong.
show_messages()
{
    grep --line-buffered -E 'dmaslab-stats|ERROR|WARNING|dmaslab-(segment|recording)' |
        sed -u -E 's/^Got message #[0-9]+ from element "([^"]*)" \(element\): /\1: /; s/\((guint64|uint|string|double)\)//g; s/\\//g'
}
