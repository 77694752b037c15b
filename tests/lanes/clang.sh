#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: clang++, -Werror; unit and element tests
# needs: build runtime test
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# Without optimisation: clang's warnings do not depend on it, and the assertions are on.
CC=clang CXX=clang++ configure clang -Dbuildtype=debug -Dwerror=true -Dbench=disabled -Ddoxygen=disabled
run_suites clang 1 unit elements
