#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# On the host, without a guest: nothing that failed, skipped itself or never ran may come out as a pass.
set -uo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=check.sh
source "$here/check.sh"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

program() { # STATUS: a GoogleTest program that prints stdin
    cat >"$work/output"
    printf '#!/bin/sh\ncat "%s"\nexit %d\n' "$work/output" "$1" >"$work/unit"
    chmod +x "$work/unit"
}

lines() { "$here/gtest-lines.sh" "$work/unit" "$@"; }

program 1 <<'EOF'
[ RUN      ] A.Good
words without an end[       OK ] A.Good (1 ms)
[ RUN      ] A.Optional
a.cpp:3: Skipped
not here

[  SKIPPED ] A.Optional (0 ms)
[ RUN      ] A.Device
a.cpp:9: Skipped
no device

[  SKIPPED ] A.Device (0 ms)
[ RUN      ] A.Bad
a.cpp:5: Failure
[  FAILED  ] A.Bad (2 ms)
[  SKIPPED ] 2 tests, listed below:
[  FAILED  ] A.Bad
EOF
check "report: each test of a program gets its line" same 'PASS unit A.Good
SKIP unit A.Optional: not here
FAIL unit A.Device: skipped where it must run: no device
FAIL unit A.Bad
    a.cpp:5: Failure
FAIL unit has no test like *Hugetlb*' "$(lines '*Dev?ce:*Hugetlb*')"
check "report: what is excepted may skip" same 'SKIP unit A.Device: no device' "$(lines 'A.*-A.Device' | grep Device)"

program 139 <<<'[ RUN      ] A.Crash'
check "report: a crash is a failure of the test it came in" same 'FAIL unit A.Crash: the program ended in it' "$(lines '')"
program 0 <<<'[==========] Running 0 tests from 0 test suites.'
check "report: a program that runs nothing fails" same 'FAIL unit ran no test' "$(lines '')"
check "report: a program that is not there fails" grep -q '^FAIL gone: not built' <("$here/gtest-lines.sh" "$work/gone" '')

cat >"$work/list" <<'EOF'
one: host
    true
    false
    echo skipped: no camera; exit 77
    echo PASS of its own
    echo PASS before the end; exit 4
    echo FAIL of its own; exit 1
two: host
    true $BUILD
three: host
    kill -KILL $PPID
EOF
# shellcheck disable=SC2016 # shown as it is written
check "report: the lane counts what its commands say" same '  skipped: no camera
3 passed, 4 failed, 2 skipped
FAIL of its own
FAIL one: echo PASS before the end; exit 4: status 4
FAIL one: false: status 1
FAIL three: the guest ended with status 137, 1 commands without an end
PASS before the end
PASS of its own
PASS one: true
SKIP one: no camera
SKIP two: true $BUILD: no build directory given' "$(DMASLAB_VM_LIST=$work/list "$here/lane.sh" 2>/dev/null | LC_ALL=C sort)"
check "report: a lane with a failure ends with 1" same 1 "$(DMASLAB_VM_LIST=$work/list "$here/lane.sh" >/dev/null 2>&1; echo $?)"
printf 'one: host\n    exit 77\n' >"$work/list"
check "report: a lane that ran nothing ends with 77" same 77 "$(DMASLAB_VM_LIST=$work/list "$here/lane.sh" >/dev/null 2>&1; echo $?)"
