#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What dmaslab-archive refuses, and that it touches nothing. errors_test.py TOOL"""
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

from archive_tool import (FAILED, FAULTS, OK, TOOL, USAGE, Workspace, archive, files_below, made, main, np, refused,
                          tests_of)
from launch import PATIENCE

READERS = (["info"], ["info", "--losses"], ["info", "--json"], ["verify"], ["verify", "--json"])


def small(path):
    recording = made.RecordingMaker(path)
    recording.begin_series((32, 64))
    for number in range(10):
        if number == 5:
            recording.split()
        recording.add()
    return recording.close()


def change_manifest(path, **changes):
    """A dotted name is a path in the manifest: series.0.layout"""
    with open(path("r", "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    for name, value in changes.items():
        place, names = manifest, name.split(".")
        for key in names[:-1]:
            place = place[int(key)] if key.isdigit() else place[key]
        place[names[-1]] = value
    with open(path("r", "manifest.json"), "w", encoding="utf-8") as file:
        json.dump(manifest, file)


def refuse_everywhere(path, says, status=FAILED):
    """Every command that reads says the same, and nothing is made or changed."""
    before = files_below(path())
    for command in READERS:
        refused(*command, path("r"), says=says, status=status)
    for output in ("a.npy", "a.bin", "a.csv", "a.png"):
        refused("export", path("r"), path(output), says=says, status=status)
    refused("export", path("r"), path("d"), "--format=pgm", says=says, status=status)
    assert files_below(path()) == before


def test_no_recording_there():
    with Workspace() as path:
        refuse_everywhere(path, path("r"))
        with open(path("r"), "w", encoding="ascii") as file:
            file.write("no directory")
        refuse_everywhere(path, path("r"))
    with Workspace() as path:
        os.mkdir(path("r"))
        refuse_everywhere(path, "manifest.json")


def test_recording_that_has_only_begun():
    with Workspace() as path:
        recording = small(path("r"))
        for name in os.listdir(path("r")):
            os.remove(path("r", name))
        recording.write_losses()
        says = "no recording yet: its first segment is still being made, or its writer died before that"
        refuse_everywhere(path, says)
        refused("recover", path("r"), says=says, status=FAILED)
        recording.write_segment(recording.segments[0], 0, 0)
        refused("info", path("r"), says=says, status=FAILED)
        recording.write_segment(recording.segments[0], 5, 5)
        refuse_everywhere(path, "its manifest.json is gone; restore it")


def test_damaged_manifest_says_where_and_what_helps():
    with Workspace() as path:
        small(path("r"))
        with open(path("r", "manifest.json"), encoding="utf-8") as file:
            lines = file.read().splitlines()
        for broken, says in (([*lines[:4], "  what,", *lines[5:]], "is damaged at line 5: "), (lines[:7], "it ends there"),
                             ([], "it is empty"), (["[" * 65], "64")):
            with open(path("r", "manifest.json"), "w", encoding="utf-8") as file:
                file.write("\n".join(broken))
            refused("info", path("r"), says=[says, "manifest.json", "can still be opened with numpy"], status=FAILED)
            archive("info", path("r"), status=FAILED)
            assert "json.exception" not in archive.errors and "syntax" not in archive.errors, archive.errors
    with Workspace() as path:
        small(path("r"))
        change_manifest(path, version=9)
        refuse_everywhere(path, "is of version 9, this program reads version 1: use a newer dmaslab")
        change_manifest(path, version=0)
        refuse_everywhere(path, "is of version 0, this program reads version 1")


def test_manifest_that_is_none():
    for text in (b"", b"{", b"[]", b"null", b"\xff\xfe{}", b'{"format": "other"}', b"[" * 100000, b'"' * 1000):
        with Workspace() as path:
            small(path("r"))
            with open(path("r", "manifest.json"), "wb") as file:
                file.write(text)
            refuse_everywhere(path, "manifest.json")


def test_manifest_that_is_another_ones():
    wrong = [{"version": 2}, {"version": 0}, {"format": "dmaslab-something"}, {"state": "sleeping"},
             {"series.0.layout": "spiral"}, {"series.0.dtype": "<f7"}, {"series.0.shape": [32, 65]},
             {"series.0.shape": [2**62, 2**62]}, {"series.0.record_bytes": 4095}, {"series.0.crop": [40, 64]},
             {"segments.1.series": 7}, {"segments.0.series": -1}, {"segments": {}}, {"series": "none"}]
    for changes in wrong:
        with Workspace() as path:
            small(path("r"))
            change_manifest(path, **changes)
            refuse_everywhere(path, "manifest.json")


def test_files_that_are_missing():
    for name in ("frames-000001.npy", "index-000001.npy"):
        with Workspace() as path:
            recording = small(path("r"))
            os.remove(path("r", name))
            archive("verify", path("r"), status=FAULTS)
            # What is left is still readable, and an export says that it is not all there is.
            text = archive("info", path("r"))
            assert name in text, text
            archive("export", path("r"), path("a.npy"), status=FAULTS)
            assert name in archive.errors, archive.errors
            assert np.array_equal(np.load(path("a.npy")), np.stack([p for _, p in recording.frames[:5]]))


def test_a_broken_ledger_hides_nothing_else():
    with Workspace() as path:
        small(path("r"))
        with open(path("r", "losses.npy"), "wb") as file:
            file.write(b"no ledger")
        text = archive("info", path("r"))
        assert "problem    " in text and "losses.npy" in text and "frames     10," in text, text
        assert "losses.npy" in json.loads(archive("info", path("r"), "--json"))["problems"][0]
        archive("verify", path("r"), status=FAULTS)


def test_nothing_is_overwritten():
    with Workspace() as path:
        small(path("r"))
        for name in ("a.npy", "a.csv", "one.png", "run_000000.bin", "run_000000.idx"):
            with open(path(name), "w", encoding="ascii") as file:
                file.write("mine")
        before = files_below(path())
        for arguments in (["a.npy"], ["a.csv"], ["one.png", "--frames", "1"], ["run", "--format", "bin"]):
            refused("export", path("r"), path(arguments[0]), *arguments[1:], says=["exists", "--force"], status=FAILED)
        os.remove(path("run_000000.bin"))
        refused("export", path("r"), path("run.bin"), says="run_000000.idx exists", status=FAILED)
        assert files_below(path()) == {k: v for k, v in before.items() if k != "run_000000.bin"}
        archive("export", path("r"), path("a.npy"), "--force")
        assert len(np.load(path("a.npy"))) == 10


def test_the_recording_itself_is_never_an_output():
    with Workspace() as path:
        small(path("r"))
        before = files_below(path())
        for output in (["r/frames-000000.npy"], ["r/x.csv"], ["r", "--format=png"], ["r/", "--format=png"],
                       ["r/run", "--format=bin"], ["r/new/x.csv"], ["r/../r/new/run", "--format=bin"]):
            refused("export", path("r"), path(output[0]), *output[1:], "--force", says="recording itself", status=USAGE)
        os.symlink("r", path("link"))
        refused("export", path("r"), path("link/x.npy"), "--force", says="recording itself", status=USAGE)
        assert files_below(path("r")) == {k[2:]: v for k, v in before.items()}


def test_command_lines_that_make_no_sense():
    for arguments, says in [([], "command is missing"), (["inspect", "r"], "no command 'inspect': info, verify, recover or export"), (["info"], "RECORDING"),
                            (["export", "r"], "OUT"), (["verify", "r", "--fast"], "--fast"),
                            (["export", "r", "out.tiff"], "--format"), (["export", "r", "out", "-f", "tiff"], "tiff"),
                            (["export", "r", "a.bin", "--segment-bytes", "fish"],
                             ["segment-bytes", "fish", "a size such as 512MB"]),
                            (["export", "r", "a.bin", "--segment-bytes=-5"], "a size such as 512MB"),
                            (["export", "r", "-", "-f", "npy"], ["'-'", "csv"]), (["export", "r", "-"], ["'-'", "csv"]),
                            (["info", "r", "--losses", "--frames", "0:1"], ["--losses", "--frames"])]:
        refused(*arguments, says=says, status=USAGE)


def test_help_tells_options_units_and_exit_status():
    for command in ([], ["info"], ["verify"], ["recover"], ["export"]):
        text = archive(*command, "--help")
        assert "Examples:" in text and len(text.splitlines()) > 15, text
        assert max(map(len, text.splitlines())) <= 105, max(text.splitlines(), key=len)
    assert "Exit status: 0 all right; 1" in archive("--help")
    assert re.fullmatch(r"dmaslab-archive \d+\.\d+\.\d+\n", archive("--version"))


def test_outputs_that_cannot_be():
    with Workspace() as path:
        small(path("r"))
        refused("export", path("r"), path("not", "there", "a.npy"),
                says=["not/there", "make the directories first"], status=FAILED)
        refused("export", path("r"), path("new", "a.bin"), "--segment-bytes", "4095",
                says=["--segment-bytes", "4095", "4096"], status=USAGE)
        assert os.listdir(path()) == ["r"]
        os.mkdir(path("a.npy"))
        refused("export", path("r"), path("a.npy"), "--force", says="no ordinary file", status=USAGE)
        with open("/dev/full", "w", encoding="ascii") as full:
            run = subprocess.run([TOOL, "export", path("r"), "-", "--format", "csv"], stdout=full,
                                 stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
        assert run.returncode == FAILED and b"cannot be written" in run.stderr, run


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def test_interrupted_export_leaves_nothing():
    """The first frame is bad, and standard error is full: the tool waits there until the signal has come."""
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((32, 64))
        recording.add_bad()
        recording.add()
        recording.close()
        reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETFL, os.O_NONBLOCK)
        try:
            while True:
                os.write(writing, b"." * 4096)
        except BlockingIOError:
            fcntl.fcntl(writing, fcntl.F_SETFL, 0)
        run = subprocess.Popen([TOOL, "export", path("r"), path("a.npy")], stdout=subprocess.DEVNULL,
                               stderr=writing)
        os.close(writing)
        wait_for(lambda: len(os.listdir(path())) > 1)
        run.send_signal(signal.SIGINT)
        with os.fdopen(reading, "rb") as errors:
            said = errors.read()
        assert run.wait(PATIENCE) == 130 and b"nothing was exported" in said, (run.returncode, said[-300:])
        assert os.listdir(path()) == ["r"]


def long_index(path, frames=20000):
    """Nothing but an index; the frames are a hole in a file."""
    recording = small(path)
    recording.segments[1:] = []
    index = np.repeat(np.array([recording.segments[0].records[0]]), frames)
    index["sequence"] = index["block"] = np.arange(frames)
    recording.write_segment(recording.segments[0], frames, frames)
    with open(os.path.join(path, "index-000000.npy"), "r+b") as file:
        file.seek(4096)
        file.write(index.tobytes())
    os.truncate(os.path.join(path, "frames-000000.npy"), 4096 + frames * 4096)
    recording.write_manifest("recording", open_last=True)


def errors_on_a_terminal(*arguments):
    """Standard error of a run that takes longer than a progress bar waits, because its output is not read."""
    controller, terminal = pty.openpty()
    run = subprocess.Popen([TOOL, *arguments], stdout=subprocess.PIPE, stderr=terminal)
    os.close(terminal)
    run.stdout.read(1)
    time.sleep(0.25)
    run.stdout.read()
    assert run.wait(PATIENCE) == OK
    said = b""
    try:
        while chunk := os.read(controller, 65536):
            said += chunk
    except OSError:
        pass  # so a terminal ends whose last program is gone
    os.close(controller)
    return said.decode()


def test_progress_is_for_terminals():
    with Workspace() as path:
        long_index(path("r"))
        said = errors_on_a_terminal("export", path("r"), "-", "--format", "csv")
        assert re.search(r"export \[#*\.*\] +\d+ %  \d+ of 20000", said) and said.endswith("\x1b[K"), repr(said)
        assert errors_on_a_terminal("export", path("r"), "-", "--format", "csv", "--quiet") == ""
        archive("export", path("r"), "-", "--format", "csv")
        assert archive.errors == ""


if __name__ == "__main__":
    main(tests_of(sys.modules[__name__]))
