#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# make-initramfs.sh KERNELDIR: prints the path of an initramfs for that kernel, made on the first call and again when
# what goes into it has changed. It holds a static busybox, guest-init as /init, and the modules that lead to the host's
# root; every other module is loaded from that root.
set -euo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
vm_path

BOOT_MODULES=(virtio_pci virtio_console 9pnet_virtio 9p overlay virtio_blk)

static_busybox() {
    local candidate
    for candidate in /bin/busybox /usr/bin/busybox /bin/busybox.static; do
        # A dynamic one would need its libraries before there is a root to find them in.
        [[ -x $candidate && $(LC_ALL=C ldd "$candidate" 2>&1) =~ (not a dynamic|statically linked) ]] && { echo "$candidate"; return; }
    done
    return 1
}

unpacked() { # MODULE: the object without its compression, which busybox insmod may not know
    case $1 in
        *.xz) xz -dc -- "$1" ;;
        *.zst) zstd -qdc -- "$1" ;;
        *.gz) gzip -dc -- "$1" ;;
        *) cat -- "$1" ;;
    esac
}

main() {
    local kernel=$1 release busybox stamp image
    busybox=$(static_busybox) || vm_skip "no static busybox; install the package busybox-static"
    vm_need cpio cpio modprobe kmod xz xz-utils zstd zstd
    release=$(<"$kernel/release")
    stamp=$(cat "$0" "$here/guest-init" "$busybox" | sha256sum | cut -c 1-16)
    image=$kernel/initramfs-$stamp
    [[ -f $image ]] && { echo "$image"; exit; }

    work=$(mktemp -d -- "$kernel/initramfs.XXXXXX")
    trap 'rm -rf -- "$work"' EXIT
    local root=$work/root module
    mkdir -p "$root"/{bin,sbin,dev,proc,sys,job,host,upper,root,modules}
    install -m 755 "$busybox" "$root/bin/busybox"
    install -m 755 "$here/guest-init" "$root/init"
    # The kernel loads modules by itself (a file system at its first mount) through this path, outside the host's root.
    printf '#!/bin/busybox sh\nexec /bin/busybox chroot /root /sbin/modprobe "$@"\n' >"$root/sbin/modprobe"
    chmod 755 "$root/sbin/modprobe"
    # In the order of their dependencies; builtin ones say so and fall out.
    for module in "${BOOT_MODULES[@]}"; do
        modprobe -C /dev/null -d "$kernel" -S "$release" --show-depends "$module" ||
            vm_fail "the kernel $release has no module $module"
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$work/list"
    while read -r module; do
        local name=${module##*/}
        name=${name%%.*}
        unpacked "$module" >"$root/modules/$name.ko"
        echo "$name.ko" >>"$root/modules/order"
    done <"$work/list"
    # Not compressed: under emulation the kernel is slower to unpack it than the host is to read it.
    (cd -- "$root" && find . | cpio -o -H newc --quiet -R 0:0) >"$work/image"
    mv -- "$work/image" "$image" # by rename: a parallel run sees all of it or nothing
    find "$kernel" -maxdepth 1 -name 'initramfs-*' ! -name "${image##*/}" -mmin +60 -delete
    echo "$image"
}

main "$@"
