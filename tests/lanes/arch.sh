#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# what: arm64: library tests under qemu-user, plugins cross-built; x86 CPUs without AVX2
# needs: build test cross
# optional: yes
# shellcheck source=tests/lanes/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
sysroot=$root/build/arm64-sysroot
if ! check "arm64 packages" tests/tools/arm64_sysroot.sh "$sysroot"; then
    exit 0
fi
CC='' CXX='' configure arm64 --cross-file "$sysroot/cross.ini" -Dbuildtype=release -Dwerror=true -Dbench=disabled \
    -Ddoxygen=disabled

# Not the parts whose work is asking the kernel: the emulator passes io_uring, memory locks and limits on only
# in part, and every order of steps takes too long on it.
tests=(simd process ring capture pacing archive_read archive_fetcher c_abi)
plugins=(dmaslabsrc simdproc slabqueue uringarchive uringarchivesrc)
libraries=()
for plugin in "${plugins[@]}"; do
    libraries+=("gst/$plugin/libgst$plugin.so")
done
compile arm64 "${tests[@]/#/tests/unit/unit_}" "${libraries[@]}" lib/dmaslab/tools/dmaslab-archive

for plugin in "${plugins[@]}"; do
    check "arm64 plugin $plugin" grep -q 'AArch64' <(readelf -h "build/arm64/gst/$plugin/libgst$plugin.so")
done
for name in "${tests[@]}"; do
    check "arm64 $name" qemu-aarch64-static -L "$sysroot/root" "build/arm64/tests/unit/unit_$name"
done

# The same programs as users run them, on CPUs that have SSE 4 and no vectors at all.
configure_release
compile release tests/unit/unit_simd tests/unit/unit_process
for cpu in Nehalem qemu64; do
    for name in simd process; do
        check "x86 $cpu $name" qemu-x86_64-static -cpu $cpu "build/release/tests/unit/unit_$name"
    done
done
