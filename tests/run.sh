#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: tests/run.sh [--soak] [--quick] [--lane NAME]… [--list]
#   --soak   full counts of the torture tests (hours) instead of seeded samples
#   --quick  the lanes release and lint only, lint on changed files
#   --lane   only this lane; may be given again
#   --list   what the lanes are
# Installs what is missing, runs the lanes one after the other (tests/lanes/NAME.sh), each with its output in
# build/logs/NAME.log, and ends with the line "N passed, N failed, N skipped". Exit status 0: nothing failed.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
exec </dev/null # no test may wait for a terminal
logs=$root/build/logs
order=(release clang asan tsan lint apifloor install counters arch fuzz vm)

usage()
{
    sed -n '3,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

# The value of a "# key: value" line at the head of a lane.
lane_says()
{
    sed -n "s/^# $2: //p;5q" "tests/lanes/$1.sh"
}

lanes=()
export DMASLAB_QUICK=
while [ $# -gt 0 ]; do
    case $1 in
        --soak) export DMASLAB_SOAK=1 ;;
        --quick) DMASLAB_QUICK=1 ;;
        --lane)
            shift
            lanes+=("${1:-}")
            ;;
        --lane=*) lanes+=("${1#*=}") ;;
        --list)
            for lane in "${order[@]}"; do
                printf '%-10s %s\n' "$lane" "$(lane_says "$lane" what)"
            done
            exit 0
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
    shift
done
if [ ${#lanes[@]} -eq 0 ]; then
    lanes=("${order[@]}")
    [ -z "$DMASLAB_QUICK" ] || lanes=(release lint)
fi
for lane in "${lanes[@]}"; do
    if [ ! -f "tests/lanes/$lane.sh" ] || [ "$lane" = common ]; then
        echo "run: no lane '$lane'; there are: ${order[*]}" >&2
        exit 2
    fi
done

live=
[ -t 1 ] && [ "${CI:-}" != true ] && live=1
mkdir -p "$logs"
total_passed=0 total_failed=0 total_skipped=0
job=
trap '[ -z "$job" ] || kill "$job" 2>/dev/null; exit 130' INT TERM HUP

# All groups in one go; when that fails each lane finds out for itself whether it can run.
read -rd '' -a groups <<<"$(for lane in "${lanes[@]}"; do lane_says "$lane" needs; done | tr ' ' '\n' | sort -u)"
setup_failed=
tests/setup.sh "${groups[@]}" || setup_failed=1

# Sums the lines "passed N", "failed N" and "skipped N" that a lane left.
sum()
{
    awk -v what="$1" '$1 == what { n += $2 } END { print n + 0 }' "$2"
}

run_lane()
{
    local lane=$1 started=$SECONDS status passed failed skipped needs limit=1200
    local log=$logs/$lane.log
    export LANE=$lane LANE_RESULT=$logs/$lane.result LANE_FAILURES=$logs/$lane.failures LANE_PHASE=$logs/$lane.phase
    : >"$LANE_RESULT"
    : >"$LANE_FAILURES"
    : >"$LANE_PHASE"
    [ -z "${DMASLAB_SOAK:-}" ] || limit=86400
    printf '%-10s' "$lane"

    read -ra needs <<<"$(lane_says "$lane" needs)"
    if [ -n "$setup_failed" ] && ! tests/setup.sh "${needs[@]}" >"$log" 2>&1; then
        if [ "$(lane_says "$lane" optional)" = yes ]; then
            printf 'skipped 1\nnote %s\n' "skipped: the set-up of ${needs[*]} failed, see $log" >"$LANE_RESULT"
        else
            echo "failed 1" >"$LANE_RESULT"
            cat "$log" >"$LANE_FAILURES"
        fi
    else
        timeout --kill-after=30 "$limit" bash "tests/lanes/$lane.sh" >"$log" 2>&1 &
        job=$!
        while [ -n "$live" ] && kill -0 "$job" 2>/dev/null; do
            printf '\r%-10s%-50s %5d s' "$lane" "$(tail -n 1 "$LANE_PHASE" | cut -c1-50)" $((SECONDS - started))
            sleep 0.5
        done
        wait "$job"
        status=$?
        job=
        if [ $status -ne 0 ] && [ "$(sum failed "$LANE_RESULT")" = 0 ]; then
            echo "failed 1" >>"$LANE_RESULT"
            {
                [ $status -ne 124 ] || echo "the lane took longer than $limit s"
                echo "the lane ended with status $status; the end of its log:"
                tail -n 40 "$log"
            } >>"$LANE_FAILURES"
        fi
    fi

    passed=$(sum passed "$LANE_RESULT")
    failed=$(sum failed "$LANE_RESULT")
    skipped=$(sum skipped "$LANE_RESULT")
    [ -z "$live" ] || printf '\r%-10s' "$lane"
    printf '%5d passed %4d failed %4d skipped %5d s   \n' "$passed" "$failed" "$skipped" $((SECONDS - started))
    sed -n 's/^note /           /p' "$LANE_RESULT" | sort | uniq
    if [ "$failed" -gt 0 ]; then
        sed 's/^/    /' "$LANE_FAILURES"
        echo "    the whole log: build/logs/$lane.log"
    fi
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
    total_skipped=$((total_skipped + skipped))
}

for lane in "${lanes[@]}"; do
    run_lane "$lane"
done
echo "took $((SECONDS / 60)) min $((SECONDS % 60)) s"
echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
[ "$total_failed" -eq 0 ] && [ $((total_passed + total_skipped)) -gt 0 ]
