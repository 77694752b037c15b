#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# In the guest: is everything there that the tests rely on? A kernel without it must fail here, by name, rather than let
# the tests skip one by one.
set -uo pipefail
# shellcheck source-path=SCRIPTDIR source=check.sh
source "$(dirname -- "$0")/check.sh"

hugepages_on() { # NODE AT_LEAST
    local pages
    pages=$(<"/sys/devices/system/node/node$1/hugepages/hugepages-2048kB/nr_hugepages")
    ((pages >= $2)) || { echo "$pages pages" && return 1; }
}

file_system_takes_direct_writes() { # TYPE
    "mkfs.$1" -q "$([[ $1 == xfs ]] && echo -f || echo -F)" /dev/vda || return
    mount -t "$1" /dev/vda /mnt || return
    head -c 1M /dev/urandom >/tmp/pattern
    dd if=/tmp/pattern of=/mnt/copy bs=64K oflag=direct status=none && cmp /tmp/pattern /mnt/copy
    local result=$?
    umount /mnt
    return "$result"
}

mapper_has() { # TARGET
    modprobe "dm-$1" && dmsetup targets | grep -q "^$1 "
}

check "machine: /dev/udmabuf is there" test -c /dev/udmabuf
check "machine: the dma-heap 'system' is there" test -c /dev/dma_heap/system
check "machine: two NUMA nodes" same 0-1 "$(</sys/devices/system/node/online)"
check "machine: hugepages on node 0" hugepages_on 0 16
check "machine: hugepages on node 1" hugepages_on 1 16
check "machine: vivid is /dev/video0" grep -q vivid /sys/class/video4linux/video0/name
check "machine: ext4 on the disk takes O_DIRECT" file_system_takes_direct_writes ext4
check "machine: XFS on the disk takes O_DIRECT" file_system_takes_direct_writes xfs
check "machine: dm-flakey loads" mapper_has flakey
check "machine: dm-delay loads" mapper_has delay
check "machine: commands write to /dev/stderr" bash -c 'echo >/dev/stderr'
