#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""pipelines/atom-array.sh, wavefront.sh, machine-vision.sh and look.sh as their user meets them.

  processing_scripts_test.py SOURCE BUILD     prints TAP
"""
import glob
import os
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "pipelines"))
from launch import main, tests_of  # noqa: E402

try:
    import gi
    import numpy as np

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
except (ImportError, ValueError) as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(77)

SOURCE, BUILD = sys.argv[1:3]
PATIENCE = 120


def script(name, *arguments, directory):
    return subprocess.run([os.path.join(SOURCE, "pipelines", name), *arguments], cwd=directory, text=True,
                          env={**os.environ, "DMASLAB_BUILD": BUILD}, stdin=subprocess.DEVNULL, timeout=PATIENCE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def expect(status, words, name, *arguments, directory):
    run = script(name, *arguments, directory=directory)
    assert run.returncode == status and re.search(words, run.stdout), f"{run.returncode}\n{run.stdout[-2000:]}"
    return run.stdout


def test_atom_array_finds_the_atoms_that_were_drawn():
    with tempfile.TemporaryDirectory() as directory:
        expect(0, r"500 frames of 500, 200000 traps, (4|5)\d\.\d\d % occupied", "atom-array.sh", "-", "1", "500", "out",
               directory=directory)
        with open(f"{directory}/out/results.txt", encoding="ascii") as text:
            lines = text.read().splitlines()
        truths = [np.load(path).reshape(-1) for path in sorted(glob.glob(f"{directory}/out/pictures/.truth-*.npy"))]
        assert len(lines) == 1000 and len(truths) == 50
        wrong = 0
        for number in range(500):
            assert lines[2 * number] == f"[frame {number}] rois=400"
            found = np.frombuffer(lines[2 * number + 1].encode(), "u1") - ord("0")
            wrong += int(np.sum(found != truths[number % len(truths)]))
        # A threshold of 5 counts misses 2.9 % of the full traps and takes 0.02 % of the empty ones for full.
        assert 0 < wrong < 0.03 * 200000, wrong


def test_wavefront_measures_the_spots_that_were_drawn():
    with tempfile.TemporaryDirectory() as directory:
        expect(0, r"500 frames of 500, 16x16 lenses", "wavefront.sh", "-", "1", "500", "out", directory=directory)
        records = np.load(f"{directory}/out/recording/frames-000000.npy", mmap_mode="r")["pixels"]
        # Without defocus all spots move together, by 0.4 pixels: cut off at the edge of a lens, a little less.
        assert abs(float(np.mean(records["x"][0])) - 0.4) < 0.05, np.mean(records["x"][0])
        assert abs(float(np.mean(records["y"][0]))) < 0.05
        assert float(np.std(records["x"][8])) > 0.1  # with defocus they do not


def test_machine_vision_evens_out_the_light():
    with tempfile.TemporaryDirectory() as directory:
        expect(0, r"frames +100, sequence 0 to 99", "machine-vision.sh", "-", "-", "-", "0.5", "200", "rec",
               directory=directory)
        pictures = np.load(f"{directory}/rec/frames-000000.npy", mmap_mode="r")
        assert pictures.dtype == np.uint8 and pictures.shape == (100, 480, 640)
        # Bright squares of the board, in the middle and near the corner, where a quarter of the light is missing.
        last = pictures[99].astype(float)
        middle, corner = last[205:235, 325:355].mean(), last[5:35, 45:75].mean()
        assert abs(middle - corner) < 0.02 * middle and last.max() == 255, (middle, corner)


def pictures_of(stream, count):
    """JPEG pictures out of a multipart stream."""
    pictures = []
    while len(pictures) < count:
        line = stream.readline()
        assert line, "the stream ended"
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
            assert stream.readline() == b"\r\n"
            pictures.append(stream.read(length))
    return pictures


def decoded(picture):
    """Grey pixels of a JPEG, by GStreamer's decoder."""
    pipeline = Gst.parse_launch("appsrc name=in ! jpegdec ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=out "
                                "sync=false")
    pipeline.set_state(Gst.State.PLAYING)
    source = pipeline.get_by_name("in")
    source.emit("push-buffer", Gst.Buffer.new_wrapped(picture))
    source.emit("end-of-stream")
    sample = pipeline.get_by_name("out").emit("pull-sample")
    assert sample, "no picture came out of the decoder"
    caps, buffer = sample.get_caps().get_structure(0), sample.get_buffer()
    width, height = caps.get_value("width"), caps.get_value("height")
    pixels = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), "u1").reshape(height, -1)[:, :width].copy()
    pipeline.set_state(Gst.State.NULL)
    return pixels


def test_look_shows_pictures_and_costs_the_other_branch_nothing():
    Gst.init(None)
    with tempfile.TemporaryDirectory() as directory:
        child = subprocess.Popen([os.path.join(SOURCE, "pipelines", "look.sh"), "--http", "0", "6", "500"], text=True,
                                 cwd=directory, env={**os.environ, "DMASLAB_BUILD": BUILD}, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            printed = ""
            while not (address := re.search(r"http://\S+", printed)):
                line = child.stdout.readline()
                assert line, printed
                printed += line
            with urllib.request.urlopen(address[0], timeout=PATIENCE) as page:
                assert b'<img src="/stream"' in page.read()
            with urllib.request.urlopen(address[0] + "stream", timeout=PATIENCE) as stream:
                assert stream.headers["Content-Type"].startswith("multipart/x-mixed-replace")
                first, *_, last = pictures_of(stream, 5)
            for picture in (first, last):
                pixels = decoded(picture)
                assert pixels.shape == (480, 640)
                assert pixels.max() - pixels.min() > 100, "the window did not spread the picture"
            try:
                urllib.request.urlopen(address[0] + "nothing", timeout=PATIENCE)
                raise AssertionError("a page that is not there was found")
            except urllib.error.HTTPError as error:
                assert error.code == 404
            output, _ = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
        assert child.returncode == 0, output
        assert re.search(r"camera 3000 frames; processed 3000, lost there 0; shown [1-9]", output), output


def test_wrong_usage_is_told_apart():
    with tempfile.TemporaryDirectory() as directory:
        expect(2, "no .npy file in it", "atom-array.sh", directory, directory=directory)
        expect(2, "fps 'fast' is no frame rate", "wavefront.sh", "-", "1", "fast", directory=directory)
        expect(2, "seconds '0' is no number above 0", "atom-array.sh", "-", "0", directory=directory)
        expect(2, "is there already", "atom-array.sh", "-", "1", "100", directory, directory=directory)
        expect(2, "--http '70000' is no port", "look.sh", "--http", "70000", directory=directory)
        expect(2, "--http needs a value", "look.sh", "--http", directory=directory)
        expect(2, "there is no option '--htpp'", "look.sh", "--htpp", "1", directory=directory)
        expect(2, "'none.npy' does not exist", "machine-vision.sh", "-", "none.npy", directory=directory)
        expect(0, "Usage", "look.sh", "--help", directory=directory)


if __name__ == "__main__":
    main(tests_of(sys.modules["__main__"]))
