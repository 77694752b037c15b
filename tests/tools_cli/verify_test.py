#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmaslab-archive verify and recover. verify_test.py TOOL"""
import fcntl
import json
import os
import sys

from archive_tool import FAILED, FAULTS, Workspace, archive, files_below, made, main, np, refused, tests_of


def damage(name, offset):
    with open(name, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x40]))


def small(path, frames=12, **more):
    recording = made.RecordingMaker(path, **more)
    recording.begin_series((32, 64))
    for number in range(frames):
        if number == frames // 2:
            recording.split()
        recording.add()
    return recording


def test_every_sample_that_is_whole_is_all_right():
    for name, frames in (("odd", 20), ("series", 30)):
        with Workspace() as path:
            made.samples()[name](path("r"))
            before = files_below(path())
            report = json.loads(archive("verify", path("r"), "--json"))
            assert report["ok"] and report["frames"] == frames and not report["faults"], report
            assert report["unhashed" if name == "odd" else "verified"] == frames, report
            assert "all right" in archive("verify", path("r"))
            assert archive("verify", path("r"), "--quiet") == "" == archive.errors
            assert files_below(path()) == before


def test_one_flipped_bit_is_found_and_named():
    for frame, offset in ((0, 0), (7, 4095), (11, 2000)):
        with Workspace() as path:
            small(path("r")).close()
            damage(path("r", f"frames-{frame // 6:06}.npy"), 4096 + frame % 6 * 4096 + offset)
            lines = archive("verify", path("r"), status=FAULTS).splitlines()
            assert f"frame {frame}, sequence {frame}, segment {frame // 6}: " in lines[0], lines
            assert len(lines) == 2 and "11 verified, 1 damaged: NOT all right" in lines[1], lines
            faults = json.loads(archive("verify", path("r"), "--json", status=FAULTS))["faults"]
            assert [(f["frame"], f["sequence"], f["segment"]) for f in faults] == [(frame, frame, frame // 6)]
            assert archive("verify", path("r"), "-q", status=FAULTS) == ""


def test_a_pad_may_hold_anything():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((30, 50))
        recording.add()
        recording.close()
        damage(path("r", "frames-000000.npy"), 4096 + 3000)
        archive("verify", path("r"))
        damage(path("r", "frames-000000.npy"), 4096 + 2999)
        archive("verify", path("r"), status=FAULTS)


def test_a_bad_frame_is_named():
    with Workspace() as path:
        made.sample_lab(path("r"))
        report = json.loads(archive("verify", path("r"), "--json", status=FAULTS))
        assert [f["sequence"] for f in report["faults"]] == [150] and report["verified"] == 36, report
        assert report["missing"] == 0, report


def test_numbers_are_missing_only_without_an_entry_in_the_ledger():
    for explained in (True, False):
        with Workspace() as path:
            recording = made.RecordingMaker(path("r"), every_nth=5)
            recording.begin_series((32, 64))
            for sequence in (0, 5, 10, 30, 35):
                recording.add(sequence=sequence)
                if sequence == 10 and explained:
                    recording.lose(12, 27)
            recording.close()
            report = json.loads(archive("verify", path("r"), "--json", status=0 if explained else FAULTS))
            assert report["missing"] == (0 if explained else 3), report
            assert not report["faults"]
            if not explained:
                assert "sequence 15 to 25: 3 frames missing" in archive("verify", path("r"), status=FAULTS)


def test_counts_that_disagree_are_a_fault():
    with Workspace() as path:
        recording = small(path("r")).close()
        recording.write_segment(recording.segments[1], 6, 4)
        text = archive("verify", path("r"), status=FAULTS)
        assert "problem: " in text and "frames-000001.npy" in text, text


def test_recover_takes_in_what_is_complete():
    with Workspace() as path:
        recording = made.sample_crashed(path("r"))
        before = files_below(path())
        text = archive("recover", path("r"), "--dry-run")
        assert "nothing was changed" in text and "30 frames, 3 of them regained" in text, text
        assert files_below(path()) == before
        text = archive("recover", path("r"))
        assert "30 frames, 3 of them regained" in text, text
        frames = [np.load(path("r", f"frames-{i:06}.npy")) for i in (0, 1)]
        assert np.array_equal(np.concatenate(frames), np.stack([p for _, p in recording.frames]))
        with open(path("r", "manifest.json"), encoding="utf-8") as file:
            assert json.load(file)["state"] == "recovered"
        archive("verify", path("r"))
        report = json.loads(archive("info", path("r"), "--json"))
        assert (report["state"], report["frames"]) == ("recovered", 30)
        after = files_below(path())
        assert "nothing to do" in archive("recover", path("r"))
        assert files_below(path()) == after


def test_recover_leaves_a_closed_recording_alone():
    with Workspace() as path:
        small(path("r")).close()
        before = files_below(path())
        assert "nothing to do" in archive("recover", path("r"))
        assert "nothing to do" in archive("recover", path("r"), "--dry-run")
        assert files_below(path()) == before


def test_recover_tells_what_a_closed_recording_cannot_give():
    with Workspace() as path:
        small(path("r")).close()
        os.truncate(path("r", "frames-000001.npy"), 4096 + 2 * 4096)
        before = files_below(path())
        for arguments in ([], ["--dry-run"]):
            text = archive("recover", path("r"), *arguments, status=FAULTS)
            assert "4 of 12 frames cannot be read (verify names them)" in text and "frames-000001.npy" in text, text
            assert "nothing to do" not in text and "closed with 12 frames" in text, text
        assert files_below(path()) == before
        archive("verify", path("r"), status=FAULTS)
    with Workspace() as path:
        small(path("r")).crash(uncounted=2)
        os.remove(path("r", "index-000000.npy"))
        text = archive("recover", path("r"), status=FAULTS)
        assert "2 of them regained" in text and "6 of 12 frames cannot be read" in text, text


def test_recover_counts_in_good_words():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((32, 64))
        recording.add()
        recording.crash()
        assert "1 frame in 1 segment\n" in archive("recover", path("r"))


def test_recover_stops_at_the_first_frame_that_is_not_whole():
    with Workspace() as path:
        recording = small(path("r"))
        recording.crash(uncounted=3)
        damage(path("r", "frames-000001.npy"), 4096 + 4 * 4096 + 17)
        assert "10 frames, 1 of them regained" in archive("recover", path("r"))
        archive("verify", path("r"))
        assert len(np.load(path("r", "frames-000001.npy"))) == 4


def test_recover_keeps_its_hands_off_while_a_writer_has_it():
    with Workspace() as path:
        made.sample_crashed(path("r"))
        before = files_below(path())
        writer = os.open(path("r"), os.O_RDONLY)
        fcntl.flock(writer, fcntl.LOCK_EX)
        for arguments in ([], ["--dry-run"]):
            refused("recover", path("r"), *arguments, says=path("r"), status=FAILED)
        os.close(writer)
        assert files_below(path()) == before


def test_recover_of_what_is_no_recording():
    with Workspace() as path:
        refused("recover", path("r"), says=path("r"), status=FAILED)
        os.mkdir(path("r"))
        refused("recover", path("r"), says="manifest.json", status=FAILED)
        assert os.listdir(path("r")) == []


if __name__ == "__main__":
    main(tests_of(sys.modules[__name__]))
