#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: record_scripts_test.sh SOURCE_DIR BUILD_DIR
# pipelines/record.sh, replay.sh and ring-record.sh as their user meets them. Exit status: 0 all is right.
set -u
source=$1
export DMASLAB_BUILD=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
wrong=0

# expect SCRIPT STATUS TEXT ARGUMENT…: the script ends with this status and says this.
expect()
{
    local script=$1 status=$2 text=$3 output got
    shift 3
    output=$("$source/pipelines/$script" "$@" 2>&1)
    got=$?
    if [ $got -ne "$status" ] || ! grep -qE -- "$text" <<<"$output"; then
        echo "$script $*: status $got instead of $status, or not a word of '$text':"
        echo "$output"
        wrong=$((wrong + 1))
    fi
}

expect record.sh 0 'frames +100, sequence 0 to 495, every 5th' rec 1 500 5
expect replay.sh 0 'frames-out=100, .*dropped=0' rec
expect ring-record.sh 0 'sequence [1-9][0-9]* to 599' ring 0.2 1.2 500
expect replay.sh 0 'dropped=0' ring --fast

expect record.sh 2 'is there already' rec
expect record.sh 2 "no directory 'no' to make it in" no/rec
expect record.sh 2 "seconds '0' is no number above 0" new 0
expect record.sh 2 "every '0' is no number" new 1 100 0
expect ring-record.sh 2 "keep 'much' is no number" new much
expect replay.sh 2 'which recording'
expect replay.sh 2 "'nothing' does not exist" nothing
mkdir empty
expect replay.sh 2 "'empty' is no recording" empty
expect replay.sh 2 "neither --fast nor --window" rec --slow
for script in record replay ring-record; do
    expect $script.sh 0 'Usage: pipelines' --help
done
exit $((wrong > 0))
