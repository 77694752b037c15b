# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the pixel kernels and whole frames through them are measured against."""

import os

from experiment import Experiment, Leg, Limit, Ratio

SIZES = (("640x480", 640, 480), ("2048x2048", 2048, 2048))


def simd_experiments(programs, quick):
    def leg(*words):
        text = [word for part in words for word in part.split()]
        return Leg([os.path.join(programs, "simd_bench"), *text, f"repetitions={5 if quick else 15}"])

    def named(**legs):
        return {name.replace("_", " "): made for name, made in legs.items()}

    found = []
    bounds = ["memcpy", "streaming copy", "read"]

    # Beyond the last-level cache: what memory gives decides, so each is compared with what memory gave in the same run.
    for size, width, height in SIZES:
        here = f"place=dram width={width} height={height}"
        legs = named(memcpy=leg("what=memcpy", here), streaming_copy=leg("what=ntcopy", here),
                     read=leg("what=read", here), statistics=leg("what=statistics", here),
                     calibrate=leg("what=calibrate tables=turn", here), threshold=leg("what=threshold", here),
                     window=leg("what=window store=streaming", here), bin2=leg("what=bin2 store=streaming", here),
                     mono12p=leg("what=mono12p store=streaming", here))

        def against_memcpy(title, name, goal, metric="gb_per_s", size=size):
            return Ratio(f"{title}, {size} beyond the caches, against memcpy", metric, name, ["memcpy"], goal, "GB/s",
                         more_is_better=True, context=goal is None)

        def of_bound(title, name, size=size):
            return Ratio(f"{title}, {size} beyond the caches, bytes moved, of the best bound", "moved_gb_per_s", name, bounds,
                         0.90, "GB/s", more_is_better=True)

        found.append(Experiment(
            f"simd-dram-{width}", f"frames of {size} 16-bit pixels in turn, 1.25 times the last-level cache of input; bytes "
            "of input per second. Bytes moved: 3 for each byte of memcpy, 2 of a streaming copy, 1 of reading and of "
            "statistics, 4 of dark and flat in place with tables that are in turn, too, 2 of threshold in place, 1.5 of the "
            "window and 1.25 of binning (streaming stores), 2.33 of Mono12p",
            legs,
            [against_memcpy("statistics", "statistics", 2.6),
             against_memcpy("dark + flat, tables in turn, bytes moved", "calibrate", 0.70, "moved_gb_per_s"),
             against_memcpy("dark + flat, tables in turn", "calibrate", None),
             against_memcpy("16 bits to 8", "window", 1.8),
             against_memcpy("Mono12p to 16 bits, per packed byte", "mono12p", 1.15),
             of_bound("statistics", "statistics"), of_bound("dark + flat in place", "calibrate"),
             of_bound("threshold in place", "threshold"), of_bound("16 bits to 8", "window"),
             of_bound("bin 2x2", "bin2"), of_bound("Mono12p", "mono12p"),
             Ratio(f"statistics, {size} beyond the caches, against merely reading", "gb_per_s", "statistics", ["read"], None,
                   "GB/s", more_is_better=True, context=True)],
            rounds=5))

    # In the caches: what the kernels compute decides.
    here = "width=640 height=480"
    found.append(Experiment(
        "simd-cache", "one frame of 640x480 16-bit pixels again and again; bytes of input per second",
        named(memcpy=leg("what=memcpy", here), statistics=leg("what=statistics", here),
              calibrate=leg("what=calibrate", here), window=leg("what=window", here), mono12p=leg("what=mono12p", here),
              a_loop=leg("what=mono12p-plain", here), videoconvert=leg("what=videoconvert", here)),
        [Ratio("dark + flat in place, in the caches, against memcpy", "gb_per_s", "calibrate", ["memcpy"], 0.60, "GB/s",
               more_is_better=True),
         Ratio("statistics, in the caches, against memcpy", "gb_per_s", "statistics", ["memcpy"], None, "GB/s",
               more_is_better=True, context=True),
         Ratio("16 bits to 8, in the caches, against memcpy", "gb_per_s", "window", ["memcpy"], None, "GB/s",
               more_is_better=True, context=True),
         Ratio("16 bits to 8, GRAY16_LE to GRAY8 by GStreamer's converter", "gb_per_s", "window", ["videoconvert"], 5,
               "GB/s", more_is_better=True),
         Ratio("Mono12p to 16 bits, against a loop at -O3", "gb_per_s", "mono12p", ["a loop"], 8, "GB/s",
               more_is_better=True)]))

    # Whole frames
    steps = "dark, flat, bad pixels (0.1 %), statistics, 16 bits to 8"
    for size, width, height in SIZES:
        for packing, goal in (("mono12p", 0.25), ("mono16", None)):
            here = f"width={width} height={height} packing={packing}"
            first = "Mono12p unpacked, " if packing == "mono12p" else ""
            found.append(Experiment(
                f"simd-chain-{packing}-{width}", f"{first}{steps}, one frame of {size} again and again, one thread; OpenCV: a "
                "call per step, gains as float or as 16 bits; a loop where it has no call (unpacking, bad pixels)",
                {"FrameProcessor": leg("what=chain", here), "OpenCV, float": leg("what=opencv-chain gain=float", here),
                 "OpenCV, integers": leg("what=opencv-chain gain=integer", here)},
                [Ratio(f"{packing}, {size}, {steps}", "us_per_frame", "FrameProcessor", ["OpenCV, float", "OpenCV, integers"],
                       goal, "µs", context=goal is None)],
                rounds=5))
        here = f"width={width} height={height}"
        found.append(Experiment(
            f"simd-threads-{width}", f"Mono12p, {steps}, one frame of {size} again and again",
            {"1 thread": leg("what=chain threads=1", here), "2 threads": leg("what=chain threads=2", here)},
            [Ratio(f"two threads, {size}, throughput", "kfps", "2 threads", ["1 thread"], 1.85, "k frames/s",
                   more_is_better=True),
             Ratio(f"two threads, {size}, time of a frame", "us_per_frame", "2 threads", ["1 thread"], 0.55, "µs")],
            rounds=5))

    # Grids
    here = "width=300 height=300"
    plain = ["g++ -O3", "g++ -O3 -march=native", "clang++ -O3", "clang++ -O3 -march=native"]
    loops = dict(zip(plain, ("gcc", "gcc-native", "clang", "clang-native")))
    found.append(Experiment(
        "simd-roi", "sums of 400 squares of 10x10 pixels in a picture of 300x300, one thread, in the caches; the plain loops "
        "know the size 10 when they are compiled",
        {"kernel": leg("what=roi-sums", here), "with occupancy": leg("what=roi-occupancy", here),
         "read": leg("what=roi-read", here),
         **{name: leg(f"what=roi-plain loop={loop}", here) for name, loop in loops.items()}},
        [Ratio("400 sums of 10x10, kernel, against the best plain loop", "kfps", "kernel", plain, 2.5, "k frames/s",
               more_is_better=True),
         Ratio("400 sums of 10x10 and occupancy, FrameProcessor, against the best plain loop", "kfps", "with occupancy",
               plain, 2.5, "k frames/s", more_is_better=True),
         Ratio("400 sums of 10x10, kernel, against reading the bytes with AVX2", "kfps", "kernel", ["read"], 0.7,
               "k frames/s", more_is_better=True),
         Ratio("400 sums of 10x10 and occupancy, FrameProcessor, against reading the bytes with AVX2", "kfps",
               "with occupancy", ["read"], 0.7, "k frames/s", more_is_better=True),
         Limit("400 sums of 10x10 and occupancy, time of a frame: 200000 frames/s", "us_per_frame", "with occupancy", 5, "µs")]))
    here = "place=dram width=128 height=128 side=8 columns=16 rows=16 x=0 y=0"
    found.append(Experiment(
        "simd-centroid", "centres of gravity of 16x16 squares of 8x8 pixels, frames in turn beyond the caches",
        {"moments": leg("what=roi-moments", here), "FrameProcessor": leg("what=roi-centroid", here),
         "memcpy": leg("what=memcpy", here)},
        [Ratio("moments of 256 squares of 8x8, kernel, against memcpy of the frames", "kfps", "moments", ["memcpy"], 1.0,
               "k frames/s", more_is_better=True),
         Ratio("centres of 256 squares of 8x8, FrameProcessor, against memcpy of the frames", "kfps", "FrameProcessor",
               ["memcpy"], 1.0, "k frames/s", more_is_better=True)],
        rounds=5))

    # The element
    found.append(Experiment(
        "simd-element", "dmaslabsrc pacing=off ! [simdproc statistics=true !] fakesink, 300x300, least time per frame of many "
        "runs with the element minus without it minus the kernel alone",
        {"simdproc": Leg([os.path.join(programs, "simd_bench"), "what=element", "width=300", "height=300",
                          f"repetitions={5 if quick else 10}"], warm_up=False)},
        [Limit("simdproc around the kernel, 300x300", "overhead_us", "simdproc", 1, "µs"),
         Limit("simdproc statistics=true, the kernel alone, 300x300", "kernel_us", "simdproc", None, "µs", context=True)],
        rounds=5, needs_element="simdproc"))
    return found
