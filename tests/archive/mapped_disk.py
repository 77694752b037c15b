# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk behind the device mapper: it can fail in places, or be slow, while it is mounted. For the guest of tests/vm."""
import gc
import itertools
import os
import re
import stat

from launch import Skip
from loop_fs import MKFS, run


NUMBERS = itertools.count()  # a disk of a test that failed may be there a little longer


class MappedDisk:
    """The whole of a block device, formatted and mounted between __enter__ and __exit__."""

    def __init__(self, device, kind, options=()):
        self.device, self.kind, self.options = device, kind, options
        self.name, self.root = f"archive{next(NUMBERS)}", "/mnt"

    def __enter__(self):
        if os.environ.get("DMASLAB_VM") != "1":
            raise Skip("only in the guest of tests/vm")
        if not os.path.exists(self.device) or not stat.S_ISBLK(os.stat(self.device).st_mode):
            raise Skip(f"{self.device} is no disk")
        self.sectors = int(run("blockdev", "--getsz", self.device))
        run("dmsetup", "--noudevsync", "create", self.name, "--table", f"0 {self.sectors} linear {self.device} 0")
        run("dmsetup", "mknodes", self.name)  # no udev in the guest
        run(*MKFS[self.kind], f"/dev/mapper/{self.name}")
        self.mount()
        return self

    def __exit__(self, *_):
        self.become_whole()
        gc.collect()  # what is mapped keeps the disk busy
        if os.path.ismount(self.root):
            run("umount", "--lazy", self.root)
        run("dmsetup", "--noudevsync", "remove", "--deferred", self.name)

    def mount(self):
        run("mount", *(["-o", ",".join(self.options)] if self.options else []), f"/dev/mapper/{self.name}", self.root)

    def path(self, *names):
        return os.path.join(self.root, *names)

    def become(self, *pieces):
        """(sectors, target, arguments) one after the other. The file system is not told."""
        table, at = [], 0
        for sectors, target, arguments in pieces:
            table.append(f"{at} {sectors} {target} {arguments.format(device=self.device, at=at)}")
            at += sectors
        assert at == self.sectors, (at, self.sectors)
        run("dmsetup", "suspend", "--nolockfs", self.name)
        try:
            run("dmsetup", "load", self.name, "--table", "\n".join(table))
        finally:
            run("dmsetup", "--noudevsync", "resume", self.name)

    def become_whole(self):
        self.become((self.sectors, "linear", "{device} {at}"))

    def fail_writes(self):
        """EIO for each write and each flush; reading goes on."""
        self.become((self.sectors, "flakey", "{device} {at} 0 3600 1 error_writes"))

    def fail_flushes(self):
        """Each part of the disk has its share in a flush; of the last one, nothing is used."""
        self.become((self.sectors - 8, "linear", "{device} {at}"), (8, "flakey", "{device} {at} 0 3600 1 error_writes"))

    def fail_piece(self, first, count):
        """EIO for these sectors alone. Not by flakey, which would also fail the flushes of all the others."""
        self.become((first, "linear", "{device} {at}"), (count, "error", ""),
                    (self.sectors - first - count, "linear", "{device} {at}"))

    def delay_writes(self, milliseconds):
        self.become((self.sectors, "delay", f"{{device}} {{at}} 0 {{device}} {{at}} {milliseconds}"))

    def remount(self):
        run("umount", self.root)
        self.become_whole()
        self.mount()

    def sector_of(self, path, offset):
        """Where this byte of a file is on the disk."""
        for line in run("filefrag", "-v", "-b512", path).splitlines():
            match = re.match(r"\s*\d+:\s*(\d+)\.\.\s*(\d+):\s*(\d+)\.\.", line)
            if match:
                first, last, physical = map(int, match.groups())
                if first <= offset // 512 <= last:
                    return physical + offset // 512 - first
        raise AssertionError(f"{path} has no place for byte {offset}")
