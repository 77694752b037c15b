#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Results of simdproc as Python users take them, against numpy on the pictures recorded beside them.

Run from the root of the build directory, as meson does.
"""
import ast
import json
import os
import subprocess
import sys
import tempfile

from launch import Skip, main, tests_of

try:
    import gi
    import numpy as np

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
except (ImportError, ValueError) as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(77)

WIDTH, HEIGHT, FRAMES = 96, 70, 40
GRID = {"roi-x": 3, "roi-y": 5, "roi-width": 9, "roi-height": 6, "roi-columns": 10, "roi-rows": 10}
MEASURES = "statistics=true histogram=true motion=200 " + " ".join(f"{key}={value}" for key, value in GRID.items())
SINK = "appsink sync=false wait-on-eos=false"
ARCHIVE = "uringarchive segment-bytes=4194304"


def pictures(seed):
    return np.random.default_rng(seed).integers(0, 4096, (FRAMES, HEIGHT, WIDTH), dtype=np.uint16)


def samples_of(sink):
    samples = []
    while (sample := sink.emit("try-pull-sample", 0)) is not None:
        samples.append(sample)
    return samples


def run(line, frames, collect=()):
    """Pushes the frames; gives the samples of each sink in `collect`."""
    pipeline = Gst.parse_launch(f"appsrc name=src format=time ! {line}")
    source = pipeline.get_by_name("src")
    source.set_property("caps", Gst.Caps.from_string(
        f"video/x-raw,format=GRAY16_LE,width={frames.shape[2]},height={frames.shape[1]},framerate=100/1,"
        "significant-bits=12"))
    pipeline.set_state(Gst.State.PLAYING)
    try:
        for number, frame in enumerate(frames):
            buffer = Gst.Buffer.new_wrapped(frame.tobytes())
            buffer.offset, buffer.offset_end = number, number + 1
            buffer.pts, buffer.duration = number * 10 * Gst.MSECOND, 10 * Gst.MSECOND
            source.emit("push-buffer", buffer)
        source.emit("end-of-stream")
        end = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
        assert end is not None, "no end"
        assert end.type == Gst.MessageType.EOS, end.parse_error()
        return [samples_of(pipeline.get_by_name(name)) for name in collect]
    finally:
        pipeline.set_state(Gst.State.NULL)


def records_of(samples):
    records = []
    for sample in samples:
        dtype = np.dtype(ast.literal_eval(sample.get_caps().get_structure(0)["fields"]))
        buffer = sample.get_buffer()
        data = buffer.extract_dup(0, buffer.get_size())
        assert dtype.itemsize == len(data), (dtype.itemsize, len(data))
        record = np.frombuffer(data, dtype)[0]
        assert record["sequence"] == buffer.offset and record["pts"] == buffer.pts
        records.append(record)
    return np.array(records)


def expect_results(records, frames):
    flat = frames.reshape(len(frames), -1)
    assert list(records["sequence"]) == list(range(len(frames)))
    assert list(records["pts"]) == [number * 10_000_000 for number in range(len(frames))]
    assert (records["min"] == flat.min(axis=1)).all() and (records["max"] == flat.max(axis=1)).all()
    assert np.allclose(records["mean"], flat.mean(axis=1), rtol=1e-12)
    assert np.allclose(records["variance"], flat.astype(float).var(axis=1), rtol=1e-9)
    assert np.allclose(records["brightness"], flat.mean(axis=1) / 4095, rtol=1e-12)
    assert (records["saturated"] == (flat == 4095).sum(axis=1)).all()
    assert (records["histogram"] == [np.histogram(frame, 256, (0, 4096))[0] for frame in flat]).all()
    changed = [0] + [(np.abs(a.astype(int) - b) > 200).sum() for a, b in zip(flat[1:], flat.astype(int))]
    assert (records["changed"] == changed).all()
    part = frames[:, GRID["roi-y"]:, GRID["roi-x"]:][:, :60, :90].astype(np.uint64)
    assert (records["sums"] == part.reshape(-1, 10, 6, 10, 9).sum(axis=(2, 4))).all()


def test_an_appsink_gets_records_that_numpy_reads():
    frames = pictures(1)
    samples, = run(f"simdproc name=p {MEASURES} roi-mode=sum ! fakesink p.results ! {SINK} name=results",
                   frames, ["results"])
    expect_results(records_of(samples), frames)


def test_changing_pixels_does_not_change_what_is_measured_before():
    frames = pictures(2)
    samples, shown = run(f"simdproc name=p {MEASURES} roi-mode=sum window=1000,3000 threads=2 ! "
                         f"{SINK} name=shown p.results ! {SINK} name=results",
                         frames, ["results", "shown"])
    expect_results(records_of(samples), frames)
    for sample, frame in zip(shown, frames):
        assert sample.get_caps().get_structure(0)["format"] == "GRAY8"
        data = sample.get_buffer().extract_dup(0, WIDTH * HEIGHT)
        wanted = (np.clip(frame.astype(float), 1000, 3000) - 1000) * 255 / 2000
        assert np.abs(np.frombuffer(data, np.uint8).reshape(HEIGHT, WIDTH) - wanted).max() <= 1


def test_centroids_are_centres_of_gravity():
    frames = pictures(3)
    samples, = run(f"simdproc name=p {MEASURES} roi-mode=centroid roi-threshold=1000 ! fakesink "
                   f"p.results ! {SINK} name=results", frames, ["results"])
    records = records_of(samples)
    light = frames[:, 5:65, 3:93].astype(float).reshape(-1, 10, 6, 10, 9).swapaxes(2, 3)
    light = np.clip(light - 1000, 0, None)
    total = light.sum(axis=(3, 4))
    assert (records["sums"] == total).all()
    assert np.allclose(records["x"], (light.sum(axis=3) * np.arange(9)).sum(axis=3) / total - 4, atol=1e-4)
    assert np.allclose(records["y"], (light.sum(axis=4) * np.arange(6)).sum(axis=3) / total - 2.5, atol=1e-4)


def recorded(path):
    with open(os.path.join(path, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    assert manifest["state"] == "closed" and len(manifest["segments"]) == 1, manifest["segments"]
    return manifest, np.load(os.path.join(path, "frames-000000.npy"), mmap_mode="r")


def record_both(directory, seed, measures, layout="auto"):
    frames = pictures(seed)
    run(f"tee name=t t. ! queue ! {ARCHIVE} location={directory}/pictures "
        f"t. ! queue ! simdproc name=p {measures} ! fakesink "
        f"p.results ! queue ! {ARCHIVE} layout={layout} location={directory}/results", frames)
    _, shown = recorded(f"{directory}/pictures")
    shown = shown["pixels"] if shown.dtype.names else shown[:, :HEIGHT]
    assert (shown == frames).all()
    return frames


def test_numpy_opens_a_recording_of_results_and_they_are_those_of_the_pictures_beside_it():
    with tempfile.TemporaryDirectory() as directory:
        frames = record_both(directory, 4, f"{MEASURES} roi-mode=occupancy")
        manifest, results = recorded(f"{directory}/results")
        series = manifest["series"][0]
        assert series["layout"] == "record", series
        assert results["pixels"].dtype == np.dtype(ast.literal_eval(series["fields"]))
        expect_results(results["pixels"], frames)
        os.chdir(f"{directory}/results")
        try:
            expect_results(eval(series["numpy"], {"np": np}), frames)  # pylint: disable=eval-used
        finally:
            os.chdir("/")
        index = np.load(f"{directory}/results/index-000000.npy")
        assert (index["sequence"] == results["pixels"]["sequence"]).all()


def test_records_of_whole_blocks_are_stored_as_they_are():
    # 16 bytes of stamps and 510 sums: one block.
    measures = "roi-mode=sum roi-width=3 roi-height=4 roi-columns=30 roi-rows=17"
    with tempfile.TemporaryDirectory() as directory:
        frames = record_both(directory, 5, measures)
        manifest, results = recorded(f"{directory}/results")
        assert manifest["series"][0]["layout"] == "plain", manifest["series"]
        part = frames[:, :68, :90].astype(np.uint64)
        assert (results["sums"] == part.reshape(-1, 17, 4, 30, 3).sum(axis=(2, 4))).all()


def test_recorded_results_come_back_with_their_caps_and_leave_as_one_array():
    with tempfile.TemporaryDirectory() as directory:
        frames = record_both(directory, 6, f"{MEASURES} roi-mode=sum")
        manifest, _ = recorded(f"{directory}/results")
        if Gst.ElementFactory.find("uringarchivesrc") is None:
            raise Skip("this build does not play recordings")
        pipeline = Gst.parse_launch(f"uringarchivesrc location={directory}/results pacing=off ! "
                                    "appsink name=sink sync=false")
        pipeline.set_state(Gst.State.PLAYING)
        sink = pipeline.get_by_name("sink")
        wanted = Gst.Caps.from_string(manifest["series"][0]["caps"])
        records = []
        while (sample := sink.emit("try-pull-sample", 30 * Gst.SECOND)) is not None:
            assert sample.get_caps().is_equal(wanted), sample.get_caps().to_string()
            records.append(records_of([sample])[0])
        pipeline.set_state(Gst.State.NULL)
        expect_results(np.array(records), frames)
        tool = os.path.join(BUILD, "lib/dmaslab/tools/dmaslab-archive")
        if not os.path.exists(tool):
            raise Skip("this build has no dmaslab-archive")
        subprocess.run([tool, "export", f"{directory}/results", f"{directory}/all.npy", "--quiet"],
                       check=True, stdout=subprocess.DEVNULL)
        expect_results(np.load(f"{directory}/all.npy"), frames)
        subprocess.run([tool, "verify", f"{directory}/results"], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    BUILD = os.getcwd()
    Gst.init(None)
    main(tests_of(sys.modules[__name__]))
