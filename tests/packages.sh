#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the project needs, by group; read by tests/setup.sh.
#   why       one line for the person who is asked for the root password
#   packages  Debian and Ubuntu names; a|b = the first one that exists
#   probes    the same needs in words of other systems: cmd:program pc:pkg-config-module
#             hdr:header py:python-module gst:element
# shellcheck disable=SC2034 # read by the file that sources this one

declare -A why packages probes
all_groups="build runtime test lint bench vm cross docs"

# The runtime of the sanitizers and of libFuzzer carries the version of the default clang.
case ${distribution:-} in
    trixie) clang_runtime=libclang-rt-19-dev ;;
    noble) clang_runtime=libclang-rt-18-dev ;;
    *) clang_runtime=libclang-rt-14-dev ;;
esac

why[build]="compile the library and the plugins"
packages[build]="g++ meson ninja-build pkgconf|pkg-config
    libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
    libxxhash-dev libnuma-dev libexpected-dev
    liburing-dev libhwy-dev nlohmann-json3-dev libcli11-dev"
probes[build]="cmd:g++ cmd:meson cmd:ninja cmd:pkg-config
    pc:gstreamer-1.0 pc:gstreamer-base-1.0 pc:gstreamer-video-1.0 pc:gstreamer-allocators-1.0 pc:gstreamer-app-1.0
    pc:libxxhash
    pc:liburing pc:libhwy hdr:numa.h hdr:tl/expected.hpp hdr:nlohmann/json.hpp hdr:CLI/CLI.hpp"

why[runtime]="run pipelines from the shell and from Python"
packages[runtime]="gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
    python3 python3-numpy python3-gi python3-gst-1.0
    gir1.2-gstreamer-1.0 gir1.2-gst-plugins-base-1.0 procps"
probes[runtime]="cmd:gst-launch-1.0 cmd:gst-inspect-1.0 gst:videotestsrc gst:videorate
    cmd:python3 py:numpy py:gi"

why[test]="unit, element, sanitizer, fuzz and counter tests"
packages[test]="libgtest-dev libgmock-dev clang $clang_runtime llvm binutils
    gstreamer1.0-plugins-bad strace numactl"
probes[test]="pc:gtest pc:gmock cmd:clang++ cmd:nm cmd:strace gst:unixfdsink|intervideosink"

why[lint]="format, shell and static checks"
packages[lint]="clang-format clang-tidy shellcheck git"
probes[lint]="cmd:clang-format cmd:clang-tidy cmd:shellcheck cmd:git"

why[bench]="the peers the benchmarks are measured against, and plots"
packages[bench]="libbenchmark-dev libboost-dev libreaderwriterqueue-dev libatomic-queue-dev
    libopencv-core-dev rt-tests fio python3-matplotlib"
probes[bench]="hdr:benchmark/benchmark.h hdr:boost/lockfree/spsc_queue.hpp
    hdr:readerwriterqueue/readerwriterqueue.h hdr:atomic_queue/atomic_queue.h cmd:cyclictest cmd:fio py:matplotlib"

why[vm]="the guest with a kernel that has udmabuf, vivid and NUMA nodes"
packages[vm]="qemu-system-x86 busybox-static cpio xz-utils zstd kmod e2fsprogs xfsprogs dmsetup"
probes[vm]="cmd:qemu-system-x86_64 cmd:busybox cmd:cpio cmd:xz cmd:zstd cmd:depmod
    cmd:mkfs.ext4 cmd:mkfs.xfs cmd:dmsetup"

why[cross]="build for arm64 and run that, and other CPUs, on this machine"
packages[cross]="g++-aarch64-linux-gnu qemu-user-static|qemu-user"
probes[cross]="cmd:aarch64-linux-gnu-g++ cmd:qemu-aarch64-static cmd:qemu-x86_64-static"

why[docs]="the reference of the public headers"
packages[docs]="doxygen graphviz"
probes[docs]="cmd:doxygen cmd:dot"
