#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What one archived frame costs: system calls, allocations, wakes, kernel threads; counted, never timed.
counters_test.py ARCHIVE_LOAD LIBALLOC_COUNT"""
import collections
import functools
import os
import re
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipelines"))
from launch import Skip, main, tests_of  # noqa: E402
from load import Load, clean_up_when_ended  # noqa: E402
from recording import Recording  # noqa: E402

PROGRAM, ALLOC_COUNT = sys.argv[1:3]
RATE, SECONDS = 1000, 6
# One segment, so that its change is not in the steady part; quiet, so that nothing but the writer's own calls is.
STEADY = {"rate": RATE, "frames": RATE * SECONDS, "steady-from": RATE, "quiet": True, "slabs": 256, "max-held": 200,
          "segment-bytes": 2 << 30, "io": "uring"}
FORMATS = {"plain": {"dtype": "<u2", "shape": "32,2048"}, "record": {"dtype": "<u2", "shape": "150,300"}}
CALLS_PER_COMMIT = 16  # of the writer's thread, those of the ring apart
ALLOCATIONS_PER_COMMIT = 10  # a header is made of strings
CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")


def run(options, prefix=(), environment=None, watch=None):
    """(what it said, the steady part)"""
    with tempfile.TemporaryDirectory() as home:
        directory = os.path.join(home, "recording")
        with Load(PROGRAM, directory, os.path.join(home, "log"), {**STEADY, **options}, prefix, environment) as load:
            while watch and load.child.poll() is None:
                watch(load.child.pid)
                time.sleep(0.01)
            said = load.expect_status(0)
        if "uring" not in said.of("io")[0]:
            raise Skip(f"no io_uring here: {said.of('io')[0]}")
        said.expect_conservation()
        recording = Recording(directory).verify()
        steady = said.numbers("steady")
        assert recording.verified >= steady["frames"] * 0.9, "too few frames to count anything"
        assert steady["segments"] == 0, "a change of segments in the steady part"
        return said, steady


def kernel_threads(pid):
    """How many workers of the ring this process has now."""
    found = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/comm", encoding="utf-8") as comm:
                found += comm.read().startswith("iou-wrk")
    except OSError:
        pass  # a thread, or all of it, has ended meanwhile
    return found


@functools.cache
def counted(name):
    """One run that counts everything; a second and a third where the disk was so busy that its queue was full."""
    most_threads, runs = [0], []

    def watch(pid):
        most_threads[0] = max(most_threads[0], kernel_threads(pid))

    while len(runs) < 3:
        _, steady = run(FORMATS[name], environment={"LD_PRELOAD": ALLOC_COUNT}, watch=watch)
        runs.append(steady)
        print(f"# {name}: {steady['enters'] / steady['frames']:.3f} io_uring_enter and {steady['writes'] / steady['frames']:.3f} "
              f"writes per frame, {steady['allocations']} allocations in {steady['commits']} commits, at most "
              f"{most_threads[0]} io-wq threads", flush=True)
        if steady["enters"] <= 0.5 * steady["frames"]:
            break
    return {**runs[-1], "threads": most_threads[0]}


def each_format(test):
    for name in FORMATS:
        try:
            test(counted(name))
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_at_most_half_a_system_call_of_the_ring_per_frame():
    def check(steady):
        assert 0 < steady["enters"] <= 0.5 * steady["frames"], steady
    each_format(check)


def test_no_byte_is_copied():
    def check(steady):
        assert steady["copied"] == 0, steady
    each_format(check)


def test_nothing_is_allocated_for_a_frame():
    def check(steady):
        assert steady["allocations"] <= ALLOCATIONS_PER_COMMIT * (steady["commits"] + 1), steady
    each_format(check)


def test_the_kernel_needs_no_crowd_of_threads():
    def check(steady):
        assert steady["threads"] <= 3, steady
    each_format(check)


def calls_in_steady_part(trace, producer):
    """thread -> call -> how often; futex calls by their operation."""
    counts, steady = collections.defaultdict(collections.Counter), False
    with open(trace, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            match = CALL.match(line)
            if not match:
                continue  # resumed, signals, exits
            thread, name, arguments = match.groups()
            if name == "write" and '"steady begins' in arguments:
                steady = True
            elif name == "write" and '"steady ' in arguments:
                break
            elif steady:
                if name == "futex":
                    operation = re.search(r"FUTEX_(\w+)", arguments)
                    name = "futex " + operation.group(1).replace("_PRIVATE", "").split("|")[0] if operation else name
                counts["producer" if thread == producer else thread][name] += 1
    return counts


def test_nothing_else_is_asked_of_the_kernel():
    """The writer: the ring, and a few calls per commit. The streaming thread: its own pacing, and nobody is woken."""
    if not shutil.which("strace"):
        raise Skip("strace is missing; install the package strace")
    with tempfile.TemporaryDirectory() as home:
        trace = os.path.join(home, "trace")
        said, steady = run(FORMATS["plain"], prefix=["strace", "-f", "-qq", "-s", "16", "-o", trace])
        counts = calls_in_steady_part(trace, said.of("thread")[0].split()[1])
    assert "producer" in counts, "the trace names no streaming thread"
    streaming = counts.pop("producer")
    for thread, calls in [("streaming thread", streaming), *counts.items()]:
        print(f"# {thread}: " + ", ".join(f"{number} {name}" for name, number in calls.most_common()), flush=True)
    waits = sum(number for name, number in streaming.items() if "WAIT" in name or name == "clock_nanosleep")
    assert sum(streaming.values()) - waits <= 5, streaming
    assert waits <= 1.05 * steady["frames"], streaming
    writer = sum(counts.values(), collections.Counter())
    enters = writer.pop("io_uring_enter", 0)
    assert 0 < enters <= 0.5 * steady["frames"], f"{enters} io_uring_enter for {steady['frames']} frames"
    allowed = CALLS_PER_COMMIT * (steady["commits"] + 1)
    assert sum(writer.values()) <= allowed, f"{dict(writer)} in {steady['commits']} commits of {steady['frames']} frames"


if __name__ == "__main__":
    clean_up_when_ended()
    main(tests_of(sys.modules[__name__]))
