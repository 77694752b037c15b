#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: tests/bench/run.sh [--quick] [--out DIR] [--scratch DIR] [--rounds N] [--list] [--render] [NAME…]
# Builds what is measured (release, build/bench), measures it side by side with its peers and writes benchmarks.md
# (the part between its markers), benchmarks.json and benchmarks.svg into DIR (docs). NAME is the beginning of a name,
# such as archive; what is not run keeps its figures. The disk that is measured is that of --scratch (the build
# directory); 20 GB must be free there.
# DMASLAB_BENCH_BUILD names another build directory.
# Exit status: 0 all ran, whatever the figures; 1 something failed; 2 wrong usage; 3 set-up impossible.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${DMASLAB_BENCH_BUILD:-$root/build/bench}
case " $* " in
    *' --help '* | *' -h '*)
        sed -n 's/^# \{0,1\}//p' "${BASH_SOURCE[0]}" | sed 1d
        exit 0
        ;;
esac

"$root/tests/setup.sh" build runtime test bench || exit 3
if [ ! -f "$build/build.ninja" ]; then
    mkdir -p "$(dirname "$build")"
    output=$(meson setup "$build" "$root" -Dbuildtype=release -Dbench=enabled 2>&1) || {
        echo "$output" >&2
        exit 1
    }
fi
targets=(bench)
for plugin in dmaslabsrc simdproc slabqueue uringarchive uringarchivesrc; do
    [ ! -f "$root/gst/$plugin/plugin.cpp" ] || targets+=("gst/$plugin/libgst$plugin.so")
done
log=$build/compile.log
if ! ninja -C "$build" "${targets[@]}" >"$log" 2>&1; then
    grep -v '^\[[0-9]*/[0-9]*\] [A-Z][a-z]* ' "$log" | head -n 60 >&2
    exit 1
fi

# Only these plugins and a registry of its own: no figure depends on what else the user has installed.
export GST_PLUGIN_PATH=$build/gst GST_REGISTRY=$build/bench-registry.bin
python=/usr/bin/python3 # Debian's interpreter knows Debian's matplotlib
"$python" -c 'import matplotlib' 2>/dev/null || python=python3
gst-inspect-1.0 --exists fakesrc # writes the registry, which the legs without rights can only read
exec "$python" "$root/tests/bench/compare.py" --build "$build" "$@"
