#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Usage: tests/tools/arm64_sysroot.sh DIR
# Makes a folder with what an arm64 program of this project is compiled and linked against, from the packages of
# the system's own sources, and DIR/cross.ini for meson. Nothing is installed: the development packages of GStreamer
# of two architectures exclude each other.
# Exit status: 0 it is there, 1 packages cannot be had.
set -eu
[ $# = 1 ] || { sed -n '3,7s/^# \{0,1\}//p' "$0"; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
packages=(libc6-dev libstdc++-12-dev libhwy-dev libgtest-dev libgmock-dev libnuma-dev liburing-dev libxxhash-dev
    libexpected-dev nlohmann-json3-dev libcli11-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev)
stamp="${packages[*]}"
if [ "$(cat "$dir/.made" 2>/dev/null)" = "$stamp" ]; then
    exit 0
fi
mkdir -p "$dir/apt/state/lists/partial" "$dir/apt/cache/archives/partial" "$dir/root"
: >"$dir/apt/status"
apt=(apt-get -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o "Dir::State=$dir/apt/state"
    -o "Dir::State::status=$dir/apt/status" -o "Dir::Cache=$dir/apt/cache" -o Debug::NoLocking=true
    -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0)
"${apt[@]}" update >"$dir/apt/log" 2>&1 || { cat "$dir/apt/log" >&2; exit 1; }
"${apt[@]}" install -y --download-only --no-install-recommends "${packages[@]}" >>"$dir/apt/log" 2>&1 ||
    { tail -n 20 "$dir/apt/log" >&2; exit 1; }
for package in "$dir"/apt/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$dir/root"
done
rm -rf "$dir/apt"
# Packages link to libraries by absolute paths, which would lead out of the folder.
find "$dir/root" -type l -lname '/*' | while read -r link; do
    ln -sfn "$dir/root$(readlink "$link")" "$link"
done
cat >"$dir/cross.ini" <<END
[binaries]
c = 'aarch64-linux-gnu-gcc'
cpp = 'aarch64-linux-gnu-g++'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64-static', '-L', '$dir/root']

[properties]
sys_root = '$dir/root'
pkg_config_libdir = '$dir/root/usr/lib/aarch64-linux-gnu/pkgconfig:$dir/root/usr/share/pkgconfig'

[built-in options]
c_args = ['--sysroot=$dir/root']
cpp_args = ['--sysroot=$dir/root']
c_link_args = ['--sysroot=$dir/root']
cpp_link_args = ['--sysroot=$dir/root']

[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'cortex-a72'
endian = 'little'
END
echo "$stamp" >"$dir/.made"
