#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs a command in an emulated machine with a stock kernel; see README.md beside this file, or --help.
set -uo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=qemu.sh
source "$here/qemu.sh"

usage() {
    cat <<'USAGE'
run.sh [option]… [--] CMD [argument]…
  --disk SIZE[:FILE]     a virtio disk (/dev/vda, /dev/vdb …), in FILE, kept, or in a file that goes away
  --numa N               N memory nodes, cpus dealt out among them
  --hugepages N          N pages of 2 MiB reserved (and added to the memory)
  --vivid [PARAMS]       virtual cameras, with module parameters ("n_devs=1 allocators=1")
  --vgem                 dma-bufs from /dev/dri/card*
  --module "NAME [P=V]"  any other module
  --share DIR            what the command writes under DIR stays; elsewhere it vanishes with the guest
  --memory MB            1024      --cpus N  2      --cpu MODEL  max
  --env NAME=VALUE       for the command; DMASLAB_* and GST_* are handed over anyway
  --append "ARGS"        more kernel arguments
  --timeout SECONDS      300: then the guest is killed, status 124
  --kill-after SECONDS   power cut this long after the command began, status 137
  --kill-on PATTERN      power cut at the first line of its output that matches (grep -E), status 137
  --keep-log FILE        the kernel's log, in full
Status: the command's; 77 the laboratory cannot run here; 125 it failed by itself; 2 wrong options.
USAGE
}

wrong() {
    vm_note "$*"
    exit 2
}

disk_requests=() shares=() modules=() envs=()
opt_numa=1 opt_hugepages=0 opt_memory=1024 opt_cpus=2 opt_cpu=max
opt_append='' opt_timeout=300 opt_kill_after='' opt_kill_on='' opt_keep_log=''

parse() {
    while (($#)); do
        local option=$1
        [[ $option == --* ]] || break
        shift
        case $option in
            --help) usage && exit 0 ;;
            --) break ;;
            --vgem) modules+=(vgem) && continue ;;
            --vivid)
                # The parameters may be left out; a command never looks like one.
                if [[ $# -gt 0 && (-z $1 || $1 =~ ^[a-z_0-9]+=) ]]; then modules+=("vivid $1") && shift; else modules+=(vivid); fi
                continue ;;
        esac
        (($#)) || wrong "$option needs a value"
        case $option in
            --numa | --hugepages | --memory | --cpus | --timeout)
                [[ $1 =~ ^[0-9]+$ ]] || wrong "$option takes a whole number, not '$1'" ;;
        esac
        case $option in
            --disk) disk_requests+=("$1") ;;
            --numa) opt_numa=$1 ;;
            --hugepages) opt_hugepages=$1 ;;
            --module) modules+=("$1") ;;
            --share) shares+=("$(realpath -e -- "$1")") || wrong "--share $1: no such directory" ;;
            --memory) opt_memory=$1 ;;
            --cpus) opt_cpus=$1 ;;
            --cpu) opt_cpu=$1 ;;
            --env) [[ $1 == *=* ]] || wrong "--env takes NAME=VALUE, not '$1'"; envs+=("$1") ;;
            --append) opt_append=$1 ;;
            --timeout) opt_timeout=$1 ;;
            --kill-after) [[ $1 =~ ^[0-9]+(\.[0-9]+)?$ ]] || wrong "--kill-after takes seconds, not '$1'"; opt_kill_after=$1 ;;
            --kill-on) opt_kill_on=$1 ;;
            --keep-log) opt_keep_log=$1 ;;
            *) wrong "no option $option; see --help" ;;
        esac
        shift
    done
    (($#)) || { usage >&2; exit 2; }
    command=("$@")
    ((opt_numa >= 1)) || opt_numa=1
    ((opt_cpus >= opt_numa)) || opt_cpus=$opt_numa
    # What hugepages take must not be missing elsewhere; every node gets a whole share of it.
    memory=$((opt_memory + 2 * opt_hugepages))
    memory=$(((memory + opt_numa - 1) / opt_numa * opt_numa))
    kill_after_ms=$(awk -v s="${opt_kill_after:-0}" 'BEGIN { printf "%d", s * 1000 }')
}

prepare_disks() {
    disks=()
    local request size file
    for request in "${disk_requests[@]}"; do
        size=${request%%:*} file=$job_private/disk${#disks[@]}
        [[ $request != *:* ]] || file=${request#*:}
        [[ -e $file ]] || truncate -s "$size" -- "$file" || vm_fail "cannot make the disk $file of $size"
        disks+=("$(realpath -- "$file")")
    done
}

# The command as a script of the guest's bash: same directory, arguments as they were, a small known environment.
write_job() {
    local release name
    release=$(<"$kernel/release")
    printf "RELEASE=%q\nMODULES=%q\nHUGEPAGES=%d\n" "$release" "$kernel/lib/modules/$release" "$opt_hugepages" >"$job/settings"
    ((${#modules[@]} == 0)) || printf '%s\n' "${modules[@]}" >"$job/modules"
    ((${#disks[@]} == 0)) || printf 'virtio_blk\n' >>"$job/modules"
    : >>"$job/modules"
    local environment=("PATH=$PATH" "HOME=${HOME:-/root}" "LANG=${LANG:-C.UTF-8}" TERM=dumb "TMPDIR=/tmp" DMASLAB_VM=1)
    for name in $(compgen -e | grep -E '^(DMASLAB|GST)_'); do environment+=("$name=${!name}"); done
    {
        printf 'cd -- %q || exit 125\n' "$PWD"
        printf 'exec /usr/bin/env -i'
        printf ' %q' "${environment[@]}" "${envs[@]}" "${command[@]}"
        echo
    } >"$job/command"
}

show_log() {
    vm_note "$1; the kernel's last words:"
    tail -n 40 "$job_private/kernel.log" >&2
    sed 's/^/qemu: /' "$job_private/qemu.log" >&2
}

# shellcheck disable=SC2317 # called by trap
cleanup() {
    [[ -z ${guest:-} ]] || kill -KILL "$guest" 2>/dev/null
    [[ -z $opt_keep_log || ! -e $job_private/kernel.log ]] || cp -- "$job_private/kernel.log" "$opt_keep_log"
    rm -rf -- "$job_private"
}

parse "$@"
vm_path
vm_need qemu-system-x86_64 qemu-system-x86 setpriv util-linux modprobe kmod flock util-linux
kernel=$("$here/fetch-kernel.sh") || { status=$? && echo "$kernel" && exit "$status"; }
initramfs=$("$here/make-initramfs.sh" "$kernel") || { status=$? && echo "$initramfs" && exit "$status"; }
# Left behind by runs that were killed themselves.
find "$(vm_cache)" -maxdepth 1 \( -name 'run.*' -o -name 'fetch.*' \) -mmin +1440 -exec rm -rf -- {} +
job_private=$(mktemp -d -- "$(vm_cache)/run.XXXXXX") || vm_fail "cannot make a directory for this run"
guest=''
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
job=$job_private/job
mkdir "$job"
prepare_disks
write_job
build_machine "$kernel" "$initramfs"
run_machine
case $outcome in
    exit) ;;
    killed) vm_note "guest killed as asked" && status=137 ;;
    timeout) show_log "no end after $opt_timeout s, guest killed" && status=124 ;;
    broken) show_log "the guest could not start the command: $reason" ;;
    dead) show_log "the guest died" ;;
esac
exit "$status"
