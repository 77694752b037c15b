#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: dual_path_script_test.sh SOURCE_DIR BUILD_DIR
# pipelines/dual-path.sh as its user meets it, with the build that is there. Exit status: 0 all is right.
set -u
source=$1
export DMASLAB_BUILD=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
wrong=0

# expect STATUS TEXT ARGUMENT…: the script ends with this status and says this.
expect()
{
    local status=$1 text=$2 output got
    shift 2
    output=$("$source/pipelines/dual-path.sh" "$@" 2>&1)
    got=$?
    if [ $got -ne "$status" ] || ! grep -q -- "$text" <<<"$output"; then
        echo "dual-path.sh $*: status $got instead of $status, or not a word of '$text':"
        echo "$output"
        wrong=$((wrong + 1))
    fi
}

frames() # file, header, bytes of pixels
{
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "$2" >"$1"
    head -c "$3" /dev/zero >>"$1"
}

expect 0 'every frame is accounted for' - 0.5 1000
expect 0 'produced  *500$' - 0.5 1000
expect 0 'archived  *[1-9][0-9]* ' - 0.5 1000
expect 0 'bytes copied  *0$' - 0.5 1000
# How many of the 100 a live recording keeps is the disk's affair; that nothing is wrong with them is ours.
expect 0 'on disk: [1-9][0-9]* right, 0 wrong' - 0.5 1000 kept
expect 0 'kept2/frames-000000.npy' - 0.1 1000 kept2
python=/usr/bin/python3
"$python" -c 'import numpy' 2>/dev/null || python=python3
shape=$("$python" -c "import numpy as np; print(np.load('kept/frames-000000.npy', mmap_mode='r').shape)")
if [[ ! $shape =~ ^\([1-9][0-9]*,\ 480,\ 640\)$ ]]; then
    echo "numpy finds $shape in the recording and not (N, 480, 640)"
    wrong=$((wrong + 1))
fi
expect 0 'archived  *100 .*100 stamps right' - 0.5 1000 -
expect 0 'produced  *14$' - .5 30000/1001

mkdir frames
frames frames/0.npy "{'descr': '<u2', 'fortran_order': False, 'shape': (10, 30, 40), }" 24000
frames frames/1.npy "{'descr': '<u2', 'fortran_order': False, 'shape': (30, 40), }" 2400
expect 0 '^40x30 GRAY16_LE' frames 0.2 500
expect 0 'produced  *100$' frames 0.2 500
expect 0 'every frame is accounted for' frames/0.npy 0.1 500

expect 2 "npy_dir 'nowhere' does not exist" nowhere
mkdir empty
expect 2 "npy_dir 'empty' has no .npy file" empty
expect 2 "seconds 'soon' is no number above 0" - soon
expect 2 "seconds '0.0' is no number above 0" - 0.0
expect 2 "fps 'fast' is no frame rate" - 1 fast
expect 2 "fps '0' is no frame rate" - 1 0
expect 2 'four arguments at most' - 1 2 3 4
expect 2 "recording 'kept' is there already" - 1 1000 kept
expect 2 "no directory 'nowhere' to make it in" - 1 1000 nowhere/rec
expect 0 'Usage:' --help
echo nothing >broken.npy
expect 1 'broken.npy' broken.npy 1

# An error in the middle: frames were under way then, and none of them is called wrong.
for plugin in "$DMASLAB_BUILD"/gst/*/libgst*.so; do
    GST_PLUGIN_PATH=$(dirname "$plugin")${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}
done
export GST_PLUGIN_PATH
output=$("$DMASLAB_BUILD/pipelines/dual-path" --seconds 5 --archive "uringarchive location=$work/stopped every-nth=5" \
    --processing 'identity error-after=200 ! fakesink sync=false' 2>&1)
if [ $? -ne 1 ] || grep -q WRONG <<<"$output" || ! grep -q 'stopped by the error above' <<<"$output"; then
    echo "dual-path with an error after 200 frames: $output"
    wrong=$((wrong + 1))
fi
exit $((wrong > 0))
