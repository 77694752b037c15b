# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs dmaslab-archive as a user does, on recordings of make_recording.py. Tests are functions; TAP comes out."""
import os
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", folder) for folder in ("pipelines", "tools")]

try:
    import numpy as np
    import make_recording as made
    made.xxh3(b"")
except (ImportError, OSError) as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
from launch import PATIENCE, main, tests_of

__all__ = ["np", "made", "main", "tests_of", "archive", "refused", "Workspace", "read_png", "read_pnm", "files_below",
           "TOOL", "OK", "FAULTS", "USAGE", "FAILED"]
TOOL = os.path.abspath(sys.argv[1])
OK, FAULTS, USAGE, FAILED = 0, 1, 2, 3


class Workspace(tempfile.TemporaryDirectory):
    """An empty directory; `with Workspace() as path:` gives a function that joins names to it."""

    def __enter__(self):
        top = super().__enter__()
        return lambda *names: os.path.join(top, *names)


def archive(*arguments, status=OK, environment=None, directory=None):
    """Standard output of a run; its standard error is the attribute `errors` of this function."""
    run = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, timeout=PATIENCE, cwd=directory,
                         env={**os.environ, "LC_ALL": "C", "COLUMNS": "80", **(environment or {})}, check=False)
    archive.errors = run.stderr.decode()
    output = run.stdout.decode()
    assert run.returncode == status, f"{arguments}: status {run.returncode}, not {status}\n{output}{archive.errors}"
    return output


def refused(*arguments, says, status):
    """Ends with one line on standard error that has these words, and prints nothing."""
    output = archive(*arguments, status=status)
    lines = archive.errors.splitlines()
    assert output == "" and len(lines) == 1, (output, archive.errors)
    assert lines[0].startswith("dmaslab-archive: "), lines
    for words in [says] if isinstance(says, str) else says:
        assert words in lines[0], (words, lines[0])


def files_below(directory):
    return {os.path.relpath(os.path.join(folder, name), directory): os.stat(os.path.join(folder, name)).st_mtime_ns
            for folder, _, names in os.walk(directory) for name in names}


def read_png(path):
    """Pixels as (H, W) or (H, W, C) of the PNG's own sample type; checks sizes and checksums on the way."""
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, []
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "big")
        kind, body = data[at + 4:at + 8], data[at + 8:at + 8 + size]
        assert int.from_bytes(data[at + 8 + size:at + 12 + size], "big") == zlib.crc32(kind + body), kind
        chunks.append((kind, body))
        at += 12 + size
    assert [chunks[0][0], chunks[-1]] == [b"IHDR", (b"IEND", b"")]
    width, height = (int.from_bytes(chunks[0][1][i:i + 4], "big") for i in (0, 4))
    bits, colour, *rest = chunks[0][1][8:]
    assert rest == [0, 0, 0]
    channels = {0: 1, 2: 3, 6: 4}[colour]
    raw = np.frombuffer(zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT")), "u1")
    rows = raw.reshape(height, 1 + width * channels * bits // 8)
    assert not rows[:, 0].any(), "a filter that this reader does not know"
    pixels = np.ascontiguousarray(rows[:, 1:]).view(">u2" if bits == 16 else "u1")
    return pixels.reshape((height, width) if channels == 1 else (height, width, channels))


def read_pnm(path):
    """(pixels, maximum) of a PGM or PPM."""
    with open(path, "rb") as file:
        data = file.read()
    magic, width, height, maximum = data.split(maxsplit=4)[:4]
    start = len(b"\n".join([magic, width + b" " + height, maximum])) + 1
    pixels = np.frombuffer(data[start:], ">u2" if int(maximum) > 255 else "u1")
    shape = (int(height), int(width)) + ((3,) if magic == b"P6" else ())
    return pixels.reshape(shape), int(maximum)
