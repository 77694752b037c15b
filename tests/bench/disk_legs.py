#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Legs that are more than one run of one program. Each prints one JSON line and leaves nothing in the scratch directory.

  disk_legs.py --programs DIR --scratch DIR fio write|read BYTES
  disk_legs.py … replay FRAMES             a recording, played as fast as it can be
  disk_legs.py … numpy recording|save FRAMES
  disk_legs.py … rate SECONDS BYTES PROBES SINK-OPTION…    highest rate without a loss (found by halving)
  disk_legs.py … calls FRAMES SINK-OPTION…                 system calls per frame
"""

import argparse
import collections
import contextlib
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time

FRAME_BYTES = 640 * 480 * 2
DEPTH = 8


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"status {done.returncode}: {' '.join(command)}\n{(done.stderr or done.stdout)[-800:]}")
    return done.stdout


@contextlib.contextmanager
def directory(options):
    os.makedirs(options.scratch, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.scratch) as path:
        yield path


def archive_bench(options, path, *words):
    text = run([os.path.join(options.programs, "archive_bench"), f"scratch={path}", *words])
    return json.loads(text.strip().splitlines()[-1])


def system_cpu():
    with open("/proc/stat", encoding="ascii") as stat:
        words = [int(word) for word in stat.readline().split()[1:8]]
    return (sum(words) - words[3] - words[4]) / os.sysconf("SC_CLK_TCK")


def fio(path, direction, size):
    """GB/s of fio, the final sync included, the laying out of the file not."""
    name = os.path.join(path, "fio.dat")
    command = ["fio", "--name=leg", f"--filename={name}", "--ioengine=io_uring", "--direct=1", "--fixedbufs=1",
               "--registerfiles=1", f"--bs={FRAME_BYTES}", f"--iodepth={DEPTH}", f"--rw={direction}", f"--size={size}",
               "--fallocate=native", "--end_fsync=1", "--output-format=json"]
    if direction == "read" and not os.path.exists(name):
        run([word.replace("--rw=read", "--rw=write") for word in command])
    os.sync()
    before, started = system_cpu(), time.monotonic()
    text = run(command)
    system, wall = system_cpu() - before, time.monotonic() - started
    job = json.loads(text[text.index("{"):])["jobs"][0]
    side = job[direction]
    seconds, moved = side["runtime"] / 1e3, side["io_bytes"] / 1e9
    return {"gb_per_s": moved / seconds, "seconds": seconds, "gb": moved, "wall": wall,
            "cpu_process_s_per_gb": (job["usr_cpu"] + job["sys_cpu"]) / 100 * seconds / moved,
            "cpu_system_s_per_gb": system / moved}


def fio_leg(options):
    with directory(options) as path:
        return fio(path, options.words[0], int(options.words[1]))


def replay_leg(options):
    frames = int(options.words[0])
    with directory(options) as path:
        made = archive_bench(options, path, f"frames={frames}", "keep=1", "watch=0", "sink=uringarchive checksum=none")
        for name in glob.glob(made["location"] + "/*.npy"):
            forget(name)
        os.sync()
        played = json.loads(run([
            os.path.join(options.programs, "graph_bench"), f"frames={frames}",
            f"pipeline=uringarchivesrc name=src location={made['location']} pacing=off ! fakesink name=sink0"]))
        return {"gb_per_s": played["frames_per_s"] * FRAME_BYTES / 1e9, "missing": played["missing"],
                "cpu_us_per_frame": played["cpu_us_per_frame"]}


def forget(name):
    """Takes a file out of the page cache."""
    with open(name, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def numpy_leg(options):
    import numpy

    side, frames = options.words[0], int(options.words[1])
    with directory(options) as path:
        made = archive_bench(options, path, f"frames={frames}", "keep=1", "watch=0", "sink=uringarchive checksum=none")
        recorded = sorted(glob.glob(made["location"] + "/*frames*.npy"))[0]
        name = recorded
        if side == "save":
            name = os.path.join(path, "saved.npy")
            numpy.save(name, numpy.load(recorded, mmap_mode="r"))
        if numpy.load(name, mmap_mode="r").shape != (frames, 480, 640):
            sys.exit(f"{name} is not what it should be")

        def first_frame():
            started = time.perf_counter()
            array = numpy.load(name, mmap_mode="r")
            opened = time.perf_counter()
            frame = numpy.array(array[0])
            return opened - started, time.perf_counter() - started, frame

        found = {}
        for state, repeats in (("cold", 40), ("warm", 400)):
            taken = []
            for _ in range(repeats):
                if state == "cold":
                    forget(name)
                taken.append(first_frame()[:2])
            for what, place in (("open", 0), ("first_frame", 1)):
                found[f"{what}_{state}_us"] = sorted(t[place] for t in taken)[repeats // 2] * 1e6
        return found


def rate_leg(options):
    """A rate is loss-free when every frame of it is on the disk. Bisected as a part of what fio writes just before."""
    seconds, most = float(options.words[0]), float(options.words[1])
    probes, sink = int(options.words[2]), options.words[3:]
    with directory(options) as path:
        reference = fio(path, "write", int(most / 4 // FRAME_BYTES * FRAME_BYTES))["gb_per_s"]
        os.remove(os.path.join(path, "fio.dat"))
        low, high, best, tried = 0.0, 1.2, {"gb_per_s": 0.0, "seconds": 0.0}, []
        part = 0.9
        for _ in range(probes):
            fps = max(1, round(part * reference * 1e9 / FRAME_BYTES))
            frames = int(min(fps * seconds, most / FRAME_BYTES))
            held = 12 + fps * 54 // 1000  # what uringarchive takes by itself: the queue depth and 54 ms
            result = archive_bench(
                options, path, f"frames={frames}", f"fps={fps}", "watch=0", *(w.replace("HELD", str(held)) for w in sink),
                f"source=dmaslabsrc backend=test pattern=prefilled rt-priority=80 on-overrun=burst slabs={held + 24}")
            clean = result["missing"] == 0 and result["dropped"] == 0
            tried.append([round(part, 3), fps, result["missing"], round(result["seconds"], 2)])
            if clean:
                low, best = part, {"gb_per_s": fps * FRAME_BYTES / 1e9, "seconds": result["seconds"]}
            else:
                high = part
            part = (low + high) / 2
        return {**best, "fps": best["gb_per_s"] * 1e9 / FRAME_BYTES, "part_of_fio": low, "fio_gb_per_s": reference,
                "tried": tried}


def calls_of(options, path, frames, words):
    """{name: calls} of the whole process; those by which the source sleeps until the next frame apart."""
    trace = os.path.join(path, "calls")
    run(["strace", "-f", "-qq", "-o", trace, os.path.join(options.programs, "archive_bench"), f"scratch={path}",
         f"frames={frames}", "fps=1000", "watch=0",
         "source=dmaslabsrc backend=test pattern=prefilled rt-priority=80 on-overrun=burst", *words])
    found, waits = collections.Counter(), collections.Counter()
    with open(trace, encoding="ascii", errors="replace") as file:
        for call in (re.match(r"\d+ +(\w+)\((\w+, FUTEX_WAIT\w*)?", line) for line in file):
            if call:
                (waits if call[2] else found)[call[2] or call[1]] += 1
    (_, sleeps), *others = waits.most_common()  # one per frame: no other place is waited at as often
    found["futex"] += sum(count for _, count in others)
    found["sleeps of the source"] = sleeps
    return found


def calls_leg(options):
    """Per frame, of a long run less a short one: what is done once is not counted."""
    frames, words = int(options.words[0]), options.words[1:]
    with directory(options) as path:
        long, short = (calls_of(options, path, count, words) for count in (2 * frames, frames))
    more = {name: (calls - short[name]) / frames for name, calls in long.items()}
    sleeps, enters = more.pop("sleeps of the source"), more.pop("io_uring_enter", 0.0)
    return {"enters": enters, "others": max(0.0, sum(more.values())), "source_sleeps": sleeps,
            "names": " ".join(f"{name}={calls:.4f}" for name, calls in sorted(more.items()) if calls)}


LEGS = {"fio": fio_leg, "replay": replay_leg, "numpy": numpy_leg, "rate": rate_leg, "calls": calls_leg}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--scratch", required=True)
    parser.add_argument("leg", choices=sorted(LEGS))
    parser.add_argument("words", nargs="+")
    options = parser.parse_args()
    print(json.dumps(LEGS[options.leg](options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
