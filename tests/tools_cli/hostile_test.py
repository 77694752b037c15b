#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmaslab-archive on recordings with bytes changed at random: it ends by itself, with a status that it documents,
and neither changes the recording nor leaves half an output. hostile_test.py TOOL

DMASLAB_SOAK=1: the full count. DMASLAB_SEED: begins there.
"""
import json
import os
import re
import resource
import shutil
import subprocess
import sys

from archive_tool import FAILED, FAULTS, OK, TOOL, USAGE, Workspace, files_below, made, main, np, tests_of
from launch import PATIENCE, Skip

ROUNDS = 2000 if os.environ.get("DMASLAB_SOAK") == "1" else 10
SEED = int(os.environ.get("DMASLAB_SEED", "1"))
COMMANDS = (["info"], ["info", "--json", "--frames", "0:100"], ["info", "--losses"], ["verify"], ["recover", "-n"],
            ["export", "OUT.npy"], ["export", "OUT.bin", "--no-verify"], ["export", "OUT", "--format", "png"],
            ["export", "OUT.csv"], ["export", "OUT.npy", "--sequence", "3:", "--no-verify"],
            ["export", "OUT", "--format", "pgm", "--time", "0.002:"])


def mutate(random, data, is_text):
    data = bytearray(data)
    for _ in range(random.integers(1, 5)):
        at = int(random.integers(0, min(len(data), 4096 + 64 * 30)))
        kind = random.integers(0, 4)
        if kind == 0:
            data[at] = random.integers(0, 256)
        elif kind == 1:
            data[at:at + 8] = bytes([random.choice([0, 0x7f, 0x80, 0xff])]) * min(8, len(data) - at)
        elif kind == 2:
            del data[at:at + int(random.integers(1, 3 if is_text else 5000))]
        else:
            numbers = list(re.finditer(rb"\d+", data[:20000]))
            if numbers:
                number = numbers[random.integers(0, len(numbers))]
                values = [b"0", b"-1", b"4294967296", b"18446744073709551615", b"1e9", b"99999999999999999999999"]
                data[number.start():number.end()] = values[random.integers(0, len(values))]
        if not data:
            break
    return bytes(data)


def one_round(path, sample, seed):
    random = np.random.default_rng(seed)
    shutil.copytree(sample, path("r"))
    names = [name for name in sorted(os.listdir(path("r"))) for _ in range(4 if name == "manifest.json" else 1)]
    name = path("r", names[random.integers(0, len(names))])
    with open(name, "rb") as file:
        data = file.read()
    with open(name, "wb") as file:
        file.write(mutate(random, data, name.endswith(".json")))
    before = files_below(path("r"))
    for command, *arguments in COMMANDS:
        arguments = [path(a) if a.startswith("OUT") else a for a in arguments]
        run = subprocess.run([TOOL, command, path("r"), *arguments], capture_output=True, timeout=PATIENCE, check=False)
        told = (seed, command, arguments, run.returncode, run.stderr[-2000:])
        assert run.returncode in (OK, FAULTS, USAGE, FAILED), told
        assert all(line.startswith(b"dmaslab-archive: ") for line in run.stderr.splitlines()), told
        assert run.returncode in (OK, FAULTS) or run.stderr, told
        made_files = [entry for entry in os.listdir(path()) if entry != "r"]
        assert run.returncode < USAGE or not made_files, (told, made_files)
        assert not any(".partial" in entry for entry in made_files), (told, made_files)
        for entry in made_files:
            shutil.rmtree(path(entry), ignore_errors=True)
            if os.path.exists(path(entry)):
                os.remove(path(entry))
    assert files_below(path("r")) == before, seed
    shutil.rmtree(path("r"))


def test_changed_bytes():
    print(f"# seed {SEED}, {ROUNDS} rounds of each sample")
    with Workspace() as path:
        for sample in ("odd", "series", "crashed"):
            made.samples()[sample](path("sample"))
            os.mkdir(path("work"))
            for seed in range(SEED, SEED + ROUNDS):
                one_round(lambda *names: path("work", *names), path("sample"), seed)
            shutil.rmtree(path("work"))
            shutil.rmtree(path("sample"))


def test_a_shape_that_no_memory_could_list():
    """2^31 runs of one byte each: what it says about the frames is told with a manifest's worth of memory."""
    def few_addresses():
        resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))

    if subprocess.run([TOOL, "--version"], capture_output=True, check=False, preexec_fn=few_addresses).returncode != 0:
        raise Skip("this build does not start within 2 GiB of addresses (a sanitizer)")
    with Workspace() as path:
        recording = made.RecordingMaker(path("r"))
        recording.begin_series((64, 64), "|u1", layout="blob")
        recording.add()
        recording.close()
        with open(path("r", "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        for wrong in ({"frame_bytes": 0, "shape": [2**31, 2], "crop": [2**31, 1], "planes": []},
                      {"frame_bytes": 2**31, "shape": [2**31], "crop": None,
                       "planes": [{"offset": 0, "row_bytes": 1, "stride": 2, "rows": 2**30}]}):
            manifest["series"][0].update(wrong)
            with open(path("r", "manifest.json"), "w", encoding="utf-8") as file:
                json.dump(manifest, file)
            run = subprocess.run([TOOL, "export", path("r"), path("a.npy")], capture_output=True, timeout=PATIENCE,
                                 check=False, preexec_fn=few_addresses)
            assert run.returncode in (FAULTS, FAILED) and b"no memory" not in run.stderr, run
            assert b"4096" in run.stderr, run.stderr


if __name__ == "__main__":
    main(tests_of(sys.modules[__name__]))
