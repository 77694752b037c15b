#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""numpy maps a recording again and again while it is written. live_reader_test.py ARCHIVE_LOAD"""
import json
import os
import random
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipelines"))
from launch import main, tests_of  # noqa: E402
from load import Load, clean_up_when_ended, soak_count, soak_seed  # noqa: E402
from recording import Gone, Recording, Segment, Wrong  # noqa: E402
from scenario import expect_prefix, scenario  # noqa: E402

PROGRAM = sys.argv[1]


class Watcher:
    """Reads what is new since the last look."""

    def __init__(self, directory):
        self.directory, self.seen, self.newest = directory, {}, {}
        self.looks = self.verified = 0

    def listed(self):
        with open(os.path.join(self.directory, "manifest.json"), encoding="utf-8") as file:
            return json.load(file)

    def look(self):
        manifest = self.listed()
        self.looks += 1
        for entry in manifest["segments"]:
            try:
                self.look_at(Segment(self.directory, entry, manifest["series"][entry["series"]]))
            except (Gone, Wrong):
                # A ring recording gives a segment up by unlisting it first; anything else is what it looks like.
                if any(other["number"] == entry["number"] for other in self.listed()["segments"]):
                    raise

    def look_at(self, segment):
        known = self.seen.get(segment.number, 0)
        if segment.count < known:
            raise Wrong(f"segment {segment.number} had {known} frames and has {segment.count}")
        self.verified += segment.verify(known)
        sequences = segment.sequences.astype(np.int64)
        if np.any(np.diff(sequences) <= 0):
            raise Wrong(f"segment {segment.number}: sequence numbers do not grow")
        self.seen[segment.number] = segment.count


def watch(turn, options):
    with tempfile.TemporaryDirectory() as home:
        directory = os.path.join(home, "recording")
        with Load(PROGRAM, directory, os.path.join(home, "log"), options) as load:
            try:
                watcher = Watcher(directory)
                if load.await_lines("opened"):
                    while load.child.poll() is None:
                        watcher.look()
                said = load.expect_status(0)
                watcher.look()
                end = said.expect_conservation()
                if not options.get("max-segments"):
                    assert watcher.verified == end["archived"], f"{watcher.verified} frames seen of {end}"
                assert expect_prefix(Recording(directory), options, said.counted) == end["pushed"]
            except Exception:
                print(f"# turn {turn}: {' '.join(load.command)}", flush=True)
                raise
        return watcher


def test_what_numpy_sees_while_it_is_written_is_right_and_never_less():
    seed, looks, verified = soak_seed(), 0, 0
    for turn in range(soak_count(6, 200)):
        rng = random.Random(f"{seed} {turn}")
        options = scenario(rng)
        options["rate"] = options["rate"] or 2000
        shortest = min(options.get(name, 4000) for name in ("segment-frames", "split-every", "segment-time-ms"))
        # About two seconds, and no more than so many segments: each look opens them all.
        options["frames"] = min(options["frames"], 2 * options["rate"], 100 * shortest)
        watcher = watch(turn, options)
        looks, verified = looks + watcher.looks, verified + watcher.verified
    print(f"# {looks} looks, {verified} frames verified while they were recorded", flush=True)


if __name__ == "__main__":
    clean_up_when_ended()
    main(tests_of(sys.modules[__name__]))
