#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# On the host: does run.sh keep its promises? Two guests at a time, which also proves that they do not meet.
set -uo pipefail
here=$(cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=check.sh
source "$here/check.sh"
run=$here/run.sh
work=$(mktemp -d -- "$(vm_cache)/selftest.XXXXXX")
trap 'rm -rf -- "$work"' EXIT
cd -- "$work" || exit

# boot NAME ARGUMENT…: leaves NAME.out, NAME.err, NAME.status
boot() {
    local name=$1
    shift
    "$run" "$@" >"$name.out" 2>"$name.err"
    echo $? >"$name.status"
}

# Alone and first: it tells whether there is a laboratory, and fills the cache.
boot timeout --timeout 1 true
[[ $(<timeout.status) != "$VM_SKIP" ]] || { cat timeout.out && exit "$VM_SKIP"; }

# What is asked of the guest is spelled out for the guest's shell.
# shellcheck disable=SC2016
boot plain --cpus 1 --env 'WORDS=two words' bash -c 'echo "out $1 $WORDS"; echo err >&2; touch trace; exit 3' bash 'a "b"' &
# shellcheck disable=SC2016
boot cut --cpus 1 --disk "64M:$work/disk" --kill-on '^CUT$' bash -c 'mkfs.ext4 -q /dev/vda && mount /dev/vda /mnt &&
    echo synced-before-the-cut >/mnt/one && sync && echo written-before-the-cut >/mnt/two && echo CUT && sleep 600' &
wait
boot panic --append rdinit=/nonexistent true &
boot moment --cpus 1 --kill-after 0.5 bash -c 'echo begun; sleep 600' &
mkdir tools
for tool in awk bash cat dirname env mkdir; do ln -s "$(command -v "$tool")" tools/; done
PATH=$work/tools DMASLAB_VM_CACHE=$work/empty boot bare true
wait

on_disk() { grep -aq "$1" disk; }
not() { ! "$@"; }

check "run.sh: the exit status is the command's" same 3 "$(<plain.status)"
check "run.sh: stdout is the command's alone" same 'out a "b" two words' "$(<plain.out)"
check "run.sh: stderr is the command's alone" same err "$(<plain.err)"
check "run.sh: the host's files stay as they are" test ! -e trace
check "run.sh: --timeout ends with 124" same 124 "$(<timeout.status)"
check "run.sh: --kill-on ends with 137" same 137 "$(<cut.status)"
check "run.sh: --kill-on lets the output through" same CUT "$(<cut.out)"
check "run.sh: --kill-after ends with 137" same 137 "$(<moment.status)"
check "run.sh: --kill-after counts from the command's begin" same begun "$(<moment.out)"
check "run.sh: the power cut keeps what was synced" on_disk synced-before-the-cut
check "run.sh: the power cut loses what was not" not on_disk written-before-the-cut
check "run.sh: a panic ends with 125" same 125 "$(<panic.status)"
check "run.sh: a panic shows the kernel's log" grep -q 'Kernel panic' panic.err
check "run.sh: no qemu means status 77" same 77 "$(<bare.status)"
check "run.sh: no qemu is said" grep -q '^skipped: .*qemu-system-x86' bare.out
