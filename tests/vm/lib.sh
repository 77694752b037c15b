# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the scripts of the laboratory share. Sourced.

VM_SKIP=77  # the laboratory cannot run here
VM_BROKEN=125 # it could, and failed by itself; the command never reported a status

vm_note() { printf 'vm: %s\n' "$*" >&2; }

vm_skip() {
    printf 'skipped: %s\n' "$*"
    exit "$VM_SKIP"
}

vm_fail() {
    vm_note "$*"
    exit "$VM_BROKEN"
}

# Cached between runs: kernel and initramfs, and the job directories of running guests.
vm_cache() {
    local dir=${DMASLAB_VM_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/dmaslab-vm}
    mkdir -p -- "$dir" && (cd -- "$dir" && pwd -P)
}

# Debian keeps some of these in sbin, which an ordinary user's PATH does not name.
vm_path() {
    [[ :$PATH: == *:/usr/sbin:* ]] || PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
}

# vm_need TOOL PACKAGE …: skips when a tool is not there.
vm_need() {
    while (($# >= 2)); do
        command -v "$1" >/dev/null || vm_skip "$1 is missing; install the package $2"
        shift 2
    done
}
