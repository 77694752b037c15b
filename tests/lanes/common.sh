#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by every lane. A lane is started by tests/run.sh, which reads what the functions here leave in
# $LANE_RESULT (passed/failed/skipped N, note TEXT) and $LANE_FAILURES (printed when something failed).
# The head of a lane says in lines of their own: what (for --list), needs (groups of tests/setup.sh), and
# "optional: yes" when a set-up that fails means a skip.
# shellcheck disable=SC2034 # the variables are for the lanes
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1
jobs=${DMASLAB_JOBS:-$(nproc)}

# Debian's interpreter knows Debian's numpy and gi; another one found first in PATH does not.
python=/usr/bin/python3
"$python" -c 'import gi, numpy' 2>/dev/null || python=python3

phase()
{
    echo "$*" >>"$LANE_PHASE"
    echo "=== $*"
}

pass()
{
    echo "passed 1" >>"$LANE_RESULT"
}

note() # text
{
    echo "note $*" >>"$LANE_RESULT"
}

skip() # why [count]
{
    echo "skipped ${2:-1}" >>"$LANE_RESULT"
    note "skipped: $1"
}

# What went wrong is the argument; details come from standard input.
fail()
{
    echo "failed 1" >>"$LANE_RESULT"
    {
        echo "FAILED $*"
        tail -n 80
    } | tee -a "$LANE_FAILURES"
}

# One check = one passed or failed: check NAME COMMAND…
check()
{
    local name=$1 output
    shift
    phase "$name"
    if output=$("$@" 2>&1); then
        echo "$output"
        pass
    else
        fail "$name" <<<"$output"
        return 1
    fi
}

# configure DIR [meson options]: sets up build/DIR once, again only when the options or the place changed.
configure()
{
    local dir=build/$1 stamp output
    shift
    stamp="$root ${CC:-} ${CXX:-} $*"
    if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.configured" 2>/dev/null)" = "$stamp" ]; then
        return 0
    fi
    phase "configuring"
    rm -rf "$dir"
    if ! output=$(meson setup "$dir" -Db_colorout=never "$@" 2>&1); then
        fail "meson setup $dir $*" <<<"$output"
        exit 1
    fi
    echo "$output"
    echo "$stamp" >"$dir/.configured"
}

# compile DIR [ninja targets]
compile()
{
    local dir=build/$1 log
    shift
    log=$dir/compile.log
    phase "compiling"
    if ! ninja -C "$dir" -j"$jobs" "$@" >"$log" 2>&1; then
        cat "$log"
        grep -v '^\[[0-9]*/[0-9]*\] [A-Z][a-z]* ' "$log" | head -n 120 | fail "compiling $dir"
        exit 1
    fi
    tail -n 1 "$log"
}

# Fills $GST_REGISTRY and those given with the system's plugins, from a child that is not instrumented: some of them
# leak when they are loaded, and a sanitizer would blame the test that happened to scan first.
scan_system_plugins()
{
    local registry
    command -v gst-inspect-1.0 >/dev/null || return 0
    phase "scanning the system's plugins"
    [ -f "$GST_REGISTRY" ] || env -u GST_REGISTRY_FORK -u GST_PLUGIN_PATH gst-inspect-1.0 >/dev/null 2>&1
    for registry in "$@"; do
        [ -f "$registry" ] || cp "$GST_REGISTRY" "$registry"
    done
}

# run_suites DIR TIMEOUT_MULTIPLIER [--build-only-these] [--only-programs] SUITE…: builds and runs the meson tests of
# these suites and counts their cases. Suites without a test are noted, not failed. --only-programs leaves out
# scripts: an interpreter cannot load plugins that want a sanitizer's runtime.
run_suites()
{
    local dir=build/$1 multiplier=$2 targets=() suites=() names=() registries=() only_these='' only_programs='' found suite
    shift 2
    while [ "${1#--}" != "$1" ]; do
        [ "$1" != --build-only-these ] || only_these=1
        [ "$1" != --only-programs ] || only_programs=1
        shift
    done
    if [ -n "$only_these" ]; then
        read -rd '' -a targets <<<"$("$python" tests/tools/meson_tests.py targets "$dir" "$@")"
        [ ${#targets[@]} -gt 0 ] && compile "${dir#build/}" "${targets[@]}"
    else
        compile "${dir#build/}"
    fi
    for suite in "$@"; do
        found=$("$python" tests/tools/meson_tests.py names "$dir" "$suite" | wc -l)
        [ "$found" -gt 0 ] && suites+=(--suite "$suite")
        [ "$found" -gt 0 ] || skip "no test in suite $suite"
    done
    [ ${#suites[@]} -gt 0 ] || return 0
    if [ -n "$only_programs" ]; then
        found=$("$python" tests/tools/meson_tests.py scripts "$dir" "$@")
        for suite in $found; do
            skip "$suite: a script, not run in this lane"
        done
        read -rd '' -a names <<<"$("$python" tests/tools/meson_tests.py names "$dir" "$@" | grep -vxF -e "${found:- }")"
        [ ${#names[@]} -gt 0 ] || return 0
    fi
    [ -z "${DMASLAB_SOAK:-}" ] || multiplier=$((multiplier * 60))

    phase "testing ${suites[*]//--suite/}"
    # A registry of its own: no test run writes into the user's, and a stale one is never read.
    export GST_REGISTRY=$root/$dir/gst-registry.bin
    read -rd '' -a registries <<<"$("$python" tests/tools/meson_tests.py registries "$dir" "$@")"
    scan_system_plugins "${registries[@]}"
    rm -f "$dir"/*.xml "$dir/meson-logs/$LANE".*
    meson test -C "$dir" --no-rebuild --num-processes "$jobs" --timeout-multiplier "$multiplier" \
        --logbase "$LANE" "${suites[@]}" "${names[@]}"
    "$python" tests/tools/meson_tests.py count "$dir" "$LANE" "$LANE_RESULT" "$LANE_FAILURES"
}

# The build that users get; several lanes look at it, only the first one pays for it.
configure_release()
{
    CC=gcc CXX=g++ configure release -Dbuildtype=release -Dwerror=true
}
