# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random recordings, and what must be true of one whose writer is gone."""
import itertools
import os
import re
import statistics
import subprocess
import time

import numpy as np

from recording import BAD, Recording, Wrong

MOST_BYTES = 192 << 20  # a recording that nobody kills ends there
ROWS_CASES = [("|u1", [203, 1024]), ("<u2", [407, 512]), ("|u1", [255, 320, 4])]


def shape_for(rng, layout):
    """(dtype, shape) of frames that this layout can store."""
    if layout == "plain":
        return rng.choice([("<u2", [rng.randint(1, 40), 2048]), ("|u1", [32, 128, 4]), ("<f4", [64, 64])])
    if layout == "rows":
        return rng.choice(ROWS_CASES)
    return rng.choice([("|u1", [rng.randint(1, 300), rng.randint(1, 400)]), ("<u2", [rng.randint(1, 200), 300]),
                       ("|u1", [rng.randint(1, 100), rng.randint(1, 100), 3])])


def scenario(rng):
    """Options of archive_load. Whatever they are, the first frames of the list below are what it records."""
    layout = rng.choice(["plain", "rows", "record", "record", "blob", "encoded"])
    options = {"frames": 0}
    if layout == "encoded":
        options["encoded"] = rng.choice([100, 5000, 100000])
        most = options["encoded"]
    else:
        options["layout"] = layout
        options["dtype"], shape = shape_for(rng, layout)
        options["shape"] = ",".join(map(str, shape))
        most = int(options["dtype"][-1]) * int(np.prod(shape))
        if rng.random() < 0.2:
            change = shape_for(rng, layout)[1] if layout in ("plain", "rows") else [rng.randint(1, 90), 200]
            if layout in ("plain", "rows"):
                change = [shape[0], *shape[1:]]  # same frames: a series of its own all the same
            options["change-at"] = rng.randint(1, 200)
            options["change-shape"] = ",".join(map(str, change))
            most = max(most, int(options["dtype"][-1]) * int(np.prod(change)))
    record = (most + 4095) // 4096 * 4096
    options["frames"] = max(50, MOST_BYTES // record)
    options["slabs"] = rng.choice([3, 16, 64])
    options["rate"] = rng.choice([0, 0, 300, 1000, 5000])
    options["io"] = rng.choice(["uring", "uring", "pwrite"])
    options["direct"] = rng.random() < 0.9
    options["register-buffers"] = rng.random() < 0.8
    options["gather"] = rng.random() < 0.1
    options["arena-known"] = rng.random() < 0.8
    options["queue-depth"] = rng.choice([1, 2, 8, 16])
    options["batch-time-us"] = rng.choice([500, 4000, 20000])
    options["commit-interval-ms"] = rng.choice([2, 20, 50, 200])
    options["max-held"] = rng.choice([2, 16, 64])
    options["segment-bytes"] = max(rng.choice([1, 2, 8]) << 20, 4 * record + 4096)
    if rng.random() < 0.3:
        options["segment-frames"] = rng.choice([1, 7, 50])
    if rng.random() < 0.2:
        options["segment-time-ms"] = rng.choice([10, 100])
    if rng.random() < 0.35:
        options["max-segments"] = rng.choice([3, 4, 6])
    if rng.random() < 0.2:
        options["split-every"] = rng.choice([5, 40])
    options["every-nth"] = rng.choice([1, 1, 1, 5])
    if rng.random() < 0.3:
        options["lose-every"] = 7
    options["first-sequence"] = rng.choice([0, 0, 1000, 2**32 - 20])
    return options


def handed_over(options):
    """The numbers of the frames that reach the writer, in order."""
    first, step, hole = (options.get(name, 0) for name in ("first-sequence", "every-nth", "lose-every"))
    for number in range(options["frames"]) if options["frames"] else itertools.count():
        sequence = first + number
        if sequence % (step or 1) == 0 and not (hole and number % hole == hole - 1):
            yield sequence


def expect_prefix(recording, options, counted):
    """No frame is missing in the middle, and everything that was counted is there. Returns where the run ends."""
    here = recording.sequences
    if any(np.any(s.index["flags"] & BAD) for s in recording.segments):
        raise Wrong("a frame is marked bad although the disk was well")
    if len(here) == 0:
        if counted:
            raise Wrong(f"nothing is readable, {counted} frames were counted")
        return 0
    ring = options.get("max-segments", 0)
    wanted = handed_over(options)
    start = 0
    if ring:
        for start, sequence in enumerate(wanted):
            if sequence == here[0]:
                break
        wanted = itertools.chain([int(here[0])], wanted)
    wanted = np.fromiter(itertools.islice(wanted, len(here)), "<u8")
    if len(wanted) != len(here) or not np.array_equal(wanted, here):
        at = int(np.argmax(wanted != here[:len(wanted)])) if len(wanted) else 0
        raise Wrong(f"frame {at} of {len(here)} has the number {here[at]}")
    if start + len(here) < counted:
        raise Wrong(f"{counted} frames were counted, the recording ends with frame {start + len(here)}")
    return start + len(here)


def recover(program, directory):
    """What archive_recover said: frames, regained, closed, us."""
    done = subprocess.run([program, directory], capture_output=True, text=True, timeout=90, check=False)
    if done.returncode != 0:
        raise Wrong(f"recover: status {done.returncode}: {done.stdout}{done.stderr}")
    line = [text for text in done.stdout.splitlines() if text.startswith("recovered ")][0]
    return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}


class Figures:
    """What is reported and never asserted."""

    def __init__(self):
        self.recover_us, self.behind_ms = [], []
        self.regained = self.frames = self.uncreated = 0

    def report(self):
        print(f"# {self.frames} frames verified, {self.regained} regained by recover; {self.uncreated} recordings not begun")
        if self.recover_us:
            print(f"# recover: median {statistics.median(self.recover_us) / 1e3:.1f} ms, longest {max(self.recover_us) / 1e3:.1f} ms")
        if self.behind_ms:
            print(f"# newest readable frame before the end, beyond the commit interval: median "
                  f"{statistics.median(self.behind_ms):.0f} ms, longest {max(self.behind_ms):.0f} ms", flush=True)


def judge(directory, said, options, recover_program, figures, died_ns=None):
    """The recording of a writer that is no more: as it was left, and repaired."""
    said.expect_one_commit_at_most(options.get("max-held", 64))
    if not os.path.exists(os.path.join(directory, "manifest.json")):
        if said.of("opened") or said.counted:
            raise Wrong("no manifest, but the writer had begun")
        figures.uncreated += 1
        return
    left = Recording(directory).verify()
    counted = said.counted
    end = expect_prefix(left, options, counted)
    left.expect_gaps_explained()
    if died_ns and len(left.sequences) and end < options["frames"]:
        newest = [s.index["capture"][-1] for s in left.segments if s.count][-1]
        figures.behind_ms.append((died_ns - newest) / 1e6 - options["commit-interval-ms"])
    counts = {s.number: s.count for s in left.segments}
    del left  # nothing of it stays mapped while files change

    report = recover(recover_program, directory)
    repaired = Recording(directory).verify()
    if expect_prefix(repaired, options, counted) < end:
        raise Wrong("recover has lost frames")
    repaired.expect_gaps_explained()
    for segment in repaired.segments:
        if segment.count < counts.get(segment.number, 0):
            raise Wrong(f"recover has taken frames from segment {segment.number}")
    if repaired.manifest["state"] not in ("recovered", "closed"):
        raise Wrong(f"recover left the state {repaired.manifest['state']}")
    if any(entry["state"] != "closed" for entry in repaired.manifest["segments"]):
        raise Wrong("recover left a segment open")
    if len(repaired.sequences) != report["frames"]:
        raise Wrong(f"recover says {report['frames']} frames, numpy {len(repaired.sequences)}")
    figures.recover_us.append(report["us"])
    figures.regained += report["regained"]
    figures.frames += repaired.verified
    if recover(recover_program, directory)["regained"] != 0:
        raise Wrong("a second recover found more")


def monotonic_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
