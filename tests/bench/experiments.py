# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is measured against what, and what it shall reach."""

import itertools
import os

from archive_experiments import archive_experiments
from experiment import Experiment, Leg, Limit, Ratio
from pairing import LegMissing
from simd_experiments import simd_experiments
from video_experiments import video_experiments


def parse_cyclictest(text):
    """The histogram of cyclictest -h, in µs."""
    counts = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[0].isdigit():
            counts[int(words[0])] = counts.get(int(words[0]), 0) + int(words[1])
    total = sum(counts.values())
    if total == 0:
        raise LegMissing("cyclictest counted nothing")

    def quantile(q):
        seen = 0
        for value in sorted(counts):
            seen += counts[value]
            if seen >= q * total:
                return float(value)
        return float(max(counts))

    return {"p50_us": quantile(0.5), "p99_us": quantile(0.99), "p999_us": quantile(0.999)}


def experiments(programs, quick, scratch):
    """programs: the folder of the built benchmark programs; scratch: where recordings may be written."""
    def program(name, *words):
        return [os.path.join(programs, name + "_bench"), *words]

    def queue(element, buffers):
        return f"{element} max-size-buffers={buffers} max-size-bytes=0 max-size-time=0"

    found = []

    # The pool
    found.append(Experiment(
        "pool-same-thread", "acquire and release on one thread, 16 buffers of 4096 bytes",
        {side: Leg(program("pool", f"side={side}", "across=0")) for side in ("core", "slabpool", "stock", "floor")},
        [Ratio("acquire + release, one thread, core API", "ns", "core", ["stock"], 0.10, "ns"),
         Ratio("GstBufferPool over slabs, one thread", "ns", "slabpool", ["stock"], 0.60, "ns"),
         Ratio("a GstBufferPool that does nothing, one thread", "ns", "floor", ["stock"], None, "ns", context=True)]))
    for burst in (1, 16):
        found.append(Experiment(
            f"pool-across-{burst}", "acquire on CPU 0, hand over through the same SPSC ring of 32 for all sides, release on "
            f"CPU 1, in bursts of {burst}; 64 buffers, so that nobody waits for one",
            {side: Leg(program("pool", f"side={side}", "across=1", f"burst={burst}"))
             for side in ("core", "slabpool", "stock", "floor")},
            [Ratio(f"acquire here, release there, bursts of {burst}, core API", "ns", "core", ["stock"], 0.5, "ns",
                   reach=0.2),
             Ratio(f"GstBufferPool over slabs, across threads, bursts of {burst}", "ns", "slabpool", ["stock"], 0.5,
                   "ns"),
             Ratio(f"a GstBufferPool that does nothing, across threads, bursts of {burst}", "ns", "floor", ["stock"],
                   None, "ns", context=True)]))

    # The ring
    peers = ["boost", "moodycamel", "atomic_queue"]
    for what, title in (("throughput", "throughput, ns per item"), ("roundtrip", "round trip")):
        found.append(Experiment(
            f"ring-{what}", f"SPSC queues of 1024 4-byte items, one at a time, two pinned threads that spin: {title}",
            {side: Leg(program("ring", f"side={side}", f"what={what}")) for side in ["dmaslab"] + peers},
            [Ratio(f"SPSC ring, {title}", "ns", "dmaslab", peers, 1.0, "ns")]))

    # The queue element
    for buffers, frames, goal in ((8, 400_000, 3.0), (200, 800_000, 1.5)):
        frames = frames // 4 if quick else frames
        # As a user starts it; with both CPUs to itself whatever else runs; with one CPU for all its threads.
        for suffix, text, prefix in (("", "", []), ("-undisturbed", ", SCHED_FIFO 1", ["chrt", "-f", "1"]),
                                     ("-one-cpu", ", all on CPU 0", ["taskset", "-c", "0"])):
            found.append(Experiment(
                f"queue-{buffers}{suffix}", f"fakesrc ! X max-size-buffers={buffers} ! fakesink, empty buffers, other "
                f"limits 0{text}",
                {element: Leg(prefix + program("graph", f"frames={frames}", f"pipeline=fakesrc num-buffers={frames} ! "
                                               f"{queue(element, buffers)} ! fakesink name=sink0"))
                 for element in ("slabqueue", "queue")},
                [Ratio(f"slabqueue, {buffers} buffers{text}", "frames_per_s", "slabqueue", ["queue"],
                       None if suffix else goal, "k buffers/s", more_is_better=True, scale=1e-3,
                       context=bool(suffix))],
                needs_root="FIFO" in text, needs_element="slabqueue"))
    found.append(Experiment(
        "queue-latency", "a thread pushes 1000 buffers/s into the queue; time until they arrive behind it",
        {element: Leg(program("queue", f"element={element}", "what=latency", f"seconds={1 if quick else 3}"))
         for element in ("slabqueue", "queue")},
        [Ratio("slabqueue, hand-over at 1000 buffers/s, p50", "p50_us", "slabqueue", ["queue"], 1.0, "µs"),
         Ratio("slabqueue, hand-over at 1000 buffers/s, p99", "p99_us", "slabqueue", ["queue"], 1.0, "µs")],
        needs_element="slabqueue"))
    found.append(Experiment(
        "queue-idle", "a playing queue to which nothing comes",
        {element: Leg(program("queue", f"element={element}", "what=idle", "seconds=2"))
         for element in ("slabqueue", "queue")},
        [Limit("slabqueue idle, wake-ups", "switches_per_s", "slabqueue", 1, "/s"),
         Limit("slabqueue idle, CPU", "cpu_us_per_s", "slabqueue", 1000, "µs/s"),
         Limit("queue idle, CPU", "cpu_us_per_s", "queue", None, "µs/s", context=True)],
        rounds=3, needs_element="slabqueue"))

    # Pacing
    seconds = 2 if quick else 5
    slab = "dmaslabsrc backend=test"
    stock = "videotestsrc is-live=true pattern=black"
    fifo = ["chrt", "-f", "80"]
    found.append(Experiment(
        "pacing-with-rights", "1000 fps, 64x64 GRAY16_LE; time at the source pad minus base time + PTS; dmaslabsrc with "
        "rt-priority=80",
        {"dmaslabsrc": Leg(program("pacing", f"source={slab} rt-priority=80", f"seconds={seconds}")),
         "videotestsrc": Leg(program("pacing", f"source={stock}", f"seconds={seconds}")),
         "videotestsrc, whole process SCHED_FIFO 80":
             Leg(fifo + program("pacing", f"source={stock}", f"seconds={seconds}")),
         "cyclictest -p80": Leg(["cyclictest", "-p80", "-i1000", "-t1", "-q", "-h", "20000", "-l",
                                 str(seconds * 1000)], parse_cyclictest)},
        [Ratio("pacing with rights, p99", "p99_us", "dmaslabsrc", ["videotestsrc"], 0.10, "µs"),
         Ratio("pacing with rights, p99", "p99_us", "dmaslabsrc", ["videotestsrc, whole process SCHED_FIFO 80"], 0.10,
               "µs", context=True),
         Ratio("pacing with rights, p99", "p99_us", "dmaslabsrc", ["cyclictest -p80"], 0.10, "µs"),
         Limit("pacing with rights, p50", "p50_us", "dmaslabsrc", 1, "µs"),
         Limit("pacing with rights, CPU of the source's thread", "cpu_percent", "dmaslabsrc", 10, "% of a core")],
        needs_root=True, needs_element="dmaslabsrc"))
    found.append(Experiment(
        "pacing-without-rights", "the same as user nobody, RLIMIT_RTPRIO 0",
        {"dmaslabsrc": Leg(program("pacing", f"source={slab}", f"seconds={seconds}", "unprivileged=1")),
         "videotestsrc": Leg(program("pacing", f"source={stock}", f"seconds={seconds}", "unprivileged=1"))},
        [Ratio("pacing without rights, p50", "p50_us", "dmaslabsrc", ["videotestsrc"], None, "µs", context=True),
         Ratio("pacing without rights, p99", "p99_us", "dmaslabsrc", ["videotestsrc"], 0.5, "µs"),
         Limit("pacing without rights, CPU of the source's thread", "cpu_percent", "dmaslabsrc", None, "% of a core",
               context=True)],
        needs_element="dmaslabsrc"))
    drift = 10 if quick else 60
    found.append(Experiment(
        "pacing-drift", f"{drift} s at 1000 fps without rights: lateness at the end against the start, in frames",
        {"dmaslabsrc": Leg(program("pacing", f"source={slab}", f"seconds={drift}", "unprivileged=1"), warm_up=False)},
        [Limit(f"drift in {drift} s without rights", "drift_frames", "dmaslabsrc", 0, "frames", worst=True),
         Limit(f"frames not delivered in {drift} s without rights", "missed_frames", "dmaslabsrc", None, "frames",
               context=True)],
        rounds=1, quick_rounds=1, needs_element="dmaslabsrc"))

    # Whole pipelines
    caps = "video/x-raw,format=GRAY16_LE,width=64,height=64"
    frames = 40_000 if quick else 200_000

    def dual(source, filter_caps, element, buffers):
        branch = f"t. ! {queue(element, buffers)} ! fakesink name=sink"
        return program("graph", f"frames={frames}", "sinks=2",
                       f"pipeline={source} num-buffers={frames} ! {filter_caps}tee name=t {branch}0 {branch}1")

    ours, test, fake = "dmaslabsrc, slabqueue", "videotestsrc, queue", "fakesrc, queue"
    rated = f"{caps},framerate=1000/1 ! "
    for buffers, (suffix, text, prefix) in itertools.product((8, 200), (
            ("", "", []), ("-undisturbed", ", SCHED_FIFO 1", ["chrt", "-f", "1"]))):
        slabs = 2 * (buffers + 1) + 8
        goal = None if suffix else 2.0
        found.append(Experiment(
            f"dual-path-{buffers}{suffix}", f"source ! tee ! two branches of queue ({buffers} buffers) ! fakesink, 64x64 "
            f"GRAY16_LE, unpaced{text}",
            {ours: Leg(prefix + dual(f"{slab} pattern=prefilled pacing=off slabs={slabs}", rated, "slabqueue", buffers)),
             test: Leg(prefix + dual("videotestsrc pattern=black", rated, "queue", buffers)),
             fake: Leg(prefix + dual("fakesrc sizetype=fixed sizemax=8192 filltype=nothing", "", "queue", buffers))},
            [Ratio(f"dual path, {buffers} buffers{text}", "frames_per_s", ours, [test], goal, "k frames/s",
                   more_is_better=True, scale=1e-3, context=bool(suffix)),
             Ratio(f"dual path, {buffers} buffers{text} (fakesrc: malloc; no pixels, caps or clock)", "frames_per_s",
                   ours, [fake], goal, "k frames/s", more_is_better=True, scale=1e-3, context=bool(suffix)),
             Limit(f"dual path, {buffers} buffers{text}, frames that did not arrive", "missing", ours, 0, "frames",
                   worst=True)],
            needs_root=bool(suffix), needs_element="dmaslabsrc"))
    seconds = 10 if quick else 60
    frames = seconds * 1000
    branch = "slabqueue max-size-buffers=32 rt-priority=70"
    main_job = (f"pipeline=dmaslabsrc name=src backend=test rt-priority=80 on-overrun=burst num-buffers={frames} ! "
                "video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=1000/1 ! tee name=t "
                f"t. ! {branch} ! fakesink name=sink0 sync=false t. ! {branch} ! fakesink name=sink1 sync=false")
    found.append(Experiment(
        "main-job", f"640x480 GRAY16_LE, 1000 fps, {seconds} s, tee, two branches of slabqueue ! fakesink; rt-priority 80 "
        "for the source and 70 for the branches, where that is allowed; on-overrun=burst: a late frame is late, not lost",
        {"job": Leg(program("job", f"frames={frames}", "fps=1000", main_job), warm_up=False,
                    environment={"LD_PRELOAD": os.path.join(programs, "liballoc_count.so")})},
        [Limit("main job, frames dropped", "dropped", "job", 0, "frames", worst=True),
         Limit("main job, bytes copied", "bytes_copied", "job", 0, "bytes", worst=True),
         Limit("main job, heap allocations in our code", "allocations_ours_per_frame", "job", 0, "per frame", worst=True),
         Limit("main job, heap allocations of the whole process", "allocations_all_per_frame", "job", None, "per frame",
               context=True),
         Limit("main job, CPU of the process", "process_cpu_percent", "job", None, "% of a core", context=True)],
        rounds=1, quick_rounds=1, needs_element="dmaslabsrc"))
    seconds = 4 if quick else 20
    large = (f"pipeline=dmaslabsrc name=src backend=test pattern=prefilled rt-priority=80 "
             f"num-buffers={seconds * 120} ! video/x-raw,format=NV12,width=7680,height=4320,framerate=120/1 ! slabqueue ! "
             "fakesink name=sink0 sync=false")
    found.append(Experiment(
        "large-frames", f"7680x4320 NV12 at 120 fps for {seconds} s, pattern=prefilled: no pixels move, only the stamp of "
        "64 bytes is written per frame",
        {"job": Leg(program("job", f"frames={seconds * 120}", "fps=120", large), warm_up=False)},
        [Limit("7680x4320 NV12, 120 fps, no pixels move: frames dropped", "dropped", "job", 0, "frames", worst=True),
         Limit("7680x4320 NV12, 120 fps, no pixels move: CPU of the source's thread", "source_cpu_percent", "job", 5,
               "% of a core")],
        rounds=1, quick_rounds=1, needs_element="dmaslabsrc"))
    return (found + video_experiments(program, quick, scratch) + archive_experiments(programs, quick, scratch)
            + simd_experiments(programs, quick))
