#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: inspect_test.sh ELEMENT PLUGIN_DIR [--update]
# gst-inspect-1.0 is the element's reference for users: it must say what tests/elements/inspect/ELEMENT.txt says, so
# that no property, default, range or text changes unnoticed (the documents repeat them). --update writes the file.
# Exit status: 0 the same, 1 different, 77 cannot tell here.
set -u
element=$1
golden=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/$element.txt
reference=1.22 # other versions of GStreamer word things in another way and know other formats
export GST_PLUGIN_PATH=$2 LC_ALL=C NO_COLOR=1

version=$(gst-inspect-1.0 --version | sed -n 's/^GStreamer //p')
if [ "${version%.*}" != $reference ]; then
    echo "skipped: the reference is of GStreamer $reference, this is ${version:-missing}"
    exit 77
fi

# Without what differs between builds and machines, and without the list of formats, which is GStreamer's.
normalised()
{
    gst-inspect-1.0 --no-colors "$element" |
        sed -e '/^Plugin Details:/,/^$/d' -e '/^Pad Templates:/,/^Element has no clocking/d' \
            -e 's/[[:space:]]*$//'
}

text=$(normalised)
if ! grep -q 'Factory Details' <<<"$text"; then
    echo "gst-inspect-1.0 does not know $element in $2"
    exit 1
fi
if [ "${3:-}" = --update ]; then
    echo "$text" >"$golden"
    exit 0
fi
if ! diff -u "$golden" - <<<"$text"; then
    echo "$element does not say any more what $golden says. If that is meant: correct docs/elements/$element.md, then"
    echo "tests/elements/inspect/inspect_test.sh $element $2 --update"
    exit 1
fi
