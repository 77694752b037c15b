#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: no plugin imports a GStreamer symbol newer than the floor
# needs: build runtime test bench docs
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
floor=1.20
check "api_floor.py can fail" "$python" tests/tools/api_floor.py self-test $floor
configure_release
compile release
read -rd '' -a libraries <<<"$(find build/release/gst \( -name '*.so' -o -name '*.so.[0-9]*[0-9]' \) -type f 2>/dev/null | sort)"
if [ ${#libraries[@]} -eq 0 ]; then
    skip "no plugin is built"
else
    check "symbols newer than $floor" "$python" tests/tools/api_floor.py check $floor tests/api-floor-allow.txt \
        "${libraries[@]}"
fi
