#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The file system loses its power at random moments. powercut_test.py ARCHIVE_LOAD ARCHIVE_RECOVER"""
import os
import random
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipelines"))
from launch import main, tests_of  # noqa: E402
from load import Load, clean_up_when_ended, soak_count, soak_seed  # noqa: E402
from loop_fs import LoopFs, announce, run  # noqa: E402
from scenario import Figures, judge, monotonic_ns, scenario  # noqa: E402

PROGRAM, RECOVER = sys.argv[1:3]
SIZE = 1 << 30
TURNS_OF_A_FILE_SYSTEM = 20


def cut_somewhere(disk, load, rng, options):
    where = rng.random()
    if where < 0.15:
        time.sleep(rng.uniform(0, 0.2))
    elif where < 0.5 and load.await_lines("opened", rng.randint(1, 6)):
        time.sleep(rng.uniform(0, 0.02))
    elif load.await_lines("archived", rng.randint(1, 8)):
        time.sleep(rng.uniform(0, 1.5 * options["commit-interval-ms"] / 1000))
    died = monotonic_ns()
    disk.cut_power()
    # Some writers go on until they notice: what they count then would be a lie.
    if rng.random() < 0.5:
        load.await_lines("failed")
    load.kill()
    return died


def cut_and_look(home, disk, options, rng, figures):
    directory, log = disk.path("recording"), os.path.join(home, "log")
    with Load(PROGRAM, directory, log, options) as load:
        died = cut_somewhere(disk, load, rng, options)
    disk.power_on()
    said = load.said()
    try:
        if os.path.exists(directory):
            judge(directory, said, options, RECOVER, figures, died)
        else:
            assert said.counted == 0, f"{said.counted} frames were counted, and the directory is gone"
    except Exception:
        print(f"# {' '.join(load.command)}\n# " + said.tail().replace("\n", "\n# "), flush=True)
        raise
    shutil.rmtree(directory, ignore_errors=True)
    run("sync", "--file-system", disk.root)  # the next cut must not bring it back
    os.unlink(log)


def power_cuts(kind):
    seed, figures = soak_seed(), Figures()
    only = os.environ.get("DMASLAB_ROUND")
    turns = [int(only)] if only else list(range(soak_count(4, 200)))
    with tempfile.TemporaryDirectory() as home:
        for first in range(0, len(turns), TURNS_OF_A_FILE_SYSTEM):
            with LoopFs(home, kind, SIZE) as disk:
                for turn in turns[first:first + TURNS_OF_A_FILE_SYSTEM]:
                    rng = random.Random(f"{seed} {kind} {turn}")
                    try:
                        cut_and_look(home, disk, scenario(rng), rng, figures)
                    except AssertionError:
                        print(f"# DMASLAB_SEED={seed} DMASLAB_ROUND={turn}", flush=True)
                        raise
    figures.report()


def test_a_power_cut_on_xfs_takes_nothing_that_was_counted():
    power_cuts("xfs")


def test_a_power_cut_on_ext4_takes_nothing_that_was_counted():
    power_cuts("ext4")


if __name__ == "__main__":
    clean_up_when_ended()
    announce()
    main(tests_of(sys.modules[__name__]))
