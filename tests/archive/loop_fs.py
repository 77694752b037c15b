# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file system of our own in a file: it can be full, broken, or lose its power."""
import ctypes
import errno
import fcntl
import os
import shutil
import struct
import subprocess
import sys

from launch import Skip
from load import await_condition

GOING_DOWN = 0x8004587D  # XFS_IOC_GOINGDOWN; ext4 knows it by the same number
NO_LOG_FLUSH = 2  # what the journal holds in memory is gone: a power cut
MKFS = {"xfs": ["mkfs.xfs", "-q", "-f"], "ext4": ["mkfs.ext4", "-q", "-F", "-m", "0"]}
SMALLEST = {"xfs": 320 << 20, "ext4": 16 << 20}  # what their mkfs takes
SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


class CommandFailed(Exception):
    """With what the command said."""


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": SBIN})
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {done.stdout}{done.stderr}".strip())
    return done.stdout


def private_mounts():
    """Mounts that no other process sees and that go away with this one, however it ends. Skips where it may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        raise Skip("loop mounts need root")
    if not os.path.exists("/dev/loop-control"):
        raise Skip("this kernel has no loop devices")
    new_namespace, private_all = 0x00020000, (1 << 18) | 0x4000  # CLONE_NEWNS; MS_PRIVATE | MS_REC
    if libc.unshare(new_namespace) or libc.mount(b"none", b"/", None, private_all, None):
        raise Skip(f"no mount namespace of our own: {os.strerror(ctypes.get_errno())}")


class LoopFs:
    """Formatted and mounted between __enter__ and __exit__."""

    def __init__(self, home, kind, size, mkfs=(), options=()):
        self.kind, self.options = kind, ",".join(["loop", *options])
        self.image, self.root = os.path.join(home, f"{kind}.image"), os.path.join(home, f"{kind}.mount")
        self.size, self.mkfs = max(size, SMALLEST[kind]), mkfs
        if not shutil.which(MKFS[kind][0], path=SBIN):
            raise Skip(f"{MKFS[kind][0]} is missing; install {'xfsprogs' if kind == 'xfs' else 'e2fsprogs'}")

    def __enter__(self):
        os.makedirs(self.root, exist_ok=True)
        with open(self.image, "wb") as image:
            image.truncate(self.size)
        run(*MKFS[self.kind], *self.mkfs, self.image)
        try:
            self.mount()
        except CommandFailed as error:
            os.unlink(self.image)
            raise Skip(f"{self.kind} cannot be mounted here: {error}") from error
        return self

    def __exit__(self, *_):
        if os.path.ismount(self.root):
            run("umount", "--lazy", self.root)  # the test, or the error it ends with, may still map a file
        os.unlink(self.image)

    def path(self, *names):
        return os.path.join(self.root, *names)

    def mount(self):
        run("mount", "-t", self.kind, "-o", self.options, self.image, self.root)

    def unmount(self):
        """The kernel may still be closing the files of a process that was killed."""
        def gone():
            try:
                run("umount", self.root)
            except CommandFailed as error:
                if "busy" not in str(error):
                    raise
                return False
            return True
        await_condition(gone, f"umount {self.root}", 30)

    def cut_power(self):
        """Nothing reaches the disk from here on; what the journal had not written is lost."""
        handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(handle, GOING_DOWN, struct.pack("I", NO_LOG_FLUSH))
        except OSError as error:
            if error.errno in (errno.ENOTTY, errno.EOPNOTSUPP, errno.EPERM):
                raise Skip(f"{self.kind} cannot be shut down here: {error}") from error
            raise
        finally:
            os.close(handle)

    def power_on(self):
        """Mounts again, which replays the journal."""
        self.unmount()
        self.mount()

    def loop_device(self):
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            return next(words[0] for words in map(str.split, mounts) if words[1] == self.root)

    def fill(self, name, leave):
        """A file that leaves so many bytes free."""
        free = os.statvfs(self.root)
        size = free.f_bavail * free.f_bsize - leave
        handle = os.open(self.path(name), os.O_WRONLY | os.O_CREAT)
        os.posix_fallocate(handle, 0, size)
        os.close(handle)


def announce():
    """For the head of a test program: 77 with a reason where nothing of it can run."""
    try:
        private_mounts()
    except Skip as why:
        print(f"skipped: {why}")
        sys.exit(77)
