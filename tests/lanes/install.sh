#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: meson install, a program against dmaslab.pc, meson devenv, gst-inspect-1.0 of every element
# needs: build runtime test bench docs
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
configure_release
compile release
destination=$root/build/install
rm -rf "$destination"
mkdir -p "$destination/scratch"
check "meson install" meson install -C build/release --no-rebuild --destdir "$destination" || exit 1

prefix=$(meson introspect build/release --buildoptions | "$python" -c '
import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
library_dir=$(dirname "$(find "$destination" -name 'libdmaslab.so' | head -n 1)")
# A staged tree has another prefix than the one written in its .pc files.
mkdir -p "$destination/pc"
for pc in "$library_dir"/pkgconfig/*.pc; do
    sed "s|^prefix=.*|prefix=$destination$prefix|" "$pc" >"$destination/pc/${pc##*/}"
done
export PKG_CONFIG_PATH=$destination/pc
headers=$destination$prefix/include/dmaslab
export GST_REGISTRY=$root/build/install/scratch/registry.bin

core_headers()
{
    grep -LrE '#include <(gst/|glib)' "$headers" --include='*.h'
}

# Every header alone: what it needs it includes itself, and all that it includes is installed.
headers_alone()
{
    local flags
    read -rd '' -a flags <<<"$(pkg-config --cflags dmaslab)"
    core_headers | xargs -P "$jobs" -I{} g++ -std=c++20 -Wall -Wextra -Werror -fsyntax-only -x c++ \
        -include {} "${flags[@]}" /dev/null
}

program_against_pc()
{
    local flags source=$destination/scratch/program.cpp
    read -rd '' -a flags <<<"$(pkg-config --cflags --libs dmaslab)"
    {
        core_headers | sed "s|^$destination$prefix/include/\(.*\)|#include \"\1\"|"
        echo 'int main() { return 0; }'
    } >"$source"
    [ ! -f tests/examples/dual_path.cpp ] || source=tests/examples/dual_path.cpp
    # --no-as-needed: the library must be found even by a program that calls nothing.
    g++ -std=c++20 -o "$destination/scratch/program" "$source" -Wl,--no-as-needed "${flags[@]}" -pthread &&
        LD_LIBRARY_PATH=$library_dir ldd "$destination/scratch/program" | grep "$library_dir" &&
        if [ "$source" = "$destination/scratch/program.cpp" ]; then
            LD_LIBRARY_PATH=$library_dir "$destination/scratch/program"
        fi
}

program_against_gst_pc()
{
    local flags
    read -rd '' -a flags <<<"$(pkg-config --cflags --libs dmaslab-gst)"
    printf '#include <dmaslab/gst.h>\nint main() { gst_init(nullptr, nullptr); return 0; }\n' \
        >"$destination/scratch/gst.cpp"
    g++ -std=c++20 -o "$destination/scratch/gst" "$destination/scratch/gst.cpp" -Wl,--no-as-needed "${flags[@]}" \
        -Wl,-rpath-link,"$library_dir" &&
        LD_LIBRARY_PATH=$library_dir "$destination/scratch/gst"
}

check "installed headers stand alone" headers_alone
check "dmaslab-archive, installed" "$destination$prefix/bin/dmaslab-archive" --version
check "a program against dmaslab.pc" program_against_pc
if [ -f "$destination/pc/dmaslab-gst.pc" ]; then
    check "a program against dmaslab-gst.pc" program_against_gst_pc
fi

read -rd '' -a plugins <<<"$(find "$destination" -path '*/gstreamer-1.0/*.so' | sort)"
[ ${#plugins[@]} -gt 0 ] || skip "no plugin is built"

inspect()
{
    local element=$1 output
    shift
    output=$("$@" gst-inspect-1.0 "$element") && grep -q 'Factory Details' <<<"$output" && grep 'Filename' <<<"$output"
}

for plugin in "${plugins[@]}"; do
    elements=$(LD_LIBRARY_PATH=$library_dir gst-inspect-1.0 "$plugin" | sed -n 's/^  \([a-z0-9_-]*\): .*/\1/p')
    if [ -z "$elements" ]; then
        LD_LIBRARY_PATH=$library_dir gst-inspect-1.0 "$plugin" 2>&1 | fail "${plugin##*/} has no element"
    fi
    for element in $elements; do
        check "$element, installed" inspect "$element" \
            env LD_LIBRARY_PATH="$library_dir" GST_PLUGIN_PATH="$(dirname "$plugin")"
        check "$element, in meson devenv" inspect "$element" meson devenv -C build/release
    done
done
