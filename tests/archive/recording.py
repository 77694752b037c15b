# SPDX-License-Identifier: LGPL-2.1-or-later
"""A recording as numpy sees it. Written from docs/archive-format.md alone, without a line of the library: XXH3 is
libxxhash's, everything else numpy's and json's."""
import ctypes
import json
import os
import re
import struct

import numpy as np

BLOCK = 4096
INDEX = np.dtype([("sequence", "<u8"), ("pts", "<i8"), ("capture", "<i8"), ("utc", "<i8"), ("hash", "<u8"),
                  ("device", "<u8"), ("block", "<u4"), ("length", "<u4"), ("drops_before", "<u4"), ("epoch", "<u2"),
                  ("flags", "<u2")])
LOSSES = np.dtype([("first", "<u8"), ("last", "<u8"), ("count", "<u8"), ("time", "<i8"), ("utc", "<i8"),
                   ("series", "<u4"), ("kind", "<u4"), ("reason", "S16"), ("element", "S64")])
BAD, UNHASHED = 1, 32

_xxhash = ctypes.CDLL("libxxhash.so.0")
_xxhash.XXH3_64bits.restype = ctypes.c_uint64
_xxhash.XXH3_64bits.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Wrong(AssertionError):
    """The recording is not what the specification promises."""


class Gone(Exception):
    """A file of a ring recording was given up while it was looked at."""


def open_npy(path):
    """np.load as the documents show it; numpy 1.24 cannot map an array without elements at the end of a file."""
    if os.path.getsize(path) == BLOCK:
        return np.load(path)
    return np.load(path, mmap_mode="r")


def address(array):
    return array.__array_interface__["data"][0]


class Segment:
    """What is counted in one pair of files at the time of the call."""

    def __init__(self, directory, entry, series):
        self.entry, self.series, self.number = entry, series, entry["number"]
        frames_path = os.path.join(directory, entry["frames_file"])
        index_path = os.path.join(directory, entry["index_file"])
        try:
            self.frames = open_npy(frames_path)
            self.index = open_npy(index_path)
        except FileNotFoundError as error:
            raise Gone(str(error)) from error
        except Exception as error:  # whatever numpy says about a file that is listed
            raise Wrong(f"numpy cannot open segment {self.number} of {directory}: {error}") from error
        if self.index.dtype != INDEX:
            raise Wrong(f"{index_path}: dtype {self.index.dtype}")
        self.blob = series["layout"] == "blob"
        self.count = len(self.index)
        if self.blob:
            ends = self.index["block"].astype(np.uint64) * BLOCK + self.index["length"]
            self.count = int(np.searchsorted(ends, len(self.frames), side="right"))
        else:
            self.count = min(self.count, len(self.frames))
            if self.count and self.frames.nbytes // len(self.frames) != series["record_bytes"]:
                raise Wrong(f"{frames_path}: records of {self.frames.nbytes // len(self.frames)} bytes")
        self.index = self.index[:self.count]

    @property
    def sequences(self):
        return self.index["sequence"]

    def verify(self, first=0):
        """Every counted frame from record `first` on: its entry, its hash and the stamp inside it. Returns how many."""
        if self.count <= first:
            return 0
        bytes_counted = self.frames.nbytes
        base = address(self.frames)
        records = self.index[first:].tolist()
        for number, record in enumerate(records, first):
            sequence, _, capture, _, hashed, _, block, length, _, _, flags = record
            where = f"segment {self.number} record {number} sequence {sequence}"
            if flags & BAD:
                continue
            if block * BLOCK + length > bytes_counted:
                raise Wrong(f"{where}: ends beyond what is counted")
            if not self.blob and (block * BLOCK != number * self.series["record_bytes"]
                                  or length != self.series["frame_bytes"]):
                raise Wrong(f"{where}: block {block} length {length}")
            at = base + block * BLOCK
            if not flags & UNHASHED and _xxhash.XXH3_64bits(at, length) != hashed:
                raise Wrong(f"{where}: the hash of its bytes is not that of the index")
            verify_stamp(at, length, sequence, capture, where)
        return self.count - first


def verify_stamp(at, length, sequence, capture, where):
    """The 64 bytes that archive_load lays at the start of each frame; docs/capture.md."""
    stamp = ctypes.string_at(at, min(length, 64))
    wanted = b"dmaslab1" + struct.pack("<Q", sequence)
    if stamp[:16] != wanted[:length]:
        raise Wrong(f"{where}: carries the stamp {stamp[:16]!r}")
    if length >= 24:
        hashed = struct.unpack_from("<Q", stamp, 16)[0]
        if _xxhash.XXH3_64bits(at + 64, max(0, length - 64)) != hashed:
            raise Wrong(f"{where}: its bytes are not those that were stamped")
    if length >= 32 and struct.unpack_from("<q", stamp, 24)[0] != capture:
        raise Wrong(f"{where}: the capture time of the index is another frame's")


class Recording:
    """All listed segments. `verified` counts the frames that were hashed."""

    def __init__(self, directory):
        self.directory = directory
        with open(os.path.join(directory, "manifest.json"), encoding="utf-8") as file:
            self.manifest = json.load(file)
        if self.manifest["format"] != "dmaslab-recording" or self.manifest["version"] != 1:
            raise Wrong(f"{directory}: no recording of version 1")
        series = self.manifest["series"]
        self.segments = [Segment(directory, entry, series[entry["series"]]) for entry in self.manifest["segments"]]
        self.verified = 0

    def path(self, name):
        return os.path.join(self.directory, name)

    @property
    def sequences(self):
        """Of everything counted, frames marked bad left out."""
        parts = [s.sequences[(s.index["flags"] & BAD) == 0] for s in self.segments]
        return np.concatenate(parts) if parts else np.zeros(0, "<u8")

    def losses(self):
        ledger = open_npy(os.path.join(self.directory, "losses.npy"))
        if ledger.dtype != LOSSES:
            raise Wrong(f"losses.npy: dtype {ledger.dtype}")
        return ledger

    def verify(self):
        self.verified = sum(segment.verify() for segment in self.segments)
        everything = [s.sequences for s in self.segments if s.count]
        if everything and np.any(np.diff(np.concatenate(everything).astype(np.int64)) <= 0):
            raise Wrong("sequence numbers do not grow")
        for segment in self.segments:
            self.compare(segment)
        return self

    def compare(self, segment):
        """Manifest, headers and the expression for Python users agree."""
        entry = segment.entry
        if entry["state"] == "closed":
            bad = int(np.count_nonzero(segment.index["flags"] & BAD))
            ends = [int(segment.sequences[i]) if segment.count else None for i in (0, -1)]
            said = [entry["frames"], entry["bad"], entry["first_sequence"], entry["last_sequence"]]
            if said != [segment.count, bad, *ends]:
                raise Wrong(f"the manifest says {said} of segment {segment.number}, its files {segment.count, bad, ends}")
        if segment.count and not segment.blob:
            expression = re.sub(r"'frames-\d+.npy'", repr(self.path(entry["frames_file"])), segment.series["numpy"])
            pictures = eval(expression, {"np": np})  # noqa: S307
            if len(pictures) < segment.count or list(pictures.shape[1:]) != \
                    (segment.series["crop"] or segment.series["shape"]):
                raise Wrong(f"{expression} has the shape {pictures.shape}")

    def explained(self):
        """Numbers between the first and the last that the ledger names."""
        named = set()
        for loss in self.losses():
            named.update(range(int(loss["first"]), int(loss["last"]) + 1))
        return named

    def expect_gaps_explained(self):
        """A number that is not there is in the ledger, or left out by every_nth. When the writer was stopped within a
        commit the last entries may not be counted yet: then the frame behind says how many are missing before it."""
        step, phase = self.manifest["every_nth"], self.manifest["nth_phase"]
        here = self.sequences.astype(np.int64)
        if len(here) == 0:
            return
        missing = np.setdiff1d(np.arange(here[0], here[-1] + 1), here)
        missing = set(missing[missing % step == phase].tolist()) - self.explained()
        if missing and self.manifest["state"] != "closed":
            index = np.concatenate([s.index for s in self.segments if s.count])
            for behind in index[index["drops_before"] > 0]:
                at = np.searchsorted(here, behind["sequence"])
                between = [n for n in missing if at and here[at - 1] < n < behind["sequence"]]
                if len(between) <= behind["drops_before"]:
                    missing -= set(between)
        if missing:
            raise Wrong(f"{len(missing)} numbers are missing without a word, the first is {min(missing)}")
