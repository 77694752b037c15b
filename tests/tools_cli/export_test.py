#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmaslab-archive export: arrays, raw files and the index. export_test.py TOOL"""
import csv
import glob
import io
import os
import shlex
import sys

from archive_tool import FAULTS, USAGE, Workspace, archive, files_below, made, main, np, refused, tests_of


def stack(pixels):
    frames = list(pixels.values())
    return np.array(frames, frames[0].dtype)  # np.stack would change the byte order


def simple(path, frames=20, shape=(30, 50), dtype="<u2", crop=None, step=1, **more):
    recording = made.RecordingMaker(path, every_nth=step, **more)
    recording.begin_series(shape, dtype, crop=crop)
    for number in range(frames):
        if number == frames // 2:
            recording.split()
        recording.add()
    return recording.close()


def test_npy_of_every_layout_is_bit_exact():
    cases = [("plain", (32, 64), "<u2", None), ("plain", (32, 64), "<u2", (32, 61)), ("rows", (255, 320), "|u1", None),
             ("rows", (255, 320), "|u1", (250, 317)), ("record", (30, 50), "<u2", None),
             ("record", (48, 68), "|u1", (48, 66)), ("record", (7, 9, 3), "|u1", (7, 8, 3)),
             ("record", (5, 6, 7), "<f4", (4, 6, 5)), ("record", (13,), ">i2", None), ("blob", (30, 50), "<u2", None)]
    for layout, shape, dtype, crop in cases:
        with Workspace() as path:
            recording = made.RecordingMaker(path("r"))
            recording.begin_series(shape, dtype, crop=crop, layout=layout)
            for number in range(7):
                if number == 4:
                    recording.split()
                recording.add()
            recording.close()
            archive("export", path("r"), path("a.npy"))
            array = np.load(path("a.npy"))
            wanted = stack(recording.good_pixels())
            assert array.dtype == wanted.dtype and array.tobytes() == wanted.tobytes(), (layout, shape, dtype, crop)


def test_npy_is_what_numpy_saves():
    with Workspace() as path:
        recording = simple(path("r"))
        archive("export", path("r"), path("a.npy"))
        np.save(path("b.npy"), stack(recording.good_pixels()))
        with open(path("a.npy"), "rb") as ours, open(path("b.npy"), "rb") as numpys:
            assert ours.read() == numpys.read()


def test_ranges_choose_the_same_frames_in_every_way():
    with Workspace() as path:
        pixels = simple(path("r"), step=5).good_pixels()  # sequence 0, 5 … 95; pts = sequence in ms
        for option, text, chosen in [
                ("--frames", "3:7", range(15, 35)), ("--frames", ":2", range(0, 10)),
                ("--frames", "18:", range(90, 100)),
                ("--frames", "4", range(20, 21)), ("--sequence", "15:35", range(15, 35)),
                ("--sequence", "16:31", range(16, 31)), ("--sequence", "95", range(95, 96)),
                ("--sequence", "90:2000", range(90, 100)), ("--time", "0.015:0.035", range(15, 35)),
                ("--time", ":0.0101", range(0, 11)), ("--time", "0.09:", range(90, 100))]:
            archive("export", path("r"), path("a.npy"), option, text, "--force")
            wanted = stack({sequence: p for sequence, p in pixels.items() if sequence in chosen})
            assert np.array_equal(np.load(path("a.npy")), wanted), (option, text)


def test_time_counts_from_the_first_frame():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((30, 50))
        for sequence in range(100, 120):
            recording.add(sequence=sequence)
        recording.close()
        archive("export", path("r"), path("a.npy"), "--time", "0.005:0.01")
        wanted = stack({s: p for s, p in recording.good_pixels().items() if 105 <= s < 110})
        assert np.array_equal(np.load(path("a.npy")), wanted)


def test_ranges_that_make_no_sense_are_refused():
    with Workspace() as path:
        simple(path("r"))
        for option, text, says in [
                ("--frames", "7:3", "ends before it begins"), ("--frames", "3:3", "empty"),
                ("--frames", "20:", "0 to 19"),
                ("--sequence", "50:60", "sequence 0 to 19"), ("--sequence", "a:3", "no number"),
                ("--frames", "", "missing"),
                ("--sequence", "3:b", "no number"), ("--frames", "1:2:3", "no number"),
                ("--frames", "-1:3", "no number"),
                ("--time", "1.5", "no range"), ("--time", "2:1", "ends before"), ("--time", "nan:", "no number"),
                ("--time", "5:6", "no such frame"), ("--frames", "18446744073709551616", "no range")]:
            refused("export", path("r"), path("a.npy"), f"{option}={text}", says=says, status=USAGE)
        refused("export", path("r"), path("a.npy"), "--frames=1:2", "--time=0:1", says="--time", status=USAGE)
        assert set(os.listdir(path())) == {"r"}


def test_bad_and_damaged_frames_are_left_out_and_named():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((32, 64))
        for number in range(10):
            recording.add_bad() if number == 3 else recording.add()
        recording.close()
        with open(path("r", "frames-000000.npy"), "r+b") as file:
            file.seek(4096 + 7 * 4096 + 100)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 1]))
        output = archive("export", path("r"), path("a.npy"), status=FAULTS)
        assert "8 frames" in output and "frame 3, sequence 3: it could not" in archive.errors, archive.errors
        assert "frame 7, sequence 7: its bytes are not" in archive.errors, archive.errors
        pixels = recording.good_pixels()
        damaged = pixels.pop(7)
        assert np.array_equal(np.load(path("a.npy")), stack(pixels))
        archive("export", path("r"), path("b.npy"), "--no-verify", "--sequence", "7")
        assert np.count_nonzero(np.load(path("b.npy"))[0] != damaged) == 1


def decode(prefix, shape, dtype):
    """As the original program's decoder does: all files in order, the shape from the user."""
    names = sorted(glob.glob(prefix + "_*.bin"))
    return names, np.concatenate([np.fromfile(name, dtype).reshape(-1, *shape) for name in names])


def test_bin_and_idx_decode():
    with Workspace() as path:
        recording = simple(path("r"), shape=(48, 68), dtype="|u1", crop=(48, 66), step=5)
        frame = 48 * 66
        archive("export", path("r"), path("run"), "--format", "bin", "--segment-bytes", frame * 6 + 5)
        names, pixels = decode(path("run"), (48, 66), "u1")
        assert [os.path.basename(name) for name in names] == [f"run_{i:06}.bin" for i in range(4)]
        assert np.array_equal(pixels, stack(recording.good_pixels()))
        found = {}
        for name in names:
            data = np.fromfile(name, "u1")
            with open(name[:-4] + ".idx", encoding="ascii") as lines:
                for line in lines:
                    assert line.endswith("\n") and line.count(" ") == 1, line
                    sequence, offset = map(int, line.split())
                    found[sequence] = data[offset:offset + frame].reshape(48, 66)
        assert found.keys() == recording.good_pixels().keys()
        assert all(np.array_equal(found[s], p) for s, p in recording.good_pixels().items())


def test_the_directory_of_the_output_is_made():
    with Workspace() as path:
        simple(path("r"))
        for output, arguments, made_file in ((("raw", "run"), ["--format", "bin"], "run_000000.bin"),
                                             (("arrays", "a.npy"), [], "a.npy"), (("index", "a.csv"), [], "a.csv"),
                                             (("pictures", "p/"), ["--format", "png"], "p")):
            archive("export", path("r"), path(*output), *arguments)
            assert made_file in os.listdir(path(output[0])), output
        # One that nothing was put into goes again.
        refused("export", path("r"), path("more", "one.png"), says="one picture", status=USAGE)
        assert not os.path.exists(path("more"))


def test_examples_of_the_help_work_as_they_are():
    with Workspace() as path:
        recording = made.RecordingMaker(path("run-42"))
        recording.begin_series((4, 4))
        for sequence in range(0, 2400):
            recording.add(sequence=sequence)
        recording.close()
        lines = [line.strip().split("  ")[0] for command in ([], ["info"], ["verify"], ["recover"], ["export"])
                 for line in archive(*command, "--help").splitlines()
                 if line.startswith("  dmaslab-archive ") and "COMMAND" not in line]
        assert len(lines) > 15, lines
        for line in lines:
            for name in os.listdir(path()):
                if name.endswith(".npy"):
                    os.remove(path(name))
            words = shlex.split(line.split("|")[0].split(">")[0])
            archive(*words[1:], directory=path())


def test_bin_of_encoded_frames():
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series(None, "|u1")
        for _ in range(9):
            recording.add()
        recording.close()
        archive("export", path("r"), path("jpegs.bin"))
        with open(path("jpegs_000000.bin"), "rb") as file:
            assert file.read() == b"".join(data for _, data in recording.frames)
        with open(path("jpegs_000000.idx"), encoding="ascii") as lines:
            offsets = [int(line.split()[1]) for line in lines]
        assert offsets == [sum(len(d) for _, d in recording.frames[:i]) for i in range(9)]
        refused("export", path("r"), path("a.npy"), says=["encoded", "--format bin"], status=USAGE)


def test_planes_with_unequal_strides_lose_their_padding():
    """I420 of 6x4: rows of 8 and 4 bytes in memory, 6 and 3 of pixels."""
    planes = [{"offset": 0, "row_bytes": 6, "stride": 8, "rows": 4},
              {"offset": 32, "row_bytes": 3, "stride": 4, "rows": 2},
              {"offset": 40, "row_bytes": 3, "stride": 4, "rows": 2}]
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((48,), "|u1", planes=planes,
                               caps="video/x-raw, format=(string)I420, width=(int)6, height=(int)4")
        for _ in range(3):
            recording.add()
        recording.close()
        archive("export", path("r"), path("a.npy"))
        wanted = [np.concatenate([p[:32].reshape(4, 8)[:, :6].ravel(), p[32:].reshape(4, 4)[:, :3].ravel()])
                  for _, p in recording.frames]
        assert np.array_equal(np.load(path("a.npy")), wanted)


def test_a_change_of_format_is_one_clear_error():
    with Workspace() as path:
        recording = made.sample_series(path("r"))
        refused("export", path("r"), path("a.npy"), says=["--frames 0:10", "--frames 10:"], status=USAGE)
        archive("export", path("r"), path("a.npy"), "--frames", "10:20")
        assert np.array_equal(np.load(path("a.npy")), np.stack([p for _, p in recording.frames[10:20]]))
    with Workspace() as path:  # the same pictures, padded otherwise: one array
        recording = made.RecordingMaker(path("r"))
        for width in (60, 64):
            recording.begin_series((48, width), "|u1", crop=(48, 58))
            for _ in range(3):
                recording.add()
        recording.close()
        archive("export", path("r"), path("a.npy"))
        assert np.array_equal(np.load(path("a.npy")), stack(recording.good_pixels()))


def test_csv_is_the_index():
    with Workspace() as path:
        made.sample_lab(path("r"))
        archive("export", path("r"), path("i.csv"))
        printed = archive("export", path("r"), "-", "--format", "csv")
        with open(path("i.csv"), encoding="ascii") as file:
            assert file.read() == printed
        rows = list(csv.DictReader(io.StringIO(printed)))
        index = np.concatenate([np.load(path("r", f"index-{i:06}.npy")) for i in (0, 1)])
        assert [int(row["frame"]) for row in rows] == list(range(37))
        for row, record in zip(rows, index):
            for field in set(made.INDEX.names) - {"hash"}:
                assert int(row[field]) == record[field], (field, row)
            assert row["hash"] == ("" if record["flags"] & made.BAD else f"{record['hash']:016x}")
        part = archive("export", path("r"), "-", "--format", "csv", "--frames", "15:19").splitlines()
        assert part[1:] == printed.splitlines()[16:20]
        simple(path("unknown"), 2, hashed=False)
        with open(path("unknown", "index-000000.npy"), "r+b") as file:
            file.seek(4096 + 8)
            file.write(b"\xff" * 24)  # pts, capture, utc: -1
            file.seek(8, 1)
            file.write(b"\xff" * 8)  # device
        row = next(csv.DictReader(io.StringIO(archive("export", path("unknown"), "-", "--format", "csv"))))
        assert [row[field] for field in ("pts", "capture", "utc", "hash", "device")] == [""] * 5, row


def test_crashed_recording_is_exported_as_far_as_it_counts():
    with Workspace() as path:
        recording = made.sample_crashed(path("r"))
        before = files_below(path("r"))
        archive("export", path("r"), path("a.npy"))
        assert np.array_equal(np.load(path("a.npy")), np.stack([p for _, p in recording.frames[:27]]))
        assert files_below(path("r")) == before


if __name__ == "__main__":
    main(tests_of(sys.modules[__name__]))
