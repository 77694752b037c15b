#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recordings of uringarchive, read by numpy and the specification alone."""
import contextlib
import glob
import json
import os
import random
import sys
import tempfile

from launch import expect_conservation, launch, main, tests_of

try:
    import gi
    import numpy as np

    gi.require_version("Gst", "1.0")
    gi.require_version("GstVideo", "1.0")
    from gi.repository import Gst, GstVideo
except (ImportError, ValueError) as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(77)

BLOCK = 4096
INDEX = np.dtype([("sequence", "<u8"), ("pts", "<i8"), ("capture", "<i8"), ("utc", "<i8"), ("hash", "<u8"),
                  ("device", "<u8"), ("block", "<u4"), ("length", "<u4"), ("drops_before", "<u4"), ("epoch", "<u2"),
                  ("flags", "<u2")])
FORMATS = ["GRAY8", "GRAY16_LE", "GRAY16_BE", "RGB", "BGR", "RGBx", "BGRA", "ARGB64", "RGB16", "r210", "v210", "YUY2",
           "UYVY", "Y210", "Y412_LE", "NV12", "NV21", "NV16", "P010_10LE", "I420", "YV12", "Y42B", "Y444", "GBR_10LE",
           "A420", "GRAY10_LE32", "RGB8P", "NV12_64Z32"]
SIZES = [(37, 23), (64, 64), (320, 475)]  # neither rows nor frames are whole blocks; frames are; rows cost 2 %
CAMERA = "dmaslabsrc backend=test pacing=off ! video/x-raw,format=GRAY16_LE,width={0},height={1},framerate=1000/1"


class Recording:
    """As the specification says, with numpy for the files."""

    def __init__(self, path):
        self.path = path
        with open(os.path.join(path, "manifest.json"), encoding="utf-8") as file:
            self.manifest = json.load(file)
        self.indexes = [np.load(os.path.join(path, segment["index_file"])) for segment in self.manifest["segments"]]
        self.index = np.concatenate(self.indexes) if self.indexes else np.empty(0, INDEX)
        self.losses = np.load(os.path.join(path, "losses.npy"))
        assert all(index.dtype == INDEX for index in self.indexes)

    def bytes_of_frames(self):
        frames = []
        for segment, index in zip(self.manifest["segments"], self.indexes):
            data = np.fromfile(os.path.join(self.path, segment["frames_file"]), np.uint8)
            for record in index:
                begin = (int(record["block"]) + 1) * BLOCK
                frames.append(data[begin : begin + int(record["length"])])
        return frames

    def pictures(self, segment=0):
        """What the line in the manifest shows."""
        entry = self.manifest["segments"][segment]
        line = self.manifest["series"][entry["series"]]["numpy"].replace("frames-000000.npy", entry["frames_file"])
        with working_in(self.path):
            return eval(line, {"np": np})  # pylint: disable=eval-used

    def expect_closed(self):
        assert self.manifest["state"] == "closed", self.manifest["state"]
        assert sum(segment["frames"] for segment in self.manifest["segments"]) == len(self.index)
        assert self.manifest["losses"] == len(self.losses)
        assert (np.diff(self.index["sequence"].astype(np.int64)) > 0).all()
        return self


@contextlib.contextmanager
def working_in(path):
    before = os.getcwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


def record(caps, frames, path, properties=""):
    """Pushes these bytes, one frame each."""
    pipeline = Gst.parse_launch(f"appsrc name=src format=time ! uringarchive segment-bytes=4194304 "
                                f"location={path} {properties}")
    source = pipeline.get_by_name("src")
    source.set_property("caps", Gst.Caps.from_string(caps))
    pipeline.set_state(Gst.State.PLAYING)
    for number, frame in enumerate(frames):
        buffer = Gst.Buffer.new_wrapped(frame)
        buffer.pts = number * Gst.MSECOND
        source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    end = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    assert end is not None, "no end"
    assert end.type == Gst.MessageType.EOS, end.parse_error()
    pipeline.set_state(Gst.State.NULL)
    return Recording(path).expect_closed()


def expect_frames(recording, frames):
    stored = recording.bytes_of_frames()
    assert len(stored) == len(frames)
    for number, (got, wanted) in enumerate(zip(stored, frames)):
        assert got.tobytes() == wanted, f"frame {number} differs"


def test_every_format_and_layout_and_odd_size_comes_back_bit_by_bit():
    chance = random.Random(1)
    layouts_seen = set()
    for name in FORMATS:
        for width, height in SIZES:
            info = GstVideo.VideoInfo.new()
            info.set_format(GstVideo.VideoFormat.from_string(name), width, height)
            frames = [chance.randbytes(info.size) for _ in range(3)]
            caps = f"video/x-raw,format={name},width={width},height={height},framerate=30/1"
            for layout in ("auto", "record", "blob"):
                with tempfile.TemporaryDirectory() as directory:
                    recording = record(caps, frames, os.path.join(directory, "rec"), f"layout={layout}")
                    expect_frames(recording, frames)
                    series = recording.manifest["series"][0]
                    layouts_seen.add(series["layout"])
                    if series["layout"] != "blob":
                        shown = recording.pictures()
                        assert shown.shape[0] == 3, (name, shown.shape)
                        assert shown.dtype.str == series["dtype"], (name, shown.dtype)
                        assert list(shown.shape[1:]) == (series["crop"] or series["shape"]), (name, shown.shape)
    assert layouts_seen == {"plain", "rows", "record", "blob"}, layouts_seen


def rows_of(frame, info, plane, dtype, items):
    """Height x width (x items) of a plane, cut out of the frame with GStreamer's own offsets and strides."""
    rows = np.frombuffer(frame, np.uint8)[info.offset[plane] :][: info.stride[plane] * info.height]
    rows = rows.reshape(info.height, info.stride[plane])[:, : info.width * items * np.dtype(dtype).itemsize]
    pixels = np.ascontiguousarray(rows).view(dtype)
    return pixels.reshape(info.height, info.width, items) if items > 1 else pixels


def test_numpy_sees_the_picture_without_its_padding():
    chance = random.Random(2)
    for name, dtype, items in (("GRAY8", "|u1", 1), ("GRAY16_LE", "<u2", 1), ("GRAY16_BE", ">u2", 1), ("BGRx", "|u1", 4),
                               ("ARGB64", "<u2", 4), ("RGB16", "<u2", 1), ("r210", ">u4", 1)):
        for width, height in SIZES:
            info = GstVideo.VideoInfo.new()
            info.set_format(GstVideo.VideoFormat.from_string(name), width, height)
            frames = [chance.randbytes(info.size) for _ in range(2)]
            with tempfile.TemporaryDirectory() as directory:
                recording = record(f"video/x-raw,format={name},width={width},height={height},framerate=30/1", frames,
                                   os.path.join(directory, "rec"))
                shown = recording.pictures()
                for number, frame in enumerate(frames):
                    if name == "r210" and width == 37:
                        continue  # its rows are padded to 256 bytes: seen as rows of bytes
                    assert (shown[number] == rows_of(frame, info, 0, dtype, items)).all(), (name, width)


def test_arrays_and_bayer_and_packed_mono_and_encoded_frames():
    chance = random.Random(3)
    with tempfile.TemporaryDirectory() as directory:
        cases = {
            'application/x-ndarray,dtype=(string)"<f4",shape=(string)"5,7"': (140, (5, 7), "<f4"),
            'application/x-ndarray,dtype=(string)"<c16",shape=(string)"16,4,4"': (4096, (16, 4, 4), "<c16"),
            "video/x-bayer,format=rggb,width=37,height=23,framerate=30/1": (40 * 23, (23, 37), "|u1"),
            "video/x-bayer,format=rggb12le,width=37,height=23,framerate=30/1": (76 * 23, (23, 37), "<u2"),
            "video/x-mono-packed,format=mono12p,width=37,height=23,framerate=30/1": (56 * 23, (23, 56), "|u1"),
        }
        for number, (caps, (size, shape, dtype)) in enumerate(cases.items()):
            frames = [chance.randbytes(size) for _ in range(4)]
            recording = record(caps, frames, os.path.join(directory, f"fixed{number}"))
            expect_frames(recording, frames)
            shown = recording.pictures()
            assert shown.shape == (4, *shape) and shown.dtype.str == dtype, (caps, shown.shape, shown.dtype)
        frames = [chance.randbytes(size) for size in (1, 4095, 4096, 4097, 100000)]
        recording = record("image/jpeg", frames, os.path.join(directory, "jpeg"))
        expect_frames(recording, frames)
        assert list(recording.index["length"]) == [len(frame) for frame in frames]


def test_a_line_as_users_type_it_records_every_fifth_frame():
    with tempfile.TemporaryDirectory() as directory:
        run = launch(CAMERA.format(300, 300).replace("pacing=off", "pacing=off num-buffers=200 slabs=80") +
                     " ! tee name=t  t. ! slabqueue ! fakesink  t. ! slabqueue ! uringarchive name=archive "
                     f"location={directory}/rec every-nth=5 segment-bytes=4194304").expect_success()
        stats = run.stats("archive")
        expect_conservation(stats)
        assert stats["frames-archived"] == 40 and stats["skipped"] == 160, stats
        recording = Recording(f"{directory}/rec").expect_closed()
        assert list(recording.index["sequence"]) == list(range(0, 200, 5))
        assert len(recording.manifest["segments"]) > 1
        for record_, frame in zip(recording.index, recording.bytes_of_frames()):
            assert frame[:8].tobytes() == b"dmaslab1"
            assert frame[8:16].view("<u8")[0] == record_["sequence"]
        assert recording.pictures().shape[1:] == (300, 300)
        assert "dmaslab-recording-closed" in run.output and "np.load" in run.output


def test_interrupted_by_the_user_the_recording_is_closed():
    for options in ("-m", "-m -e"):
        with tempfile.TemporaryDirectory() as directory:
            line = CAMERA.format(64, 64).replace("pacing=off", "num-buffers=100000")
            run = launch(f"gst-launch-1.0 {options} {line} ! "
                         f"uringarchive name=archive location={directory}/rec segment-bytes=4194304",
                         interrupt_after=0.3)
            recording = Recording(f"{directory}/rec").expect_closed()
            assert len(recording.index) > 0
            if "-e" in options:  # otherwise gst-launch-1.0 does not look at the bus any more
                assert run.stats("archive")["frames-archived"] == len(recording.index)
                expect_conservation(run.stats("archive"))


def test_losses_before_the_archive_are_in_its_ledger_and_the_numbers_add_up():
    with tempfile.TemporaryDirectory() as directory:
        line = CAMERA.format(64, 64).replace("pacing=off", "num-buffers=300 max-rate=400/1")
        run = launch(f"{line} ! uringarchive name=archive location={directory}/rec segment-bytes=4194304")
        recording = Recording(f"{directory}/rec").expect_closed()
        sequences = recording.index["sequence"].astype(np.int64)
        missing = sequences[-1] - sequences[0] + 1 - len(sequences)
        inside = recording.losses[recording.losses["first"] > sequences[0]]
        inside = inside[inside["last"] < sequences[-1]]
        assert missing == inside["count"].sum() > 0, (missing, inside)
        losses = inside[inside["kind"] == 0]
        assert losses["count"].sum() == recording.index["drops_before"][1:].sum()
        assert (inside[inside["kind"] == 1]["element"] == b"dmaslabsrc0").all()
        assert run.stats("archive")["gaps"] == recording.losses[recording.losses["kind"] == 0]["count"].sum()


def test_an_existing_recording_is_refused_by_name():
    with tempfile.TemporaryDirectory() as directory:
        line = CAMERA.format(64, 64).replace("pacing=off", "num-buffers=3")
        line = f"{line} ! uringarchive location={directory}/rec segment-bytes=4194304"
        launch(line).expect_success()
        before = {path: os.stat(path).st_mtime_ns for path in glob.glob(f"{directory}/rec/*")}
        run = launch(line)
        assert run.status != 0 and "never overwrites another" in run.output, run.output[-2000:]
        assert before == {path: os.stat(path).st_mtime_ns for path in glob.glob(f"{directory}/rec/*")}


if __name__ == "__main__":
    Gst.init(None)
    main(tests_of(sys.modules[__name__]))
