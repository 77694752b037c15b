#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""In the guest of tests/vm, on the disk /dev/vda: writes and flushes that fail, writes that are slow, a
quota. guest_trouble_test.py ARCHIVE_LOAD ARCHIVE_RECOVER"""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipelines"))
import disk_trouble_test as trouble  # noqa: E402
from disk_trouble_test import expect_in_ledger, expect_one_clear_error, expect_readable, record  # noqa: E402
from launch import tests_of  # noqa: E402
from load import SOAK, await_condition, report_lines  # noqa: E402
from loop_fs import run  # noqa: E402
from mapped_disk import MappedDisk  # noqa: E402
from recording import BAD  # noqa: E402
from scenario import recover  # noqa: E402

DISK = "/dev/vda"
WAYS = trouble.WAYS
CASES = list(zip(("xfs", "ext4"), WAYS))[:None if SOAK else 1]  # emulation is slow, and the host has tried both
MIB = 1 << 20


def after_the_trouble(disk, said):
    """As it was left, and repaired."""
    expect_readable(disk.path("recording"), said, closed=False)
    recover(trouble.RECOVER, disk.path("recording"))
    return expect_readable(disk.path("recording"), said, closed=False)


def test_every_write_fails():
    for kind, way in CASES:
        with tempfile.TemporaryDirectory() as home, MappedDisk(DISK, kind) as disk:
            with record(home, disk.path("recording"), way, rate=200) as load:
                load.await_lines("archived", 3)
                disk.fail_writes()
                said = load.expect_status(4)
            expect_one_clear_error(said, "Input/output error", "EIO", "I/O", "Read-only")
            end = said.expect_conservation()
            assert end["io_errors"] > 0 and end["archived"] > 0, end
            disk.remount()
            after_the_trouble(disk, said)


def test_a_flush_that_fails_is_one_error():
    """Everything can be written and nothing be made durable: nothing more may be counted."""
    for kind, way in CASES:
        with tempfile.TemporaryDirectory() as home, MappedDisk(DISK, kind) as disk:
            with record(home, disk.path("recording"), way, rate=200) as load:
                load.await_lines("archived", 3)
                disk.fail_flushes()
                said = load.expect_status(4)
            expect_one_clear_error(said, "durable")
            said.expect_conservation()
            disk.remount()
            after_the_trouble(disk, said)


def test_a_piece_of_the_disk_fails():
    """The frames that were to go there are lost with a name; those before and behind are right."""
    for kind, way in CASES:
        with tempfile.TemporaryDirectory() as home, MappedDisk(DISK, kind) as disk:
            with record(home, disk.path("recording"), way, rate=50, segment_bytes=64 * MIB) as load:
                load.await_lines("archived")
                frames = disk.path("recording", "frames-000000.npy")
                first = disk.sector_of(frames, 24 * MIB)
                assert disk.sector_of(frames, 25 * MIB) - first == MIB // 512, "the file is in pieces just there"
                disk.fail_piece(first, MIB // 512)
                await_condition(lambda: load.said().counted > 27 * MIB // trouble.RECORD or load.child.poll() is not None,
                                "frames behind the bad piece")
                assert load.stop() == 0, load.said().tail()
            said = load.said()
            end = said.expect_conservation()
            assert not said.of("failed"), said.of("failed")
            assert {reason for _, reason in said.lost} == {"io-error"} and end["io_errors"] > 0, said.lost
            assert 1 <= len(said.lost) <= 64, f"{len(said.lost)} frames lost: those that were under way there, then a new segment"
            recording = expect_readable(disk.path("recording"), said)
            expect_in_ledger(recording, said)
            flags = [int(flag) & BAD for part in recording.segments for flag in part.index["flags"]]
            assert sum(flags) in (0, len(said.lost)), "some of the lost frames are marked as bad, others not"


def test_a_disk_that_is_slow_loses_frames_and_names_them():
    for kind, way in CASES:
        with tempfile.TemporaryDirectory() as home, MappedDisk(DISK, kind) as disk:
            with record(home, disk.path("recording"), way, rate=200, slabs=8, max_held=6, when_full="drop",
                        segment_bytes=16 * MIB) as load:
                load.await_lines("archived", 2)
                disk.delay_writes(300)
                load.await_lines("missing", 50)
                disk.become_whole()
                counted = load.said().counted
                await_condition(lambda: load.said().counted > counted + 100, "frames after the disk was well again")
                assert load.stop() == 0, load.said().tail()
            said = load.said()
            end = said.expect_conservation()
            assert end["lost"] == 0 and not said.of("failed"), end
            assert {reason for _, reason in said.missing} <= {"full", "starved"}, said.missing[:3]
            expect_in_ledger(expect_readable(disk.path("recording"), said), said)


def test_a_quota_is_a_full_disk():
    group = 54321
    for _, way in CASES:
        with tempfile.TemporaryDirectory() as home, MappedDisk(DISK, "xfs", ["gquota"]) as disk:
            run("xfs_quota", "-x", "-c", f"limit -g bhard=16m {group}", disk.root)
            os.chown(disk.root, 0, group)
            os.chmod(disk.root, 0o2777)  # what is made here belongs to the group, whoever makes it
            with record(home, disk.path("recording"), way, on_disk_full="drop", rate=500) as load:
                load.await_lines("lost", 20)
                assert load.stop() == 0, load.said().tail()
            said = load.said()
            said.expect_conservation()
            assert {reason for _, reason in said.lost} == {"disk-full"}, said.lost[:3]
            assert said.counted > 0 and not said.of("failed"), said.tail()
            expect_in_ledger(expect_readable(disk.path("recording"), said), said)


if __name__ == "__main__":
    report_lines("archive", tests_of(sys.modules[__name__]))
