#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: tests in a guest with a kernel that has udmabuf, dma-heap, vivid and two NUMA nodes
# needs: build runtime test vm bench docs
# optional: yes
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
if [ ! -x tests/vm/lane.sh ]; then
    skip "tests/vm/lane.sh is not there"
    exit 0
fi
configure_release
compile release
phase "running the guest"
# lane.sh prints a line per test (PASS, FAIL, SKIP) and, last, the counts; 77: nothing could run here.
tests/vm/lane.sh "$root/build/release" >build/vm.log 2>&1
status=$?
cat build/vm.log
counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' build/vm.log | tail -n 1)
if [ -n "$counts" ]; then
    tr -d , <<<"$counts" | awk '{ print $2, $1; print $4, $3; print $6, $5 }' >>"$LANE_RESULT"
    grep '^SKIP' build/vm.log | while read -r line; do note "skipped: ${line#SKIP }"; done
    if [ $status -ne 0 ] && [ $status -ne 77 ]; then
        { grep '^FAIL' build/vm.log; tail -n 40 build/vm.log; } >>"$LANE_FAILURES"
        # A status that no counted failure explains is one more failure.
        [ "$(awk '{ print $3 }' <<<"$counts")" -gt 0 ] || fail "lane.sh ended with status $status" </dev/null
    fi
elif [ $status -eq 77 ]; then
    skip "$(grep -v '^[[:space:]]*$' build/vm.log | tail -n 1)"
elif [ $status -eq 0 ]; then
    pass
else
    fail "lane.sh ended with status $status" <build/vm.log
fi
