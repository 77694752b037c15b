#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: reproducible counters: system calls, allocations and copies per frame
# needs: build runtime test bench docs
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
configure_release
run_suites release 2 counters
