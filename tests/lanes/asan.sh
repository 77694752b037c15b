#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: address, leak and undefined-behaviour sanitizer; unit, element and example tests
# needs: build runtime test
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# g++: its sanitizer runtime is a shared library, so plugins and programs find the same one.
CC=gcc CXX=g++ configure asan -Dbuildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false \
    -Dcpp_args=-fno-sanitize-recover=all -Dc_args=-fno-sanitize-recover=all -Dbench=disabled -Ddoxygen=disabled
export ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS=suppressions=$root/tests/lanes/lsan.supp:print_suppressions=0
# The plugin scanner is a child that is not instrumented: it cannot load instrumented plugins.
export GST_REGISTRY_FORK=no
# Only the stock plugins that the tests use. With all of them GLib's table of quarks grows, leaves its first block
# behind on purpose, and without debug symbols the sanitizer's stack names nothing to suppress.
stock=$root/build/asan-plugins
system=$(pkg-config --variable=pluginsdir gstreamer-1.0)
mkdir -p "$stock"
for name in coreelements app videotestsrc videorate videofilter videoconvertscale videoconvert videoscale; do
    [ ! -e "$system/libgst$name.so" ] || ln -sf "$system/libgst$name.so" "$stock/"
done
export GST_PLUGIN_SYSTEM_PATH_1_0=$stock
run_suites asan 4 --only-programs unit elements examples
