# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The packages the laboratory needs, for the set-up script to install and for run.sh to name when one is missing.
# Sourced: `vm_packages` prints one package per line. Executed: the same.

vm_packages() {
    printf '%s\n' \
        qemu-system-x86 `# qemu-system-x86_64` \
        busybox-static  `# the guest before the host root is mounted` \
        cpio            `# the initramfs` \
        kmod            `# depmod here, modprobe in the guest` \
        xz-utils zstd   `# compressed kernel modules` \
        util-linux      `# flock, setpriv, losetup` \
        e2fsprogs xfsprogs dmsetup `# file systems and power cuts on the guest's disk`
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    vm_packages
fi
