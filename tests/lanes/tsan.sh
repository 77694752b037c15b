#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: thread sanitizer on the core, without suppressions
# needs: build test
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
CC=clang CXX=clang++ configure tsan -Dbuildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false \
    -Dbench=disabled -Ddoxygen=disabled
export TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1:history_size=5
# Kernels that randomise more address bits than the runtime reserves for kill every program at its start.
echo 'int main() { return 0; }' >build/tsan/probe.cpp
clang++ -fsanitize=thread -o build/tsan/probe build/tsan/probe.cpp || exit 1
if ! build/tsan/probe 2>/dev/null; then
    if ! setarch "$(uname -m)" -R build/tsan/probe; then
        skip "the thread sanitizer does not start on this kernel"
        exit 0
    fi
    exec setarch "$(uname -m)" -R bash -c ". tests/lanes/common.sh; run_suites tsan 5 --build-only-these unit"
fi
run_suites tsan 5 --build-only-these unit
