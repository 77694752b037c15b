#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs every gst-launch-1.0 line that the documentation shows, so that none of them rots.

documented_test.py SOURCE_ROOT
Run from the root of the build directory, as meson does.
Lines are taken from README.md, docs/ and the comments at the head of the elements. Endless ones get Ctrl-C after a
moment; windows become fakesink; names of files and directories become ones that exist.
What README.md runs in a build directory is run as it stands, in one directory and in order, as it is pasted.
"""
import glob
import os
import re
import shutil
import subprocess
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


def pasted(root):
    """The README's commands that use its build directory, without those that make it."""
    with open(os.path.join(root, "README.md"), encoding="utf-8") as file:
        text = re.sub(r"\\\n\s*", " ", file.read())
    code = re.findall(r"^ {4}(\S[^\n]*)", text, re.M)
    return [line for line in code
            if re.match(r"meson devenv -C build/user |python3 -c .*rec/|build/user/", line)]


def as_pasted(root, build):
    def test():
        if not shutil.which("meson"):
            raise gst.Skip("there is no meson to run devenv")
        commands = pasted(root)
        assert any("uringarchive" in line for line in commands), f"README.md records nothing: {commands}"
        if not os.path.exists(os.path.join(build, "lib/dmaslab/tools/dmaslab-archive")):
            raise gst.Skip("this build has no recorder")
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(os.path.join(directory, "build"))
            os.symlink(build, os.path.join(directory, "build", "user"))
            for line in commands:
                line = re.sub(r"^python3 ", sys.executable + " ", line)
                line = re.sub(r"\buringarchive ", "uringarchive segment-bytes=16777216 ", line)
                run = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=directory, text=True, check=False,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     timeout=gst.PATIENCE)
                assert run.returncode == 0, f"{line}\nstatus {run.returncode}\n{run.stdout[-3000:]}"
                assert "ERROR" not in run.stdout, f"{line}\n{run.stdout[-3000:]}"
    return test


def main(root, build):
    tests = {"README.md as pasted": as_pasted(root, build)}
    for path in documents(root):
        for command in lines_in(path):
            tests[f"{os.path.relpath(path, root)}: {command}"] = check(command)

    def there_is_something_to_run():
        assert tests, "no document shows a line: has their form changed?"

    gst.main({"the documents show lines": there_is_something_to_run, **tests})


if __name__ == "__main__":
    main(sys.argv[1], os.getcwd())
