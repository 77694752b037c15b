#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs what docs/tools/dmaslab-archive.md shows and compares what comes out.

documented_test.py TOOL DOCUMENT            as a test
documented_test.py TOOL DOCUMENT --update   puts what comes out into the document
"""
import os
import re
import shlex
import subprocess
import sys

from archive_tool import TOOL, Workspace, made, main
from launch import PATIENCE

DOCUMENT = sys.argv[2]
EXAMPLE = re.compile(r"^    \$ (dmaslab-archive .*)\n((?:    (?!\$ ).*\n|\n(?=    (?!\$ )))*)", re.MULTILINE)


def prepare(directory):
    made.sample_documented(os.path.join(directory, "run-42"))
    made.sample_crashed(os.path.join(directory, "run-43"))
    damaged = made.RecordingMaker(os.path.join(directory, "run-44"))
    damaged.begin_series((64, 64))
    for sequence in range(100):
        if not 30 <= sequence < 33:
            damaged.add(sequence=sequence)
    damaged.close()
    with open(os.path.join(directory, "run-44", "frames-000000.npy"), "r+b") as file:
        file.seek(4096 + 70 * 8192 + 5)
        file.write(b"\0\0\0\0")
    ring = made.RecordingMaker(os.path.join(directory, "run-45"), first_segment=3)
    ring.begin_series((64, 64))
    ring.lose(120, 124)
    for sequence in range(300, 500):
        if sequence == 400:
            ring.split()
        if sequence == 420:
            ring.lose(420, 420, reason="full", element="uringarchive0")
        else:
            ring.add(sequence=sequence)
    ring.close()
    half = made.RecordingMaker(os.path.join(directory, "run-46"))
    half.begin_series((64, 64))
    for number in range(30):
        if number == 16:
            half.split()
        half.add()
    half.close()
    os.remove(os.path.join(directory, "run-46", "frames-000001.npy"))


def run(line, directory):
    """What a user sees, both streams, indented as in the document."""
    words = shlex.split(line)
    out = subprocess.run([TOOL, *words[1:]], cwd=directory, timeout=PATIENCE, check=False, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         env={**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "100"}).stdout
    return "".join(("    " + text).rstrip() + "\n" for text in out.splitlines())


def examples(update=False):
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    assert EXAMPLE.search(text), f"{DOCUMENT} has no example"
    with Workspace() as path:
        prepare(path())

        def checked(match):
            printed = run(match.group(1), path())
            shown = match.group(2)
            if not update:
                assert shown.strip("\n") == printed.strip("\n"), f"{match.group(1)} prints\n{printed}and not\n{shown}"
            return f"    $ {match.group(1)}\n{printed}"

        changed = EXAMPLE.sub(checked, text)
    if update:
        with open(DOCUMENT, "w", encoding="utf-8") as file:
            file.write(changed)


if __name__ == "__main__":
    if sys.argv[3:] == ["--update"]:
        examples(update=True)
    else:
        main({"what the document shows is what comes out": examples})
