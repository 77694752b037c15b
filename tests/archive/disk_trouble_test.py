#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks that are full, forbidden, broken or gone while they are written to. disk_trouble_test.py ARCHIVE_LOAD RECOVER"""
import contextlib
import os
import resource
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipelines"))
from launch import Skip, main, tests_of  # noqa: E402
from load import Load, await_condition, clean_up_when_ended  # noqa: E402
from loop_fs import LoopFs, private_mounts  # noqa: E402
from recording import BAD, Recording  # noqa: E402
from scenario import recover  # noqa: E402

PROGRAM, RECOVER = sys.argv[1:3]
RECORD = 64 << 10
FRAMES = {"dtype": "<u2", "shape": "16,2048", "segment-bytes": 1 << 20, "commit-interval-ms": 20, "slabs": 32}
WAYS = [{"io": "uring"}, {"io": "pwrite"}]
MOUNTS = []  # whether this process has mounts of its own, once it is known


@contextlib.contextmanager
def small_disk(kind="ext4", size=32 << 20, **how):
    if not MOUNTS:
        private_mounts()
        MOUNTS.append(True)
    with tempfile.TemporaryDirectory() as home, LoopFs(home, kind, size, **how) as disk:
        yield home, disk


def record(home, directory, way, preexec=None, **more):
    options = {**FRAMES, **way, **{name.replace("_", "-"): value for name, value in more.items()}}
    return Load(PROGRAM, directory, os.path.join(home, f"log-{way['io']}"), options, preexec=preexec)


def expect_readable(directory, said, closed=True):
    """What was counted is there and right; what is not there is in the ledger or among the last ones."""
    recording = Recording(directory).verify()
    here = recording.sequences
    assert len(here) >= said.counted, f"{len(here)} frames readable, {said.counted} counted"
    recording.expect_gaps_explained()
    if closed:
        assert recording.manifest["state"] == "closed", recording.manifest["state"]
        assert len(here) == said.counted, f"{len(here)} frames readable, {said.counted} counted"
    return recording


def expect_in_ledger(recording, said):
    """Each number that the writer or the program lost is named there with that reason, and nothing else is lost."""
    named = {}
    for loss in recording.losses():
        if loss["kind"] == 0:
            for sequence in range(int(loss["first"]), int(loss["last"]) + 1):
                named.setdefault(sequence, loss["reason"].decode())
            assert loss["count"] <= loss["last"] - loss["first"] + 1, loss
    here = set(recording.sequences.tolist())
    for sequence, reason in said.lost + said.missing:
        assert named.get(sequence) == reason, f"{sequence} was lost: {reason}; the ledger says {named.get(sequence)}"
    extra = set(named) - {sequence for sequence, _ in said.lost + said.missing}
    assert not extra & here, f"{sorted(extra & here)[:5]} are archived and in the ledger"
    flagged = [int(s) for part in recording.segments for s in part.sequences[(part.index["flags"] & BAD) != 0]]
    assert set(flagged) <= set(named), "a frame is marked bad and not in the ledger"


def expect_one_clear_error(said, *words):
    failures = said.of("failed")
    assert len(failures) == 1, failures
    assert any(word in failures[0] for word in words), f"'{failures[0]}' names none of {words}"


def each_way(test):
    for way in WAYS:
        try:
            test(way)
        except AssertionError as error:
            raise AssertionError(f"io={way['io']}: {error}") from error


def test_a_full_disk_ends_the_recording_with_one_error():
    def way(way):
        with small_disk() as (home, disk):
            with record(home, disk.path("recording"), way, on_disk_full="error") as load:
                said = load.expect_status(4)
            expect_one_clear_error(said, "full", "space", "room")
            said.expect_conservation()
            assert said.counted > 0
            assert all(reason in ("error", "disk-full") for _, reason in said.lost), said.lost[:3]
            expect_readable(disk.path("recording"), said, closed=False)
            recover(RECOVER, disk.path("recording"))
            expect_readable(disk.path("recording"), said, closed=False)
    each_way(way)


def test_a_full_disk_loses_frames_until_there_is_room():
    def way(way):
        with small_disk() as (home, disk):
            disk.fill("ballast", 8 << 20)
            with record(home, disk.path("recording"), way, on_disk_full="drop", rate=2000) as load:
                load.await_lines("lost", 20)
                opened = len(load.said().of("opened"))
                os.unlink(disk.path("ballast"))
                assert load.await_lines("opened", opened + 2), load.said().tail()
                assert load.stop() == 0, load.said().tail()
            said = load.said()
            said.expect_conservation()
            assert not said.of("failed"), said.of("failed")
            assert {reason for _, reason in said.lost} == {"disk-full"}, said.lost[:3]
            recording = expect_readable(disk.path("recording"), said)
            expect_in_ledger(recording, said)
            here = recording.sequences
            assert here[-1] > said.lost[0][0] > here[0], "nothing was recorded after the loss"
    each_way(way)


def test_a_full_disk_can_take_the_room_of_the_oldest_segment():
    def way(way):
        with small_disk() as (home, disk):
            with record(home, disk.path("recording"), way, on_disk_full="recycle") as load:
                await_condition(lambda: load.said().counted > 3 * (32 << 20) // RECORD or load.child.poll() is not None,
                                "three disks full of frames")
                assert load.stop() == 0, load.said().tail()
            said = load.said()
            end = said.expect_conservation()
            assert end["lost"] == 0 and not said.of("failed"), end
            recording = Recording(disk.path("recording")).verify()
            here = recording.sequences
            assert here[0] > 0 and len(here) > 100, f"{len(here)} frames from {here[0]}"
            assert here[-1] - here[0] == len(here) - 1 and here[-1] == end["pushed"] - 1, "not the newest frames"
    each_way(way)


def test_a_warning_comes_before_the_disk_is_full():
    with small_disk() as (home, disk):
        with record(home, disk.path("recording"), WAYS[0], on_disk_full="error") as load:
            said = load.expect_status(4)
        words = [line.split(" ", 1)[0] for line in said.lines]
        assert "warning" in words and words.index("warning") < words.index("failed"), said.tail()


def limit_files(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_limit_on_file_sizes_is_an_error_before_the_first_frame():
    def way(way):
        with tempfile.TemporaryDirectory() as home:
            with record(home, os.path.join(home, "recording"), way, preexec=limit_files(512 << 10)) as load:
                assert load.wait() != 0, load.said().tail()
            said = load.said()
            sentences = said.of("error") + said.of("failed")
            assert len(sentences) == 1 and ("limit" in sentences[0].lower() or "large" in sentences[0].lower()), sentences
            assert said.counted == 0
    each_way(way)


def test_a_file_system_that_becomes_read_only_is_one_error():
    def way(way):
        with small_disk(size=320 << 20, options=["errors=remount-ro"]) as (home, disk):
            trigger = f"/sys/fs/ext4/{os.path.basename(disk.loop_device())}/trigger_fs_error"
            if not os.path.exists(trigger):
                raise Skip("ext4 of this kernel cannot be told to find an error")
            with record(home, disk.path("recording"), way, rate=1000) as load:
                load.await_lines("archived", 5)
                with open(trigger, "w", encoding="ascii") as file:
                    file.write("1")
                said = load.expect_status(4)
            expect_one_clear_error(said, "Read-only", "read-only", "Input/output error")
            said.expect_conservation()
            with open("/proc/self/mounts", encoding="utf-8") as mounts:
                mine = next(line for line in mounts if f" {disk.root} " in line)
            assert " ext4 ro" in mine or "emergency_ro" in mine, f"not read-only: {mine}"
            expect_readable(disk.path("recording"), said, closed=False)
    each_way(way)


def test_a_disk_that_fails_is_one_error_and_what_was_counted_stays():
    def way(way):
        for kind in ("ext4", "xfs"):
            with small_disk(kind, 320 << 20) as (home, disk):
                with record(home, disk.path("recording"), way, rate=1000) as load:
                    load.await_lines("archived", 5)
                    disk.cut_power()
                    said = load.expect_status(4)
                expect_one_clear_error(said, "Input/output error", "EIO", "I/O")
                said.expect_conservation()
                assert said.numbers("end")["io_errors"] > 0
                disk.power_on()
                expect_readable(disk.path("recording"), said, closed=False)
                recover(RECOVER, disk.path("recording"))
                expect_readable(disk.path("recording"), said, closed=False)
    each_way(way)


def test_a_directory_deleted_under_the_writer_is_one_error():
    def way(way):
        with tempfile.TemporaryDirectory() as home:
            directory = os.path.join(home, "recording")
            with record(home, directory, way, rate=2000) as load:
                load.await_lines("archived", 5)
                # New files may appear while it is being emptied.
                await_condition(lambda: shutil.rmtree(directory, ignore_errors=True) or not os.path.exists(directory),
                                "the directory gone")
                said = load.expect_status(4)
            expect_one_clear_error(said, directory)
            said.expect_conservation()
            assert not os.path.exists(directory), "a directory of that name was made again"
    each_way(way)


def test_a_recording_never_begins_where_it_cannot_be():
    def way(way):
        with tempfile.TemporaryDirectory() as home:
            os.mkdir(os.path.join(home, "taken"))
            for name in ("taken/manifest.json", "file"):
                with open(os.path.join(home, name), "w", encoding="ascii") as file:
                    file.write("precious")
            for place in ("taken", "file", "missing/recording", "file/recording"):
                with record(home, os.path.join(home, place), way, frames=10) as load:
                    assert load.wait() == 1, f"{place}: {load.said().tail()}"
                assert home in load.said().of("error")[-1], load.said().tail()
                assert not load.said().of("opened")
            for name in ("taken/manifest.json", "file"):
                with open(os.path.join(home, name), encoding="ascii") as file:
                    assert file.read() == "precious", f"{name} was touched"
            assert sorted(os.listdir(os.path.join(home, "taken"))) == ["manifest.json"]
    each_way(way)


if __name__ == "__main__":
    clean_up_when_ended()
    main(tests_of(sys.modules[__name__]))
