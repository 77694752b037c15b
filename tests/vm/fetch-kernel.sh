#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# fetch-kernel.sh [--refresh]: prints the directory of the guest's kernel, fetched on the first call:
#   release   its version, as modules know it
#   vmlinuz   bootable
#   config    what it was built with
#   lib/modules/RELEASE, with modules.dep
# Exit 77 with `skipped: why` when it cannot be had here. --refresh looks for a newer one.
#
# apt fetches from the mirror the machine already trusts, with lists, cache and sources of our own: neither the machine's
# configuration nor its installed packages change, and no root rights are needed.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
vm_path

# Which suite has a stock kernel with udmabuf, dma-heap and vivid, what the package is called, and what else it takes.
choose_packages() {
    local id='' codename=''
    eval "$(sed -n 's/^ID=/id=/p; s/^VERSION_CODENAME=/codename=/p' /etc/os-release)"
    [[ -n $codename ]] || vm_skip "/etc/os-release names no VERSION_CODENAME, so no kernel package can be chosen"
    CODENAME=$codename SUITE=$codename
    COMPANIONS=()
    case $id-$codename in
        debian-bookworm) # its own 6.1 has neither udmabuf nor dma-heap
            SUITE=bookworm-backports
            PATTERNS=('^linux-image-6\.12\.[0-9.]+\+deb12(\.[0-9]+)?-amd64$' '^linux-image-[0-9][0-9.]*\+deb12(\.[0-9]+)?-amd64$') ;;
        debian-*) PATTERNS=('^linux-image-[0-9][0-9.]*(\+deb[0-9.]+)?-amd64$') ;;
        ubuntu-*) # modules come apart there; vivid is among the extra ones
            PATTERNS=('^linux-image-[0-9][0-9.]*-[0-9]+-generic$')
            COMPANIONS=(linux-modules- linux-modules-extra-) ;;
        *) vm_skip "the guest's kernel comes from Debian's or Ubuntu's packages, and this machine is '$id'" ;;
    esac
}

newest_image() {
    local pattern name
    for pattern in "${PATTERNS[@]}"; do
        name=$(apt-cache "${apt[@]}" pkgnames linux-image- | grep -E "$pattern" | sort -V | tail -n 1 || true)
        [[ -z $name ]] || { echo "$name" && return; }
    done
    return 1
}

fetch() { # DIR: the empty directory to fill
    local dir=$1 image release companion log=$work/log
    "$here/apt-source.sh" "$SUITE" "$CODENAME" >"$work/sources/guest.sources" ||
        vm_skip "this machine's apt configuration names no mirror for $CODENAME"
    apt-get "${apt[@]}" update >"$log" 2>&1 || { cat "$log" >&2; vm_skip "apt cannot read the list of $SUITE"; }
    image=$(newest_image) || { cat "$log" >&2; vm_skip "no kernel package like ${PATTERNS[0]} in $SUITE (no network?)"; }
    release=${image#linux-image-}

    local packages=("$image")
    for companion in "${COMPANIONS[@]}"; do packages+=("$companion$release"); done
    vm_note "fetching ${packages[*]} from $SUITE"
    (cd -- "$work/debs" && apt-get "${apt[@]}" download "${packages[@]}") >"$log" 2>&1 ||
        { cat "$log" >&2; vm_skip "apt cannot fetch $image"; }
    local deb
    for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/tree"; done

    local modules=$work/tree/lib/modules
    [[ -d $modules ]] || modules=$work/tree/usr/lib/modules
    mkdir -p "$dir/lib/modules"
    mv "$modules/$release" "$dir/lib/modules/$release"
    depmod -b "$dir" "$release"
    mv "$work/tree/boot/vmlinuz-$release" "$dir/vmlinuz"
    mv "$work/tree/boot/config-$release" "$dir/config"
    echo "$release" >"$dir/release"
}

main() {
    [[ $(uname -m) == x86_64 ]] || vm_skip "the guest shares the host's programs, which are $(uname -m) and not x86_64"
    local cache current
    cache=$(vm_cache) || vm_skip "cannot create the cache directory"
    current=$cache/kernel
    [[ ${1:-} != --refresh && -f $current/release ]] && { readlink -f -- "$current"; exit; }

    vm_need apt-get apt depmod kmod dpkg-deb dpkg
    choose_packages
    exec 9>"$cache/lock"
    flock 9 # parallel first runs fetch once
    [[ ${1:-} != --refresh && -f $current/release ]] && { readlink -f -- "$current"; exit; }

    work=$(mktemp -d -- "$cache/fetch.XXXXXX")
    trap 'rm -rf -- "$work"' EXIT
    mkdir -p "$work"/{sources,debs,tree,lists/partial,cache/archives/partial,kernel}
    apt=(-q -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$work/sources"
        -o "Dir::Etc::preferences=/dev/null" -o "Dir::Etc::preferencesparts=/nonexistent"
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o "APT::Sandbox::User=root"
        -o "Acquire::Languages=none" -o "Acquire::Retries=2" -o "Acquire::http::Timeout=30")
    fetch "$work/kernel"

    local kernel
    kernel=$cache/linux-$(<"$work/kernel/release")
    rm -rf -- "$kernel"
    mv -- "$work/kernel" "$kernel"
    ln -sfn -- "${kernel##*/}" "$current"
    echo "$kernel"
}

main "$@"
