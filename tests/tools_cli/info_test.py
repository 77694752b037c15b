#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmaslab-archive info. info_test.py TOOL"""
import fcntl
import json
import os
import re
import sys

from archive_tool import Workspace, archive, made, main, np, tests_of

BLOCKS = {"LC_ALL": "C.UTF-8"}


def picture(text):
    """What is between the bars of the picture."""
    return re.search(r"^\|(.*)\|$", text, re.MULTILINE).group(1)


def test_summary_of_a_lab_recording():
    with Workspace() as path:
        made.sample_lab(path("r"))
        text = archive("info", path("r"))
        for words in ("state      closed", "37, sequence 0 to 195", "sequence mod 5 = 0",
                      "1 frame could not be written", "36 of 40 that belong here", "16 of the stream: io-error 1, queue 2, starved 13", "/dev/video0",
                      '{"experiment":"mot-7","laser_mw":12.5}', "xxh3-64", "layout plain: ", "<u2, 480 x 640",
                      "video/x-raw, format=(string)GRAY16_LE", "0.195 s by pts"):
            assert words in text, (words, text)
        rows = [line.split() for line in text.splitlines() if line.endswith("  closed") and line.split()[0].isdigit()]
        assert [(row[0], row[2], row[3], row[-3], row[-2]) for row in rows] == [
            ("0", "17", "0", "0", "95"), ("1", "20", "1", "100", "195")], rows


def test_the_numpy_line_opens_the_frames():
    shapes = {"plain": (32, 64), "record": (30, 50), "rows": (255, 320)}
    for layout, shape in shapes.items():
        for crop in (None, (shape[0], shape[1] - 3)):
            with Workspace() as path:
                recording = made.RecordingMaker(path("r"))
                assert recording.begin_series(shape, "<u2", crop=crop).layout == layout
                for _ in range(3):
                    recording.add()
                recording.close()
                line = re.search(r"np\.load.*", archive("info", path("r"))).group(0)
                pixels = eval(line, {"np": np})  # pylint: disable=eval-used
                assert np.array_equal(pixels, list(recording.good_pixels().values())), line


def test_picture_shows_each_gap():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((32, 64))
        for sequence in range(0, 40):
            if not 10 <= sequence < 14:
                recording.add(sequence=sequence)
        recording.close()
        assert picture(archive("info", path("r"))) == "#" * 10 + " " * 4 + "#" * 26
        assert picture(archive("info", path("r"), environment=BLOCKS)) == "█" * 10 + " " * 4 + "█" * 26
        # Half the columns: each is of two numbers, or as good as.
        narrow = picture(archive("info", path("r"), environment={**BLOCKS, "COLUMNS": "22"}))
        assert narrow == "█" * 5 + " " * 2 + "█" * 13, narrow


def test_picture_is_never_whole_where_one_frame_is_missing():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((4, 4))
        for sequence in range(0, 1000):
            if sequence == 500:
                recording.add_bad(sequence=sequence)
            elif sequence != 250:
                recording.add(sequence=sequence)
        recording.close()
        drawn = picture(archive("info", path("r"), environment={**BLOCKS, "COLUMNS": "22"}))
        assert drawn == "█" * 5 + "▇" + "█" * 4 + "▇" + "█" * 9, drawn


def test_frames_left_out_on_purpose_are_no_gap():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((32, 64))
        for sequence in range(0, 40, 2):
            recording.add(sequence=sequence)
            recording.lose(sequence + 1, sequence + 1, kind=1, element="camera", reason="")
        recording.close()
        text = archive("info", path("r"), environment={"COLUMNS": "22"})
        assert picture(text) == "#" * 20, text
        assert "lost       0\n" in text and "20 frames on purpose" in text and "20 of 20 that belong here" in text, text


def test_losses_at_both_ends_are_gaps():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((32, 64))
        recording.lose(0, 4)
        for sequence in range(5, 10):
            recording.add(sequence=sequence)
        recording.lose(10, 14)
        recording.close()
        assert picture(archive("info", path("r"))) == " " * 5 + "#" * 5 + " " * 5


def ring(path):
    """A ring that gave up its segments 0 to 2: what was lost before frame 30 is no gap of what it has."""
    recording = made.RecordingMaker(path, first_segment=3)
    recording.begin_series((32, 64))
    recording.lose(10, 16)
    for sequence in range(30, 50):
        if sequence == 40:
            recording.split()
        if sequence == 35:
            recording.lose(35, 35, reason="full")
        else:
            recording.add(sequence=sequence)
    return recording


def test_what_a_ring_overwrote_is_not_missing():
    with Workspace() as path:
        ring(path("r")).close()
        text = archive("info", path("r"))
        assert picture(text) == "#" * 5 + " " + "#" * 14, text
        for words in ("19 of 20 that belong here", "lost       1: full 1 (7 more before the first kept frame; --losses",
                      "overwritten: sequence numbers up to 29, in 3 segments"):
            assert words in text, (words, text)
        report = json.loads(archive("info", path("r"), "--json"))
        assert (report["expected"], report["complete"]) == (20, 19), report
        assert report["lost"] == {"frames": 1, "by_reason": {"full": 1}, "before_first_kept": 7}, report["lost"]
        assert report["overwritten"] == {"last": 29, "segments": 3} and report["picture"]["first"] == 30, report
        assert len(report["ledger"]) == 2
        # Without its first file the ring still begins where the manifest says.
        os.remove(path("r", "frames-000003.npy"))
        report = json.loads(archive("info", path("r"), "--json"))
        assert (report["expected"], report["complete"], report["overwritten"]["last"]) == (20, 10, 29), report
        made.sample_lab(path("whole"))
        report = json.loads(archive("info", path("whole"), "--json"))
        assert report["overwritten"] is None and report["lost"]["before_first_kept"] == 0, report


def test_ledger_as_a_table():
    with Workspace() as path:
        made.sample_lab(path("r"))
        lines = archive("info", path("r"), "--losses").splitlines()
        assert [line.split() for line in lines[1:]] == [
            ["38", "50", "13", "0.038000", "starved", "loss", "camera"],
            ["150", "150", "1", "0.150000", "io-error", "loss", "uringarchive0"],
            ["161", "162", "2", "0.161000", "queue", "loss", "slabqueue0"]], lines
        made.sample_odd(path("whole"))
        assert "nothing was lost" in archive("info", path("whole"), "--losses")


def test_index_lines():
    with Workspace() as path:
        made.sample_lab(path("r"))
        rows = [line.split() for line in archive("info", path("r"), "--frames", "7:9").splitlines()[1:]]
        assert [row[:2] for row in rows] == [["7", "35"], ["8", "55"]] and rows[1][4] == "3", rows
        assert rows[1][-1] == "discont", rows


def test_json_has_everything():
    with Workspace() as path:
        made.sample_lab(path("r"))
        report = json.loads(archive("info", path("r"), "--json", "--frames", "26:28"))
        expected = {"state": "closed", "frames": 37, "bad": 1, "expected": 40, "complete": 36, "first_sequence": 0,
                    "last_sequence": 195, "every_nth": 5, "duration_ns": 195000000, "checksum": "xxh3-64",
                    "lost": {"frames": 16, "by_reason": {"starved": 13, "io-error": 1, "queue": 2},
                             "before_first_kept": 0},
                    "metadata": {"experiment": "mot-7", "laser_mw": 12.5}, "created_ns": made.CREATED_NS}
        assert {key: report[key] for key in expected} == expected, report
        assert [(s["first_frame"], s["frames"], s["bad"]) for s in report["segments"]] == [(0, 17, 0), (17, 20, 1)]
        assert report["series"][0]["shape"] == [480, 640] and report["series"][0]["layout"] == "plain"
        assert [loss["reason"] for loss in report["ledger"]] == ["starved", "io-error", "queue"]
        index = np.load(path("r", "index-000001.npy"))
        assert report["index"][0]["hash"] == f"{index['hash'][9]:016x}", report["index"]
        assert report["index"][1]["hash"] is None and report["index"][1]["flags"] & made.BAD, report["index"]
        assert len(report["picture"]["columns"]) == 40 and report["picture"]["columns"][8] == 0


def test_crashed_and_recording_are_told_apart():
    with Workspace() as path:
        made.sample_crashed(path("r"))
        text = archive("info", path("r"))
        assert f"recover {path('r')}" in text and "frames     27," in text, text
        assert json.loads(archive("info", path("r"), "--json"))["state"] == "crashed"
        writer = os.open(path("r"), os.O_RDONLY)
        fcntl.flock(writer, fcntl.LOCK_EX)
        assert json.loads(archive("info", path("r"), "--json"))["state"] == "recording"
        assert "being written" in archive("info", path("r"))
        os.close(writer)


def test_recording_without_frames():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((32, 64))
        os.mkdir(path("r"))
        recording.close()
        assert "frames     0\n" in archive("info", path("r"))
        assert json.loads(archive("info", path("r"), "--json"))["first_sequence"] is None


def test_texts_of_a_stranger_do_not_steer_the_terminal():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"), host="evil\x1b[2Jhost", device="\x9b31m")
        recording.begin_series((32, 64))
        recording.add()
        recording.lose(1, 1, reason="\x1b]0;x", element="a\x07b")
        recording.close()
        for text in (archive("info", path("r")), archive("info", path("r"), "--losses")):
            assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text), repr(text)
        assert json.loads(archive("info", path("r"), "--json"))["ledger"][0]["element"] == "a\x07b"


if __name__ == "__main__":
    main(tests_of(sys.modules[__name__]))
