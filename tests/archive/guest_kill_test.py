#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""On the host: a guest records to its disk and is killed at a random moment; then the disk is mounted here.
guest_kill_test.py ARCHIVE_LOAD ARCHIVE_RECOVER"""
import os
import random
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "pipelines"))
from launch import Skip, tests_of  # noqa: E402
from load import Said, clean_up_when_ended, option_words, report_lines, soak_count, soak_seed  # noqa: E402
from loop_fs import LoopFs, private_mounts  # noqa: E402
from scenario import Figures, judge, scenario  # noqa: E402

PROGRAM, RECOVER = sys.argv[1:3]
RUN = os.path.join(HERE, "..", "vm", "run.sh")
SIZE = 1 << 30


def killed_guest(disk, options, rng):
    """What the writer had said when the machine was gone."""
    script = f"mount /dev/vda /mnt && exec {shlex.join([PROGRAM, *option_words(options), '/mnt/recording'])}"
    # A number that is never told exactly must not keep the guest alive: then it goes by the clock, too.
    moment = ["--kill-on", f"^archived {rng.randint(1, 60)}", "--kill-after", "20"] if rng.random() < 0.5 else \
        ["--kill-after", f"{rng.uniform(0.5, 6):.2f}"]
    done = subprocess.run([RUN, "--cpus", "1", "--timeout", "120", "--disk", f"{SIZE}:{disk.image}", *moment,
                           "bash", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding="utf-8", errors="replace", check=False)
    if done.returncode == 77:
        raise Skip(done.stdout.strip().splitlines()[-1])
    # 0: it had recorded all it was told to before the moment came.
    assert done.returncode in (137, 0), f"status {done.returncode}: {script}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return Said(done.stdout)


def test_a_killed_guest_loses_nothing_that_was_counted():
    private_mounts()
    seed, figures = soak_seed(), Figures()
    only = os.environ.get("DMASLAB_ROUND")
    for turn in [int(only)] if only else range(soak_count(2, 50)):
        rng = random.Random(f"{seed} guest {turn}")
        options = scenario(rng)
        with tempfile.TemporaryDirectory() as home, LoopFs(home, ("xfs", "ext4")[turn % 2], SIZE) as disk:
            disk.unmount()
            said = killed_guest(disk, options, rng)
            disk.mount()
            try:
                if os.path.exists(disk.path("recording")):
                    judge(disk.path("recording"), said, options, RECOVER, figures)
                else:
                    assert said.counted == 0, f"{said.counted} frames were counted, and the directory is gone"
            except Exception:
                print(f"DMASLAB_SEED={seed} DMASLAB_ROUND={turn}: {options}\n{said.tail()}", flush=True)
                raise
    figures.report()


if __name__ == "__main__":
    clean_up_when_ended()
    report_lines("archive", tests_of(sys.modules[__name__]))
