#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The camera on which the tool we replace wrote 102 of 5000 frames with pixels of a later one: 300x300x16 bit at 1 and
10 kfps, every frame and every 5th, slabs that are reused at once. original_test.py ARCHIVE_LOAD"""
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipelines"))
from launch import main, tests_of  # noqa: E402
from load import Load, clean_up_when_ended, soak_count, soak_seed  # noqa: E402
from recording import Recording  # noqa: E402

PROGRAM = sys.argv[1]
CAMERA = {"dtype": "<u2", "shape": "300,300", "segment-bytes": 64 << 20}
#       frames per second, every nth, frames
RUNS = [(1000, 1, 2500), (1000, 5, 2500), (10000, 1, 5000), (10000, 5, 10000), (0, 1, 2500)]


def frames_of_a_run(rng, rate, every, frames, slabs):
    """Verified frames of one recording; each that is missing has a name."""
    options = {**CAMERA, "rate": rate, "every-nth": every, "frames": frames, "slabs": slabs,
               "io": rng.choice(["uring", "uring", "pwrite"]), "register-buffers": rng.random() < 0.8,
               "batch-time-us": rng.choice([500, 4000]), "queue-depth": rng.choice([2, 8]),
               "when-full": "wait" if rate == 0 else "drop"}
    with tempfile.TemporaryDirectory() as home:
        directory = os.path.join(home, "recording")
        with Load(PROGRAM, directory, os.path.join(home, "log"), options) as load:
            said = load.expect_status(0)
        try:
            end = said.expect_conservation()
            assert end["lost"] == 0 and end["copied"] == 0, end
            recording = Recording(directory).verify()
            assert recording.manifest["series"][0]["layout"] == "record", recording.manifest["series"][0]["layout_reason"]
            assert recording.verified == end["archived"], end
            recording.expect_gaps_explained()
            missing = {sequence for sequence, _ in said.missing if sequence % every == 0}
            wanted = [n for n in range(0, frames, every) if n not in missing]
            assert recording.sequences.tolist() == wanted, "not the frames that were handed over"
        except Exception:
            print(f"# {' '.join(load.command)}", flush=True)
            raise
        return recording.verified


def test_every_archived_frame_is_right():
    rng, verified, rounds = random.Random(soak_seed()), 0, soak_count(1, 50)
    for _ in range(rounds):
        for slabs in (16, 128):
            for rate, every, frames in RUNS:
                verified += frames_of_a_run(rng, rate, every, frames, slabs)
    print(f"# {verified} frames verified, 0 wrong", flush=True)


if __name__ == "__main__":
    clean_up_when_ended()
    main(tests_of(sys.modules[__name__]))
