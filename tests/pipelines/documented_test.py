#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs every gst-launch-1.0 line that the documentation shows, so that none of them rots.

documented_test.py SOURCE_ROOT
Lines are taken from README.md, docs/ and the comments at the head of the elements. Endless ones get Ctrl-C after a
moment; windows become fakesink; names of files and directories become ones that exist.
"""
import glob
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

MOMENT = 0.5
WINDOWS = re.compile(r"\b(autovideosink|ximagesink|xvimagesink|waylandsink|glimagesink|kmssink)\b")
LOCATION = re.compile(r"\blocation=(\S+)")


def lines_in(path):
    """The commands of a file, with their continuation lines joined."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".cpp"):
        text = "\n".join(re.findall(r"\|\[(.*?)\]\|", text, re.S))
        text = re.sub(r"^ \* ?", "", text, flags=re.M)
        # The formatter may have broken a line without a backslash.
        text = re.sub(r"!\s*\n\s*(?!gst-)", "! ", text)
    text = re.sub(r"\\\n\s*", " ", text)
    for command in re.findall(r"^[ \t>$]*((?:[A-Z_]+=\S+ )*gst-launch-1\.0 [^\n`]*)", text, re.M):
        if " ! " in command:
            yield command.split(" # ")[0].strip()
    for command in re.findall(r"[^`]`(gst-launch-1\.0 [^`\n]+)`[^`]", text):
        if " ! " in command:
            yield command.strip()


def documents(root):
    for pattern in ("README.md", "docs/**/*.md", "gst/**/*.cpp"):
        yield from sorted(glob.glob(os.path.join(root, pattern), recursive=True))


def prepared(command, directory):
    """The command with what it needs in its place; how long it may run if it does not end by itself."""
    command = WINDOWS.sub("fakesink sync=true", command)
    command = re.sub(r"\bcpu=\d+", "cpu=0", command)
    if re.search(r"backend=(v4l2|hbmem)|\bdevice=|[A-Z]{3,}", re.sub(r"[A-Z0-9]+_[LB]E|format=[^\s,]+|GRAY\d+", "", command)):
        raise gst.Skip("needs a device, or shows a placeholder")
    # A segment of 4 GiB is much to ask of a directory for temporary files.
    command = re.sub(r"\buringarchive ", "uringarchive segment-bytes=16777216 ", command)
    width, height = (int((re.search(rf"{name}=(?:\(int\))?(\d+)", command) or [0, default])[1])
                     for name, default in (("width", 64), ("height", 48)))
    for place in LOCATION.findall(command):
        if re.search(r"sink|uringarchive\b", command.split(place)[0].rsplit("!", 1)[-1]):
            target = os.path.join(directory, "out-" + os.path.basename(place.rstrip("/")))
        elif "uringarchivesrc" in command.split(place)[0].rsplit("!", 1)[-1]:
            target = os.path.join(directory, "recording")
            gst.launch("dmaslabsrc backend=test pacing=off num-buffers=20 ! video/x-raw,format=GRAY16_LE,width=64,"
                       f"height=48 ! uringarchive segment-bytes=1048576 location={target}").expect_success()
        else:
            target = os.path.join(directory, os.path.basename(place.rstrip("/")))
            frames = np.zeros((10, height, width), np.uint8 if "format=GRAY8" in command else np.uint16)
            if place.endswith(".npy"):
                np.save(target, frames)
            elif "." in os.path.basename(place):
                frames.tofile(target)
            else:
                os.makedirs(target, exist_ok=True)
                np.save(os.path.join(target, "frames.npy"), frames)
        command = command.replace("location=" + place, "location=" + target)
    return command


def check(command):
    def test():
        with tempfile.TemporaryDirectory() as directory:
            line = prepared(command, directory)
            run = gst.launch(re.sub(r"gst-launch-1\.0 ", "gst-launch-1.0 -e ", line, count=1), directory,
                             interrupt_after=MOMENT)
            assert run.status == 0, f"{line}\nstatus {run.status}\n{run.output[-3000:]}"
            assert "ERROR" not in run.output, f"{line}\n{run.output[-3000:]}"
    return test


def main(root):
    tests = {}
    for path in documents(root):
        for command in lines_in(path):
            tests[f"{os.path.relpath(path, root)}: {command}"] = check(command)

    def there_is_something_to_run():
        assert tests, "no document shows a line: has their form changed?"

    gst.main({"the documents show lines": there_is_something_to_run, **tests})


if __name__ == "__main__":
    main(sys.argv[1])
