#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recordings as docs/archive-format.md specifies them, made by numpy alone.

A second writer beside the library's: what it makes comes from the text of the specification, so reader and
tools are not tested against the mistakes of the writer they share code with.

    recording = RecordingMaker(path, every_nth=5)
    recording.begin_series((240, 320), "<u2")
    recording.add(pixels)                     # sequence and times follow from the frame before
    recording.lose(10, 14, reason="queue")
    recording.split()                         # the next frame begins a segment
    recording.close()                         # or crash(): counts in the headers, state "recording"

    make_recording.py DIRECTORY [KIND]        makes one of samples(): lab, odd, series, crashed, documented
"""
import ctypes
import json
import math
import os
import sys

import numpy as np

BLOCK = 4096
BAD, DISCONT, CORRUPTED, DELTA, CODEC_HEADER, UNHASHED = 1, 2, 4, 8, 16, 32
NO_DEVICE = 2**64 - 1
INDEX = np.dtype([
    ("sequence", "<u8"), ("pts", "<i8"), ("capture", "<i8"), ("utc", "<i8"), ("hash", "<u8"), ("device", "<u8"),
    ("block", "<u4"), ("length", "<u4"), ("drops_before", "<u4"), ("epoch", "<u2"), ("flags", "<u2")])
LOSSES = np.dtype([
    ("first", "<u8"), ("last", "<u8"), ("count", "<u8"), ("time", "<i8"), ("utc", "<i8"), ("series", "<u4"),
    ("kind", "<u4"), ("reason", "|S16"), ("element", "|S64")])
CREATED_NS = 1795683600_000000000  # 2026-11-26T09:00:00Z
PERIOD_NS = 1_000_000


def xxh3(data):
    """XXH3-64 from the C library, whose header the project builds with."""
    if not hasattr(xxh3, "function"):
        xxh3.function = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
        xxh3.function.restype = ctypes.c_uint64
        xxh3.function.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        assert xxh3(b"") == 0x2D06800538D394C2, "this libxxhash has another XXH3"
    return xxh3.function(bytes(data), len(data))


def round_up(size, step=BLOCK):
    return -(-size // step) * step


def file_header(descr, shape):
    """The block in front of the records: a first axis of 20 places, everything within 512 bytes."""
    axes = f"{shape[0]:>20}," + ",".join(f" {axis}" for axis in shape[1:])
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': ({axes}), }}"
    assert 10 + len(text) <= 512, descr
    return b"\x93NUMPY\x01\x00" + (BLOCK - 10).to_bytes(2, "little") + text.encode().ljust(BLOCK - 11) + b"\n"


def structured(dtype):
    return repr(dtype.descr)


class Series:
    """What the frames of one format look like, and how they are stored."""

    def __init__(self, shape, dtype, crop, layout, caps, planes):
        self.dtype = np.dtype(dtype)
        self.dtype_text = self.dtype.str
        self.shape = list(shape or [])
        self.crop = list(crop) if crop else None
        self.frame_bytes = math.prod(self.shape) * self.dtype.itemsize if shape else 0
        self.caps = caps or self.caps_text()
        self.planes = planes if planes is not None else self.one_plane()
        self.file_shape, self.file_crop = self.shape, self.crop
        self.layout = self.choose() if layout == "auto" else layout
        getattr(self, "lay_" + self.layout)()

    def caps_text(self):
        if not self.shape:
            return "image/jpeg, width=(int)64, height=(int)48, framerate=(fraction)1000/1"
        size = self.crop or self.shape
        formats = {"|u1": "GRAY8", "<u2": "GRAY16_LE", ">u2": "GRAY16_BE"}
        if len(size) == 3 and size[2] == 3 and self.dtype_text == "|u1":
            name = "RGB"
        elif len(size) == 2 and self.dtype_text in formats:
            name = formats[self.dtype_text]
        else:
            shape = ",".join(map(str, size))
            return (f'application/x-ndarray, dtype=(string)"{self.dtype_text}", shape=(string)"{shape}", '
                    "framerate=(fraction)1000/1")
        return (f"video/x-raw, format=(string){name}, width=(int){size[1]}, height=(int){size[0]}, "
                "framerate=(fraction)1000/1")

    def one_plane(self):
        if len(self.shape) < 2 or not self.caps.startswith("video/"):
            return []
        size = self.crop or self.shape
        return [{"offset": 0, "row_bytes": math.prod(size[1:]) * self.dtype.itemsize,
                 "stride": math.prod(self.shape[1:]) * self.dtype.itemsize, "rows": size[0]}]

    def filled_rows(self):
        row = self.frame_bytes // self.shape[0]
        return round_up(self.shape[0], BLOCK // math.gcd(row, BLOCK))

    def choose(self):
        if not self.shape:
            return "blob"
        if self.frame_bytes % BLOCK == 0:
            return "plain"
        added = self.filled_rows() - self.shape[0] if len(self.shape) > 1 else None
        return "rows" if added is not None and added * 50 <= self.shape[0] else "record"

    def lay_plain(self):
        self.record_bytes, self.descr = self.frame_bytes, repr(self.dtype_text)
        self.reason = f"a frame is {self.blocks()}: nothing to add"

    def blocks(self):
        count = self.record_bytes // BLOCK
        return f"{count} block{'s' if count > 1 else ''} of {BLOCK} bytes"

    def lay_rows(self):
        self.file_shape, self.file_crop = [self.filled_rows(), *self.shape[1:]], self.crop or self.shape
        self.record_bytes = self.frame_bytes // self.shape[0] * self.file_shape[0]
        added = self.file_shape[0] - self.shape[0]
        self.reason, self.descr = f"{added} rows below the picture make it {self.blocks()}", repr(self.dtype_text)

    def lay_record(self):
        self.record_bytes = round_up(self.frame_bytes)
        self.reason = f"a pad of {self.record_bytes - self.frame_bytes} bytes makes a frame {self.blocks()}"
        fields = [("pixels", self.dtype_text, tuple(self.shape))]
        if self.record_bytes > self.frame_bytes:
            fields.append(("", f"|V{self.record_bytes - self.frame_bytes}"))
        self.descr = repr(fields)

    def lay_blob(self):
        self.record_bytes, self.reason, self.descr = 0, "frames have different lengths", "'|u1'"
        self.file_shape, self.file_crop = [], None

    def header(self, count):
        inner = self.file_shape if self.layout in ("plain", "rows") else []
        return file_header(self.descr, [count, *inner])

    def numpy(self, file):
        text = f"np.load({file!r}, mmap_mode='r')" + ("['pixels']" if self.layout == "record" else "")
        if self.file_crop and self.file_crop != self.file_shape:
            axes = [":" if cut == all_of else f":{cut}" for cut, all_of in zip(self.file_crop, self.file_shape)]
            text += "[:, " + ", ".join(axes) + "]"
        return text

    def manifest(self, first_file):
        return {
            "caps": self.caps, "layout": self.layout, "layout_reason": self.reason, "dtype": self.dtype_text,
            "shape": self.shape, "crop": self.crop, "frame_bytes": self.frame_bytes,
            "record_bytes": self.record_bytes, "file_shape": self.file_shape, "file_crop": self.file_crop,
            "descr": self.descr, "planes": self.planes, "numpy": self.numpy(first_file)}


class Segment:
    def __init__(self, number, series):
        self.number, self.series = number, series
        self.frames, self.records = [], []  # bytes as stored; index records
        self.next_block = 0

    @property
    def names(self):
        return f"frames-{self.number:06}.npy", f"index-{self.number:06}.npy"


class RecordingMaker:
    def __init__(self, path, *, every_nth=1, nth_phase=0, hashed=True, first_segment=0, seed=1, **manifest):
        self.path = path
        self.every_nth, self.nth_phase, self.hashed = every_nth, nth_phase, hashed
        self.random = np.random.default_rng(seed)
        self.series, self.segments, self.losses = [], [], []
        self.first_segment = first_segment
        self.frames = []  # (sequence, pixels as given), in order; bad ones as well
        self.more = manifest  # keys of the manifest that replace or join the usual ones
        self.sequence = None
        self.wants_segment = True

    def begin_series(self, shape, dtype="<u2", *, crop=None, layout="auto", caps=None, planes=None):
        """`shape` None: frames of different lengths, added as bytes."""
        self.series.append(Series(shape, dtype, crop, layout, caps, planes))
        self.wants_segment = True
        return self.series[-1]

    def split(self):
        self.wants_segment = True

    def random_pixels(self):
        """One frame of the current series, its padding filled as well."""
        series = self.series[-1]
        if not series.shape:
            return self.random.bytes(int(self.random.integers(1, 10000)))
        size = series.frame_bytes
        return np.frombuffer(self.random.bytes(size), series.dtype).reshape(series.shape)

    def add(self, pixels=None, sequence=None, *, flags=0, **fields):
        if pixels is None:
            pixels = self.random_pixels()
        if sequence is None:
            sequence = self.nth_phase if self.sequence is None else self.sequence + self.every_nth
        if self.wants_segment:
            self.segments.append(Segment(self.first_segment + len(self.segments), len(self.series) - 1))
            self.wants_segment = False
        segment, series = self.segments[-1], self.series[-1]
        data = pixels if isinstance(pixels, bytes) else np.ascontiguousarray(pixels, series.dtype).tobytes()
        assert not series.shape or len(data) == series.frame_bytes, (len(data), series.shape)
        pad = (series.record_bytes or round_up(len(data))) - len(data)
        skipped = 0 if self.sequence is None else (sequence - self.sequence) // self.every_nth - 1
        record = np.zeros((), INDEX)
        since_start = sequence * PERIOD_NS
        record["sequence"], record["device"] = sequence, sequence + 1000
        record["pts"], record["capture"], record["utc"] = since_start, since_start + 77, since_start + CREATED_NS
        record["block"], record["length"] = segment.next_block, len(data)
        record["drops_before"] = skipped
        flags |= DISCONT if skipped else 0
        if self.hashed and not flags & (BAD | UNHASHED):
            record["hash"] = xxh3(data)
        elif not flags & BAD:
            flags |= UNHASHED
        record["flags"] = flags
        for name, value in fields.items():
            record[name] = value
        # What a pad holds is not specified: nothing may depend on zeros.
        segment.frames.append(data + b"\xa5" * pad)
        segment.records.append(record)
        segment.next_block += (len(data) + pad) // BLOCK
        self.frames.append((sequence, pixels))
        self.sequence = sequence

    def add_bad(self, reason="io-error", **fields):
        """A frame that could not be written: flagged, and a loss of the archive."""
        self.add(flags=BAD, **fields)
        self.lose(self.sequence, self.sequence, reason=reason, element="uringarchive0")

    def lose(self, first, last, count=None, *, reason="queue", element="queue0", kind=0, time=None, series=None):
        self.losses.append((
            first, last, last - first + 1 if count is None else count, first * PERIOD_NS if time is None else time,
            CREATED_NS + first * PERIOD_NS, len(self.series) - 1 if series is None else series, kind,
            reason.encode(), element.encode()))

    def good_pixels(self):
        """{sequence: picture without padding} of the frames that are not bad."""
        found, frames = {}, iter(self.frames)
        for segment in self.segments:
            crop = self.series[segment.series].crop
            for record, (sequence, pixels) in zip(segment.records, frames):
                if not record["flags"] & BAD:
                    found[sequence] = pixels[tuple(slice(0, n) for n in crop)] if crop else pixels
        return found

    def close(self, state="closed"):
        for segment in self.segments:
            self.write_segment(segment, len(segment.frames), len(segment.frames))
        self.write_losses()
        self.write_manifest(state, open_last=False)
        return self

    def crash(self, uncounted=0, index_ahead=0, spare=8):
        """Leaves the last segment open: `uncounted` of its frames are behind the counts of its headers, of
        which the index counts `index_ahead`; `spare` records are preallocated and never written."""
        for segment in self.segments[:-1]:
            self.write_segment(segment, len(segment.frames), len(segment.frames))
        counted = len(self.segments[-1].frames) - uncounted
        self.write_segment(self.segments[-1], counted, counted + index_ahead, spare)
        self.write_losses()
        self.write_manifest("recording", open_last=True)
        return self

    def write_segment(self, segment, counted, index_counted, spare=0):
        os.makedirs(self.path, exist_ok=True)
        series = self.series[segment.series]
        frames, index = (os.path.join(self.path, name) for name in segment.names)
        count = counted
        if series.layout == "blob":
            count = sum(len(data) for data in segment.frames[:counted])
        with open(frames, "wb") as file:
            file.write(series.header(count))
            file.writelines(segment.frames)
            file.write(bytes(spare * (series.record_bytes or BLOCK)))
        with open(index, "wb") as file:
            file.write(file_header(structured(INDEX), [index_counted]))
            file.write(b"".join(record.tobytes() for record in segment.records) + bytes(spare * INDEX.itemsize))

    def write_losses(self):
        with open(os.path.join(self.path, "losses.npy"), "wb") as file:
            file.write(file_header(structured(LOSSES), [len(self.losses)]))
            file.write(np.array(self.losses, LOSSES).tobytes())

    def segment_entry(self, segment, is_open):
        frames, index = segment.names
        sequences = [int(record["sequence"]) for record in segment.records]
        entry = {"number": segment.number, "series": segment.series, "state": "open" if is_open else "closed",
                 "frames_file": frames, "index_file": index}
        closed = {"frames": len(sequences), "bad": sum(bool(r["flags"] & BAD) for r in segment.records),
                  "bytes": BLOCK + sum(map(len, segment.frames)),
                  "first_sequence": min(sequences, default=None), "last_sequence": max(sequences, default=None)}
        return {**entry, **(dict.fromkeys(closed) if is_open else closed)}

    def write_manifest(self, state, open_last):
        last = self.segments[-1] if self.segments else None
        first_of = {}
        for segment in self.segments:
            first_of.setdefault(segment.series, segment.names[0])
        manifest = {
            "format": "dmaslab-recording", "version": 1, "state": state,
            "id": f"{int.from_bytes(self.random.bytes(16), 'big'):032x}", "software": "make_recording",
            "host": "lab", "device": "", "created": "2026-11-26T09:00:00.000000000Z", "created_ns": CREATED_NS,
            "closed": "2026-11-26T09:00:10.000000000Z" if state != "recording" else None,
            "clocks": {"pts": "stream", "capture": "CLOCK_MONOTONIC", "utc": "CLOCK_REALTIME"},
            "every_nth": self.every_nth, "nth_phase": self.nth_phase,
            "checksum": "xxh3-64" if self.hashed else "none", "metadata": {}, "tags": {},
            "series": [s.manifest(first_of.get(i, "frames-000000.npy")) for i, s in enumerate(self.series)],
            "segments": [self.segment_entry(s, open_last and s is last) for s in self.segments],
            "losses": len(self.losses) if state != "recording" else None, **self.more}
        with open(os.path.join(self.path, "manifest.json"), "w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=2)


def sample_lab(path):
    """Every 5th of 640x480 in 16 bit, two segments, losses of several kinds, one frame bad."""
    recording = RecordingMaker(path, every_nth=5, device="/dev/video0",
                               metadata={"experiment": "mot-7", "laser_mw": 12.5})
    recording.begin_series((480, 640))
    for sequence in range(0, 200, 5):
        if sequence == 100:
            recording.split()
        if sequence in (40, 45, 50):
            continue
        if sequence == 150:
            recording.add_bad(sequence=150)
            continue
        recording.add(sequence=sequence)
        if sequence == 35:
            recording.lose(38, 50, reason="starved", element="camera")
        elif sequence == 160:
            recording.lose(161, 162, reason="queue", element="slabqueue0")
    return recording.close()


def sample_odd(path):
    """Padded rows, so that layout, shape and crop differ; unhashed."""
    recording = RecordingMaker(path, hashed=False)
    recording.begin_series((48, 68), "|u1", crop=(48, 66))
    for _ in range(20):
        recording.add()
    return recording.close()


def sample_series(path):
    """The format changes twice: record, rows, and encoded frames in a blob."""
    recording = RecordingMaker(path)
    recording.begin_series((30, 50))
    for _ in range(10):
        recording.add()
    recording.begin_series((255, 320), "|u1")
    for _ in range(10):
        recording.add()
    recording.begin_series(None, "|u1")
    for _ in range(10):
        recording.add()
    return recording.close()


def sample_crashed(path):
    """The writer died with 3 frames behind its counts, of which the index counts 1."""
    recording = RecordingMaker(path)
    recording.begin_series((64, 64))
    for number in range(30):
        if number == 16:
            recording.split()
        recording.add()
    return recording.crash(uncounted=3, index_ahead=1)


def sample_documented(path):
    """What docs/tools/dmaslab-archive.md shows: two seconds at 1 kfps, every 5th frame, with gaps."""
    recording = RecordingMaker(path, every_nth=5, device="/dev/video0", software="dmaslab 0.1.0", host="lab3",
                               metadata={"experiment": "mot-7"})
    recording.begin_series((64, 64))
    for sequence in range(0, 2000, 5):
        if sequence == 1000:
            recording.split()
        if sequence == 640:
            recording.lose(637, 702, reason="starved", element="dmaslabsrc0")
        elif sequence == 1510:
            recording.lose(1510, 1510, reason="full", element="uringarchive0")
        if 640 <= sequence <= 700 or sequence == 1510:
            continue
        # Not random: the document shows hashes, and numpy may change its generators.
        pixels = (np.arange(64 * 64).reshape(64, 64) + sequence).astype("<u2")
        if sequence == 1200:
            recording.add_bad(pixels=pixels, sequence=sequence)
        else:
            recording.add(pixels, sequence)
    return recording.close()


def samples():
    return {name[len("sample_"):]: make for name, make in globals().items() if name.startswith("sample_")}


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] and sys.argv[2] not in samples():
        sys.exit(f"{__doc__}\nKIND is one of: {' '.join(samples())}")
    samples()[sys.argv[2] if sys.argv[2:] else "lab"](sys.argv[1])
