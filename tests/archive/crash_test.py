#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL at random moments. crash_test.py ARCHIVE_LOAD ARCHIVE_RECOVER"""
import os
import random
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipelines"))
from launch import main, tests_of  # noqa: E402
from load import Load, clean_up_when_ended, soak_count, soak_seed  # noqa: E402
from scenario import Figures, judge, monotonic_ns, scenario  # noqa: E402

PROGRAM, RECOVER = sys.argv[1:3]


def kill_somewhere(load, rng, options):
    """Early, at a commit, or at a change of segments; the moments within are the random ones."""
    where = rng.random()
    if where < 0.2:
        time.sleep(rng.uniform(0, 0.15))
    elif where < 0.5 and load.await_lines("opened", rng.randint(1, 6)):
        time.sleep(rng.uniform(0, 0.02))
    elif load.await_lines("archived", rng.randint(1, 8)):
        time.sleep(rng.uniform(0, 1.5 * options["commit-interval-ms"] / 1000))
    died = monotonic_ns()
    load.kill()
    return died


def test_nothing_counted_is_lost_by_a_kill():
    seed, figures = soak_seed(), Figures()
    only = os.environ.get("DMASLAB_ROUND")
    for turn in [int(only)] if only else range(soak_count(12, 1000)):
        rng = random.Random(f"{seed} {turn}")
        options = scenario(rng)
        with tempfile.TemporaryDirectory() as home:
            directory = os.path.join(home, "recording")
            with Load(PROGRAM, directory, os.path.join(home, "log"), options) as load:
                died = kill_somewhere(load, rng, options)
            try:
                assert not load.said().of("error"), load.said().tail()
                judge(directory, load.said(), options, RECOVER, figures, died)
            except Exception:
                print(f"# DMASLAB_SEED={seed} DMASLAB_ROUND={turn}: {' '.join(load.command)}\n# "
                      + load.said().tail().replace("\n", "\n# "), flush=True)
                raise
    figures.report()


if __name__ == "__main__":
    clean_up_when_ended()
    main(tests_of(sys.modules[__name__]))
