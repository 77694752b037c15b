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

# How many frames a live recording keeps is the disk's affair.
expect record.sh 0 'sequence 0 to [0-9]+, every 5th' rec 1 500 5
expect replay.sh 0 'frames-out=[1-9][0-9]*, .*dropped=0' rec
expect ring-record.sh 0 'sequence [1-9][0-9]* to [1-9]' ring 0.2 1.2 500
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
for script in record replay ring-record dual-path; do
    expect $script.sh 0 'Usage: pipelines' --help
    expect $script.sh 2 "^$script: there is no option '-x'" -x
    if "$source/pipelines/$script.sh" --help | grep shellcheck; then
        echo "$script.sh --help tells what is none of its user's business"
        wrong=$((wrong + 1))
    fi
done

# What cannot be played is an error, and what the caller has in its log stays there.
cp -r rec broken
printf 'x' | dd of=broken/frames-000000.npy bs=1 seek=5000 conv=notrunc status=none
expect replay.sh 1 'dropped-corrupt=1' broken
rm broken/*.npy
expect replay.sh 1 '' broken
echo '{}' >broken/manifest.json
expect replay.sh 1 'ERROR' broken
echo before >log
"$source/pipelines/replay.sh" rec >>log 2>&1
if [ "$(head -n 1 log)" != before ]; then
    echo "replay.sh emptied the log that its output goes to"
    wrong=$((wrong + 1))
fi

# A tree of its own, where a file lies in the way of the build directory.
mkdir -p tree/tests
cp -r "$source/pipelines" tree
cp "$source"/tests/{setup,packages}.sh tree/tests
touch tree/build
output=$(env -u DMASLAB_BUILD tree/pipelines/record.sh new 2>&1)
if [ $? -ne 3 ] || ! grep -q "^record: cannot write '.*tree/build/dual-path'" <<<"$output"; then
    echo "record.sh where nothing can be built: $output"
    wrong=$((wrong + 1))
fi
exit $((wrong > 0))
