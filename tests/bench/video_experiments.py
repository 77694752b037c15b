# SPDX-License-Identifier: LGPL-2.1-or-later
"""simdproc in a running job: large pictures at video rates, and how soon a frame is processed."""
import os

from experiment import Experiment, Leg, Limit


def video_experiments(program, quick, scratch):
    found = []
    seconds = 4 if quick else 20
    for size, width, height, fps in (("4K", 3840, 2160, 60), ("4K", 3840, 2160, 120), ("8K", 7680, 4320, 60),
                                     ("8K", 7680, 4320, 120)):
        title = f"{size} NV12 at {fps} fps"
        recording = os.path.join(scratch, f"video-{size}-{fps}-%H%M%S")
        line = (f"pipeline=dmaslabsrc name=src backend=test pattern=prefilled rt-priority=80 num-buffers={seconds * fps} ! "
                f"video/x-raw,format=NV12,width={width},height={height},framerate={fps}/1 ! tee name=t "
                "t. ! slabqueue ! simdproc name=proc statistics=true ! fakesink name=sink0 sync=false "
                f"t. ! slabqueue ! uringarchive location={recording} every-nth=30")
        found.append(Experiment(
            f"video-{size.lower()}-{fps}", f"{width}x{height} NV12, pattern=prefilled, for {seconds} s: statistics of every "
            "frame's brightness, every 30th frame recorded",
            {"job": Leg(program("job", f"frames={seconds * fps}", f"fps={fps}", "latency=1", line), warm_up=False)},
            [Limit(f"{title}: frames dropped", "dropped", "job", 0, "frames", worst=True),
             Limit(f"{title}: bytes copied", "bytes_copied", "job", 0, "bytes", worst=True),
             Limit(f"{title}: CPU of the process", "process_cpu_percent", "job", None, "% of a core", context=True),
             Limit(f"{title}: from the source to its statistics, p50", "arrival_p50_us", "job", None, "µs", context=True),
             Limit(f"{title}: from the source to its statistics, p99", "arrival_p99_us", "job", None, "µs", context=True),
             Limit(f"{title}: of that the measuring itself, p99", "processing_p99_us", "job", None, "µs", context=True)],
            rounds=1, quick_rounds=1, needs_element="simdproc", on_disk=True))
    line = (f"pipeline=dmaslabsrc name=src backend=test pattern=prefilled rt-priority=80 num-buffers={seconds * 1000} ! "
            "video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=1000/1 ! slabqueue ! simdproc name=proc "
            "statistics=true roi-mode=sum roi-width=32 roi-height=32 roi-columns=20 roi-rows=15 ! fakesink name=sink0 sync=false")
    found.append(Experiment(
        "processed-latency", f"640x480 GRAY16_LE at 1000 fps for {seconds} s: from the source's pad through a slabqueue and "
        "simdproc (statistics and 300 rectangles)",
        {"job": Leg(program("job", f"frames={seconds * 1000}", "fps=1000", "latency=1", line), warm_up=False)},
        [Limit("640x480 at 1000 fps: from the source to its results, p50", "arrival_p50_us", "job", None, "µs", context=True),
         Limit("640x480 at 1000 fps: from the source to its results, p99", "arrival_p99_us", "job", None, "µs", context=True),
         Limit("640x480 at 1000 fps: the processing itself, p50", "processing_p50_us", "job", None, "µs", context=True),
         Limit("640x480 at 1000 fps: the processing itself, p99", "processing_p99_us", "job", None, "µs", context=True),
         Limit("640x480 at 1000 fps: frames dropped", "dropped", "job", 0, "frames", worst=True)],
        rounds=1, quick_rounds=1, needs_element="simdproc"))
    return found
