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
# fuzzer-no-link: the engine also watches the branches of the library, not only those of the target.
CC=clang CXX=clang++ configure fuzz -Dfuzz=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined \
    -Db_lundef=false -Dcpp_args="-fsanitize=fuzzer-no-link -fno-sanitize-recover=all" -Dbench=disabled \
    -Ddoxygen=disabled
read -rd '' -a targets <<<"$(meson introspect build/fuzz --targets | "$python" -c '
import json, os, sys
for target in json.load(sys.stdin):
    if target["type"] == "executable" and target["name"].startswith("fuzz_"):
        print(os.path.relpath(target["filename"][0], "build/fuzz"))')"
if [ ${#targets[@]} -eq 0 ]; then
    skip "no fuzz target yet"
    exit 0
fi
compile fuzz "${targets[@]}"

run_target()
{
    local target=$1 name=${1##*/} kept
    kept=tests/fuzz/corpus/${name#fuzz_}
    # What a run finds goes to the first directory; the kept corpus is only read.
    mkdir -p "build/fuzz/corpus/$name"
    [ -d "$kept" ] || kept=
    timeout $((seconds + 120)) "build/fuzz/$target" -max_total_time=$seconds -print_final_stats=1 -timeout=10 \
        -max_len=65536 -rss_limit_mb=2048 -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" ${kept:+"$kept"}
}

for target in "${targets[@]}"; do
    check "fuzz ${target##*/}" run_target "$target"
done
