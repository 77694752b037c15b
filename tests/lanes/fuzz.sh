#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: bounded libFuzzer runs that start from the kept corpus
# needs: build test
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
seconds=20
[ -z "${DMASLAB_SOAK:-}" ] || seconds=3600
if [ ! -f tests/fuzz/meson.build ]; then
    skip "no fuzz target yet"
    exit 0
fi
# The sanitizers come with -fsanitize=fuzzer,address,undefined of the targets and of the library they look into.
CC=clang CXX=clang++ configure fuzz -Dfuzz=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined \
    -Db_lundef=false -Dbench=disabled -Ddoxygen=disabled -Ddmaslabsrc=disabled -Dslabqueue=disabled
read -rd '' -a targets <<<"$(meson introspect build/fuzz --targets | "$python" -c '
import json, os, sys
for target in json.load(sys.stdin):
    if target["type"] == "executable" and os.path.dirname(target["defined_in"]).endswith("tests/fuzz"):
        print(os.path.relpath(target["filename"][0], "build/fuzz"))')"
if [ ${#targets[@]} -eq 0 ]; then
    skip "no fuzz target yet"
    exit 0
fi
compile fuzz "${targets[@]}"

run_target()
{
    local target=$1 name=${1##*/} kept
    kept=tests/fuzz/corpus/$name
    # What a run finds goes to the first directory; the kept corpus is only read.
    mkdir -p "build/fuzz/corpus/$name"
    [ -d "$kept" ] || kept=
    timeout $((seconds + 120)) "build/fuzz/$target" -max_total_time=$seconds -print_final_stats=1 -timeout=10 \
        -rss_limit_mb=2048 -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" ${kept:+"$kept"}
}

for target in "${targets[@]}"; do
    check "fuzz ${target##*/}" run_target "$target"
done
