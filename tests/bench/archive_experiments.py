# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the archive is measured against. All sides write into the scratch directory, one after the other, into fresh files."""

import os
import sys

from experiment import Experiment, Leg, Limit, Ratio

FRAME_BYTES = 640 * 480 * 2
GIB = 1 << 30


def archive_experiments(programs, quick, scratch):
    def bench(*words):
        return [os.path.join(programs, "archive_bench"), f"scratch={scratch}", *words]

    def leg(*words):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "disk_legs.py")
        return [sys.executable, script, "--programs", programs, "--scratch", scratch, *(str(word) for word in words)]

    found = []
    plain, hashed = "uringarchive, no checksum", "uringarchive, xxh3"
    fio, default = "fio io_uring", "filesink"
    unbuffered, many = "filesink unbuffered", "multifilesink"

    # Unpaced: all that the disk takes
    size = (1 if quick else 4) * GIB
    frames = f"frames={size // FRAME_BYTES}"
    found.append(Experiment(
        "archive-write", f"dmaslabsrc pattern=prefilled pacing=off ! X, frames of {FRAME_BYTES} bytes, {size >> 30} GiB a leg, "
        "final sync included; fio: direct=1 fixedbufs registerfiles iodepth=8 fallocate=native end_fsync=1",
        {plain: Leg(bench(frames, "sink=uringarchive checksum=none")),
         hashed: Leg(bench(frames, "sink=uringarchive checksum=xxh3")),
         fio: Leg(leg("fio", "write", size // FRAME_BYTES * FRAME_BYTES)),
         unbuffered: Leg(bench(frames, "sink=filesink buffer-mode=unbuffered", "fsync=1"))},
        [Ratio("archive, throughput, no checksum", "gb_per_s", plain, [fio], 0.90, "GB/s", more_is_better=True, reach=0.98),
         Ratio("archive, throughput, xxh3", "gb_per_s", hashed, [fio], None, "GB/s", more_is_better=True, context=True),
         Ratio("filesink unbuffered + fsync, throughput", "gb_per_s", unbuffered, [fio], None, "GB/s", more_is_better=True,
               context=True),
         Ratio("archive, CPU of the process, no checksum", "cpu_process_s_per_gb", plain, [unbuffered], 0.10, "s/GB"),
         Ratio("archive, CPU of the whole system, no checksum", "cpu_system_s_per_gb", plain, [unbuffered], 0.25, "s/GB"),
         Ratio("archive, CPU of the process, xxh3", "cpu_process_s_per_gb", hashed, [unbuffered], 0.25, "s/GB"),
         Ratio("archive, CPU of the process, no checksum", "cpu_process_s_per_gb", plain, [fio], None, "s/GB", context=True),
         Limit("archive, bytes copied", "bytes_copied", plain, 0, "bytes", worst=True),
         Limit("archive, threads of io_uring at work", "workers", plain, 3, "threads", worst=True)],
        needs_element="uringarchive", on_disk=True))

    # Paced: what is taken without a loss
    seconds, most, probes = (4, 2e9, 4) if quick else (20, 16e9, 5)
    sinks = {
        plain: ["sink=uringarchive checksum=none on-full=drop max-held=HELD"],
        default: ["sink=filesink", "fsync=1"],
        unbuffered: ["sink=filesink buffer-mode=unbuffered", "fsync=1"],
        many: ["sink=multifilesink", "file=%06d.raw", "fsync=1"],
    }
    behind = "between=slabqueue leaky=upstream max-size-buffers=HELD !"
    legs = {name: Leg(leg("rate", seconds, most, probes, *words, *([] if name == plain else [behind])), timeout=900,
                      warm_up=False) for name, words in sinks.items()}
    legs[fio] = Leg(leg("fio", "write", int(most) // 4 // FRAME_BYTES * FRAME_BYTES), warm_up=False)
    title = "highest rate without a loss"
    found.append(Experiment(
        "archive-rate", f"paced by dmaslabsrc; each rate for {seconds} s or {most / 1e9:g} GB, whichever is first, halved "
        f"{probes} times between nothing and 1.2 of fio; frames may wait in memory for 54 ms: in uringarchive, or in a "
        "slabqueue leaky=upstream before the other sinks",
        legs,
        [Ratio(f"archive, {title}", "gb_per_s", plain, [fio], 0.90, "GB/s", more_is_better=True)] +
        [Ratio(f"{peer}, {title}", "gb_per_s", peer, [fio], None, "GB/s", more_is_better=True, context=True)
         for peer in (default, unbuffered, many)],
        rounds=3, quick_rounds=1, needs_root=True, needs_element="uringarchive", on_disk=True))

    # How long the stream is held up
    seconds = 5 if quick else 30
    for rights in (False, True):
        text = ", with rights" if rights else ""
        words = [f"frames={seconds * 1000}", "fps=1000", "dirty=1", "render=1", "watch=0",
                 "source=dmaslabsrc backend=test pattern=prefilled on-overrun=burst" + " rt-priority=80" * rights]
        found.append(Experiment(
            "archive-render" + "-with-rights" * rights, f"the sink's chain function at 1000 fps for {seconds} s beside a process that writes "
            "buffered data as fast as it can to the same file system" +
            "; the source has real-time priority 80, the thread that writes 70" * rights,
            {plain: Leg(bench("sink=uringarchive checksum=none" + " rt-priority=70" * rights, *words), warm_up=False),
             default: Leg(bench("sink=filesink", *words), warm_up=False),
             unbuffered: Leg(bench("sink=filesink buffer-mode=unbuffered", *words), warm_up=False)},
            [Ratio(f"archive, longest render(){text}", "render_max_us", plain, [default], 0.02, "µs"),
             Ratio(f"archive, longest render(){text}", "render_max_us", plain, [unbuffered], None, "µs", context=True),
             Ratio(f"archive, longest render() but the first{text}", "render_later_max_us", plain, [default], None, "µs",
                   context=True),
             Limit(f"archive, render() p99.9{text}", "render_p999_us", plain, 20, "µs"),
             Limit(f"archive, render() p50{text}", "render_p50_us", plain, None, "µs", context=True),
             Limit(f"reading 40 cache lines in turn with it, p99.9{text}", "touch_p999_us", plain, None, "µs", context=True),
             Limit(f"filesink, render() p99.9{text}", "render_p999_us", default, None, "µs", context=True),
             Limit(f"archive, frames lost beside the dirty pages{text}", "dropped", plain, None, "frames", context=True)],
            rounds=3, quick_rounds=1, needs_root=rights, needs_element="uringarchive", on_disk=True))

    # Reading
    frames = 400 if quick else 2000
    found.append(Experiment(
        "archive-numpy", f"np.load(mmap_mode='r') of a recording's frames and of the same array saved by np.save, and a copy "
        f"of its first frame; {frames} frames",
        {side: Leg(leg("numpy", side, frames)) for side in ("recording", "save")},
        [Ratio(f"archive, numpy: {what}, {state}", f"{metric}_{short}_us", "recording", ["save"], 1.2, "µs")
         for what, metric in (("opening", "open"), ("opening and first frame", "first_frame"))
         for state, short in (("in the page cache", "warm"), ("not in the page cache", "cold"))],
        rounds=5, needs_element="uringarchive", on_disk=True))
    found.append(Experiment(
        "archive-replay", f"uringarchivesrc pacing=off ! fakesink, {size >> 30} GiB that are not in the page cache; fio reads "
        "with direct=1 fixedbufs registerfiles iodepth=8",
        {"uringarchivesrc": Leg(leg("replay", size // FRAME_BYTES)),
         fio: Leg(leg("fio", "read", size // FRAME_BYTES * FRAME_BYTES))},
        [Ratio("archive, replay", "gb_per_s", "uringarchivesrc", [fio], 0.95, "GB/s", more_is_better=True),
         Limit("archive, replay, frames that did not come back", "missing", "uringarchivesrc", 0, "frames", worst=True)],
        needs_element="uringarchivesrc", on_disk=True))

    # Counters
    frames = 3000  # less than half a segment: the next one is not being prepared yet
    job = (f"pipeline=dmaslabsrc name=src backend=test pattern=prefilled rt-priority=80 on-overrun=burst num-buffers={frames} "
           "! video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=1000/1 ! uringarchive name=sink0 checksum=none "
           f"location={scratch}/job-%H%M%S")
    found.append(Experiment(
        "archive-counters", f"640x480 GRAY16_LE at 1000 fps, {frames} frames; system calls counted by strace, heap "
        "allocations by a preloaded malloc",
        {"calls": Leg(leg("calls", frames // 2, "sink=uringarchive checksum=none"), warm_up=False),
         "job": Leg([os.path.join(programs, "job_bench"), f"frames={frames}", "fps=1000", job], warm_up=False,
                    environment={"LD_PRELOAD": os.path.join(programs, "liballoc_count.so")})},
        [Limit("archive at 1000 fps, io_uring_enter", "enters", "calls", 0.5, "per frame"),
         Limit("archive at 1000 fps, other system calls but the source's sleep", "others", "calls", 0, "per frame"),
         Limit("archive at 1000 fps, heap allocations in our code", "allocations_ours_per_frame", "job", 0, "per frame",
               worst=True),
         Limit("archive at 1000 fps, heap allocations of the whole process", "allocations_all_per_frame", "job", None,
               "per frame", context=True),
         Limit("archive at 1000 fps, frames dropped", "dropped", "job", 0, "frames", worst=True),
         Limit("archive at 1000 fps, CPU of the process", "process_cpu_percent", "job", None, "% of a core", context=True)],
        rounds=1, quick_rounds=1, needs_root=True, needs_element="uringarchive", on_disk=True))
    return found
