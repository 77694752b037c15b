#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pipelines as users type them, judged by exit status, by what -m prints and by the files they leave.

launch_test.py SPY_LIBRARY
"""
import os
import re
import sys
import tempfile

import launch as gst

try:
    import numpy as np
except ImportError:
    print("skipped: python3-numpy is not installed")
    sys.exit(77)

CAMERA = "dmaslabsrc name=src backend=test "
SIZE = "video/x-raw,format=GRAY16_LE,width=640,height=480,framerate=1000/1"
FRAME = 640 * 480 * 2
SMALL = "video/x-raw,format=GRAY8,width=64,height=48,framerate=1000/1"


def test_main_job_two_seconds():
    run = gst.launch(
        f"{CAMERA} num-buffers=2000 stats-interval=500 ! {SIZE} ! tee name=t "
        "t. ! slabqueue name=processing ! fakesink t. ! slabqueue name=archive ! fakesink"
    ).expect_success()
    source = run.stats("src")
    gst.expect_conservation(source)
    assert source["frames-out"] == 2000 and source["bytes"] == 2000 * FRAME, source
    assert source["bytes-copied"] == 0 and source["stale-handles"] == 0, source
    assert source["sequence"] == source["frames-in"], source
    for name in ("processing", "archive"):
        queue = run.stats(name)
        gst.expect_conservation(queue)
        assert queue["frames-in"] == queue["frames-out"] == 2000, queue
    assert len(re.findall(r"dmaslab-stats", run.output)) > 3, "nothing came while it ran"


def test_main_job_without_a_copy_seen_from_outside():
    few, many = (spied(f"{CAMERA} num-buffers={n} ! {SIZE} ! tee name=t t. ! slabqueue ! fakesink "
                       "t. ! slabqueue leaky=downstream ! fakesink") for n in (50, 500))
    for run, seen in (few, many):
        assert run.stats("src")["bytes-copied"] == 0
        assert seen["frame-calls"] == 0, seen
    # What remains is of the program's start, whatever the number of frames.
    assert many[1]["calls"] - few[1]["calls"] < 50, (few[1], many[1])


def test_copies_are_seen_from_outside_and_counted():
    frame = 640 * 480 * 3 // 2
    run, seen = spied(
        f"{CAMERA} pacing=off num-buffers=50 ! video/x-raw,format=NV12,width=640,height=480 ! tee name=t "
        "t. ! fakesink async=false t. ! videobalance brightness=0.5 ! fakesink async=false", frame)
    assert run.stats("src")["bytes-copied"] == 50 * frame, run.stats("src")
    assert seen["frame-calls"] >= 50, seen


def spied(line, frame=FRAME):
    with tempfile.TemporaryDirectory() as directory:
        report = os.path.join(directory, "report")
        run = gst.launch(line, environment={
            "LD_PRELOAD": SPY, "MEMCPY_SPY_FILE": report, "MEMCPY_SPY_FRAME": str(frame)}).expect_success()
        with open(report, encoding="ascii") as text:
            words = text.read().split()
    return run, {name: int(value) for name, value in zip(words[::2], words[1::2])}


def recording(directory, frames=20):
    """Frames in single files and one file of many, and their bytes in the order they should come."""
    random = np.random.default_rng(1)
    pixels = random.integers(0, 65536, (frames, 48, 64), dtype=np.uint16)
    for i in range(frames - 5):
        np.save(os.path.join(directory, f"frame-{i:03d}.npy"), pixels[i])
    np.save(os.path.join(directory, "frame-999.npy"), pixels[frames - 5:])
    return pixels.tobytes()


def test_files_arrive_as_numpy_wrote_them():
    for pacing in ("pacing=off", "pacing=deadline on-overrun=burst on-starvation=wait"):
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(os.path.join(directory, "in"))
            wanted = recording(os.path.join(directory, "in"))
            run = gst.launch(
                f"dmaslabsrc name=src location={directory}/in {pacing} ! video/x-raw,framerate=500/1 ! "
                f"slabqueue ! filesink buffer-mode=unbuffered location={directory}/out").expect_success()
            gst.expect_conservation(run.stats("src"))
            assert run.stats("src")["frames-out"] == 20, run.stats("src")
            assert run.stats("src")["bytes-copied"] == 0
            with open(f"{directory}/out", "rb") as out:
                assert out.read() == wanted, pacing


def test_files_over_and_over():
    with tempfile.TemporaryDirectory() as directory:
        os.mkdir(os.path.join(directory, "in"))
        wanted = recording(os.path.join(directory, "in"))
        gst.launch(f"dmaslabsrc location={directory}/in/ loop=true num-buffers=50 pacing=off ! "
                   f"filesink buffer-mode=unbuffered location={directory}/out").expect_success()
        with open(f"{directory}/out", "rb") as out:
            assert out.read() == (wanted * 3)[:50 * 48 * 64 * 2]


def test_signed_camera_files_are_gray16():
    with tempfile.TemporaryDirectory() as directory:
        pixels = np.arange(3 * 10 * 16, dtype="<i2").reshape(3, 10, 16)
        np.save(f"{directory}/stack.npy", pixels)
        gst.launch(f"dmaslabsrc location={directory}/stack.npy pacing=off ! video/x-raw,format=GRAY16_LE ! "
                   f"filesink buffer-mode=unbuffered location={directory}/out").expect_success()
        with open(f"{directory}/out", "rb") as out:
            assert out.read() == pixels.tobytes()


def refused(line, *words):
    run = gst.launch(line)
    assert run.status not in (0, "no end") and run.status > 0, f"status {run.status} of: {line}\n{run.output[-2000:]}"
    errors = [text for text in run.output.splitlines() if "ERROR" in text or "error" in text.lower()]
    for word in words:
        assert any(word in text for text in errors), f"{word!r} is not in:\n" + "\n".join(errors)


def test_without_a_camera_the_error_names_the_remedy():
    refused("dmaslabsrc ! fakesink", "backend=test", "location=")


def test_a_location_that_is_not_there():
    refused("dmaslabsrc location=/nowhere/at/all ! fakesink", "/nowhere/at/all")


def test_a_directory_without_frames():
    with tempfile.TemporaryDirectory() as directory:
        refused(f"dmaslabsrc location={directory} ! fakesink", directory)


def test_mixed_sizes_in_a_directory():
    with tempfile.TemporaryDirectory() as directory:
        np.save(f"{directory}/a.npy", np.zeros((48, 64), np.uint16))
        np.save(f"{directory}/b.npy", np.zeros((48, 65), np.uint16))
        refused(f"dmaslabsrc location={directory} ! fakesink", "b.npy")


def test_a_truncated_file():
    with tempfile.TemporaryDirectory() as directory:
        np.save(f"{directory}/a.npy", np.zeros((48, 64), np.uint16))
        os.truncate(f"{directory}/a.npy", 500)
        refused(f"dmaslabsrc location={directory}/a.npy ! fakesink", "a.npy")


def test_caps_that_do_not_fit_the_file():
    with tempfile.TemporaryDirectory() as directory:
        np.save(f"{directory}/a.npy", np.zeros((48, 64), np.uint16))
        refused(f"dmaslabsrc location={directory}/a.npy ! video/x-raw,width=640,height=480 ! fakesink")


def test_deadlines_without_a_rate():
    refused("dmaslabsrc backend=test ! video/x-raw,framerate=0/1 ! fakesink", "framerate", "pacing=off")


def test_more_slabs_than_memory():
    refused("dmaslabsrc backend=test slabs=4000 ! "
            "video/x-raw,format=ARGB64,width=16384,height=16384,framerate=30/1 ! fakesink", "slabs")


def test_a_cpu_that_does_not_exist():
    refused(f"dmaslabsrc backend=test cpu=100000 ! {SMALL} ! fakesink", "100000")
    refused("fakesrc ! slabqueue cpu=100000 ! fakesink", "100000")


def test_a_node_that_does_not_exist():
    refused(f"dmaslabsrc backend=test numa-node=999 ! {SMALL} ! fakesink", "999")


def test_queue_swapped_for_slabqueue_changes_nothing():
    for settings in ("", "max-size-buffers=10", "max-size-buffers=4 max-size-bytes=0 max-size-time=0 silent=true"):
        written = {}
        for queue in ("queue", "slabqueue"):
            with tempfile.TemporaryDirectory() as directory:
                gst.launch(
                    f"videotestsrc num-buffers=100 pattern=ball ! {SMALL} ! tee name=t t. ! {queue} {settings} ! "
                    f"filesink buffer-mode=unbuffered location={directory}/one t. ! {queue} {settings} ! identity ! "
                    f"filesink buffer-mode=unbuffered location={directory}/two").expect_success()
                written[queue] = [open(f"{directory}/{name}", "rb").read() for name in ("one", "two")]
        assert written["queue"] == written["slabqueue"], settings
        assert len(written["queue"][0]) == 100 * 64 * 48


def test_ctrl_c_with_eos_ends_in_order():
    run = gst.launch(f"gst-launch-1.0 -m -e {CAMERA} ! {SMALL} ! tee name=t t. ! slabqueue name=q ! fakesink "
                     "t. ! slabqueue leaky=downstream ! fakesink sync=true", interrupt_after=0.5).expect_success()
    gst.expect_conservation(run.stats("src"))
    gst.expect_conservation(run.stats("q"))
    assert run.stats("q")["frames-in"] == run.stats("src")["frames-out"]


def test_nothing_is_alive_after_pipelines_of_every_kind():
    with tempfile.TemporaryDirectory() as directory:
        recording(directory)
        for line in (
            f"{CAMERA} num-buffers=200 ! {SIZE} ! fakesink",
            f"{CAMERA} num-buffers=200 pacing=off slabs=4 ! {SMALL} ! tee name=t t. ! slabqueue ! fakesink "
            "t. ! slabqueue leaky=downstream max-held=2 ! fakesink",
            f"{CAMERA} num-buffers=200 pacing=off ! {SMALL} ! tee name=t t. ! queue max-size-buffers=2 ! videorate ! "
            "video/x-raw,framerate=300/1 ! fakesink t. ! slabqueue ! fakesink",
            f"dmaslabsrc location={directory} loop=true num-buffers=100 pacing=off ! slabqueue ! fakesink",
            "dmaslabsrc location=/nowhere ! fakesink",
            f"{CAMERA} pacing=off ! {SMALL} ! slabqueue ! identity error-after=20 ! fakesink",
        ):
            run = gst.launch(line, environment={"GST_TRACERS": "leaks", "GST_DEBUG": "GST_TRACER:7"})
            assert run.status in (0, 1, 255), run.status  # the last two: refused, as it should be
            alive = [text for text in run.output.splitlines() if "object-alive, " in text and "build_format" not in text]
            assert not alive, line + "\n" + "\n".join(alive[:20])


if __name__ == "__main__":
    SPY = sys.argv[1]
    gst.main(gst.tests_of(sys.modules[__name__]))
