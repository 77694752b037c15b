#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: g++, -O3, -Werror; unit, model, element, pipeline, archive and example tests
# needs: build runtime test bench docs
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
configure_release
run_suites release 1 unit model elements pipelines archive examples
