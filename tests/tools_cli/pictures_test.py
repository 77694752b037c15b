#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmaslab-archive export --format png and pgm: decoded again, samples are those recorded. pictures_test.py TOOL"""
import os
import sys

from archive_tool import (FAULTS, FAILED, USAGE, Workspace, archive, made, main, np, read_png, read_pnm, refused,
                          tests_of)


def video(name, width=31, height=17, more=""):
    return f"video/x-raw, format=(string){name}, width=(int){width}, height=(int){height}{more}"


def record(path, shape, dtype, caps=None, frames=3, crop=None, pixels=None, planes=None):
    recording = made.RecordingMaker(path)
    recording.begin_series(shape, dtype, caps=caps, crop=crop, planes=planes)
    for _ in range(frames):
        recording.add(pixels)
    return recording.close()


def test_grey_of_8_and_16_bit():
    for dtype, name in (("|u1", "GRAY8"), ("<u2", "GRAY16_LE"), (">u2", "GRAY16_BE")):
        with Workspace() as path:
            recording = record(path("r"), (17, 36), dtype, video(name), crop=(17, 31))
            archive("export", path("r"), path("pictures"), "--format", "png")
            archive("export", path("r"), path("pictures"), "--format", "pgm")
            assert archive.errors == "", archive.errors
            assert sorted(os.listdir(path("pictures"))) == [
                f"frame-{i:010}.{ending}" for i in range(3) for ending in ("pgm", "png")]
            for sequence, wanted in recording.good_pixels().items():
                png = read_png(path("pictures", f"frame-{sequence:010}.png"))
                assert png.itemsize == wanted.itemsize and np.array_equal(png, wanted), name
                pgm, maximum = read_pnm(path("pictures", f"frame-{sequence:010}.pgm"))
                assert np.array_equal(pgm, wanted) and maximum == (255 if dtype == "|u1" else 65535), name


def test_colours_in_every_order():
    for name in ("RGB", "BGR", "RGBx", "BGRx", "xRGB", "xBGR", "RGBA", "BGRA", "ARGB", "ABGR"):
        with Workspace() as path:
            recording = record(path("r"), (17, 31, len(name)), "|u1", video(name))
            archive("export", path("r"), path("a.png"), "--sequence", "1")
            archive("export", path("r"), path("a.ppm"), "--sequence", "1")
            pixels = recording.good_pixels()[1]
            channels = "RGBA" if "A" in name else "RGB"
            wanted = np.stack([pixels[:, :, name.index(c)] for c in channels], axis=2)
            assert np.array_equal(read_png(path("a.png")), wanted), name
            assert np.array_equal(read_pnm(path("a.ppm"))[0], wanted[:, :, :3]), name


def test_arrays_that_are_pictures_and_those_that_are_none():
    with Workspace() as path:
        caps = 'application/x-ndarray, dtype=(string)"<u2", shape=(string)"9,8,3"'
        recording = record(path("r"), (9, 8, 3), "<u2", caps)
        archive("export", path("r"), path("a.png"), "--frames", "0")
        assert np.array_equal(read_png(path("a.png")), recording.good_pixels()[0])
        for number, (shape, dtype) in enumerate([((20, 20), "<f4"), ((20,), "|u1"), ((4, 5, 6), "|u1")]):
            record(path(f"none{number}"), shape, dtype)
            refused("export", path(f"none{number}"), path("b.png"), "--frames", "0", says="--format", status=USAGE)
        recording = made.RecordingMaker(path("jpeg"))
        recording.begin_series(None)
        recording.add()
        recording.close()
        refused("export", path("jpeg"), path("b.png"), says=["encoded", "--format bin"], status=USAGE)


def test_significant_bits_are_the_maximum_of_a_pgm():
    with Workspace() as path:
        caps = video("GRAY16_LE", more=", significant-bits=(int)12")
        pixels = np.arange(17 * 31, dtype="<u2").reshape(17, 31) % 4096
        record(path("r"), (17, 31), "<u2", caps, pixels=pixels, frames=1)
        archive("export", path("r"), path("a.pgm"))
        picture, maximum = read_pnm(path("a.pgm"))
        assert maximum == 4095 and np.array_equal(picture, pixels)
        pixels = pixels + np.uint16(60000)  # more than was promised: the samples stay as they are
        record(path("high"), (17, 31), "<u2", caps, pixels=pixels, frames=1)
        archive("export", path("high"), path("b.pgm"))
        picture, maximum = read_pnm(path("b.pgm"))
        assert maximum == 65535 and np.array_equal(picture, pixels)
        caps = video("GRAY16_LE", more=", significant-bits=(int)8")
        record(path("few"), (17, 31), "<u2", caps, pixels=np.full((17, 31), 200, "<u2"), frames=1)
        archive("export", path("few"), path("c.pgm"))
        picture, maximum = read_pnm(path("c.pgm"))
        assert maximum == 255 and picture.shape == (17, 31) and (picture == 200).all()


def test_what_a_picture_does_not_show_is_said():
    planes = [{"offset": 0, "row_bytes": 30, "stride": 32, "rows": 16},
              {"offset": 512, "row_bytes": 30, "stride": 32, "rows": 8}]
    with Workspace() as path:
        recording = record(path("nv12"), (24, 32), "|u1", video("NV12", 30, 16), crop=(24, 30), planes=planes)
        archive("export", path("nv12"), path("a.png"), "--frames", "0")
        assert "first plane (NV12)" in archive.errors, archive.errors
        assert np.array_equal(read_png(path("a.png")), recording.frames[0][1][:16, :30])
        bayer = "video/x-bayer, format=(string)rggb12le, width=(int)30, height=(int)16"
        recording = record(path("bayer"), (16, 30), "<u2", bayer, pixels=np.full((16, 30), 4000, "<u2"))
        archive("export", path("bayer"), path("b.pgm"), "--frames", "0")
        assert "mosaic" in archive.errors, archive.errors
        picture, maximum = read_pnm(path("b.pgm"))
        assert maximum == 4095 and (picture == 4000).all()


def test_a_picture_larger_than_one_stored_block():
    with Workspace() as path:
        recording = record(path("r"), (300, 400), "<u2", frames=1)
        archive("export", path("r"), path("a.png"))
        assert np.array_equal(read_png(path("a.png")), recording.frames[0][1])


def test_one_name_is_one_picture():
    with Workspace() as path:
        record(path("r"), (17, 31), "|u1")
        refused("export", path("r"), path("a.png"), says=["3 frames", "--sequence N"], status=USAGE)
        assert os.listdir(path()) == ["r"]


def test_pictures_replace_nothing_and_leave_nothing_behind():
    with Workspace() as path:
        recording = record(path("r"), (17, 31), "|u1")
        os.mkdir(path("pictures"))
        with open(path("pictures", "frame-0000000002.png"), "w", encoding="ascii") as file:
            file.write("mine")
        refused("export", path("r"), path("pictures"), "--format", "png", says="frame-0000000002.png exists",
                status=FAILED)
        assert os.listdir(path("pictures")) == ["frame-0000000002.png"]
        archive("export", path("r"), path("pictures"), "--format", "png", "--force")
        assert np.array_equal(read_png(path("pictures", "frame-0000000002.png")), recording.good_pixels()[2])
        with open(path("file"), "w", encoding="ascii"):
            pass
        refused("export", path("r"), path("file"), "--format", "png", says="is a file", status=FAILED)
        refused("export", path("r"), path("no", "such", "where"), "--format", "png", says="cannot be made", status=FAILED)


def test_a_directory_without_pictures_is_not_left():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((17, 31), "|u1")
        recording.add_bad()
        recording.close()
        archive("export", path("r"), path("pictures"), "--format", "png", status=FAULTS)
        assert os.listdir(path()) == ["r"]


if __name__ == "__main__":
    main(tests_of(sys.modules[__name__]))
