# SPDX-License-Identifier: LGPL-2.1-or-later
"""archive_load as a process that can be killed at any moment, and what it has said until then."""
import ctypes
import os
import random
import re
import signal
import subprocess
import sys
import time
import traceback

from launch import Skip

PATIENCE = 90  # seconds; reaching it is a failure, never a measurement
SOAK = os.environ.get("DMASLAB_SOAK") == "1"


def soak_count(sample, full):
    """How often a torture test turns; DMASLAB_ROUNDS says it outright."""
    return int(os.environ.get("DMASLAB_ROUNDS", full if SOAK else sample))


def soak_seed():
    """A new one each run, printed so that a failure can be repeated."""
    given = os.environ.get("DMASLAB_SEED")
    seed = int(given, 0) if given else random.SystemRandom().getrandbits(32)
    print(f"# seed {seed} (repeat with DMASLAB_SEED)", flush=True)
    return seed


def clean_up_when_ended():
    """A test that is told to end leaves its `with` blocks like any other."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("ended from outside"))


def await_condition(condition, what, patience=PATIENCE):
    """Looks again and again; the pause is for the other programs of this machine."""
    deadline = time.monotonic() + patience
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {patience} s")
        time.sleep(0.002)


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class Said:
    """The lines of one run; a line that the kill cut off does not count."""

    def __init__(self, text):
        self.text = text
        self.lines = text[:text.rfind("\n") + 1].splitlines()

    def of(self, word):
        return [line.split(" ", 1)[1] if " " in line else "" for line in self.lines if line.split(" ", 1)[0] == word]

    @property
    def commits(self):
        """(frames durable, given back, pushed) after each commit."""
        return [tuple(map(int, line.split())) for line in self.of("archived")]

    @property
    def counted(self):
        return self.commits[-1][0] if self.commits else 0

    @property
    def lost(self):
        return [(int(line.split()[0]), line.split()[1]) for line in self.of("lost")]

    @property
    def missing(self):
        return [(int(line.split()[0]), line.split()[1]) for line in self.of("missing")]

    def numbers(self, word):
        """The KEY=VALUE line of that name."""
        lines = [line for line in self.of(word) if "=" in line]
        assert len(lines) == 1, f"{len(lines)} lines '{word}' in\n{self.tail()}"
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", lines[0])}

    def tail(self):
        told = [line for line in self.lines[:-15] if line.split(" ", 1)[0] in ("warning", "failed", "error")]
        return "\n".join(told[:10] + self.lines[-15:])

    def expect_one_commit_at_most(self, in_flight):
        """What had been given back when a commit was told is counted by the next one: nothing waits for a second.
        Each open segment has a commit of its own."""
        waiting, lines, open_segments = [], 0, 0
        for line in self.lines:
            word, *values = line.split()
            open_segments += {"opened": 1, "closed": -1}.get(word, 0)
            if word != "archived":
                continue
            lines += 1
            counted, home = int(values[0]), int(values[1])
            for due, written in waiting:
                assert lines < due or counted + len(self.lost) + in_flight >= written, \
                    f"{written} frames were written and {counted} counted {open_segments} open segments later"
            waiting = [(due, written) for due, written in waiting if lines < due]
            waiting.append((lines + 1 + open_segments, home))

    def expect_conservation(self):
        end = self.numbers("end")
        assert end["pushed"] == end["archived"] + end["lost"] + end["pending"], end
        assert end["pending"] == 0 and end["held"] == 0, end
        assert end["sent"] == end["pushed"] == end["released"], end
        assert end["released_twice"] == 0 and end["out"] == 0, end
        assert end["archived"] == end["counted"] and end["lost"] == end["losses"] == len(self.lost), end
        assert end["missing"] == len(self.missing), end
        return end


def option_words(options):
    return [f"--{name}={int(value) if isinstance(value, bool) else value}" for name, value in options.items()]


class Load:
    """One run. The lines go to a file beside the recording's parent, never into it."""

    def __init__(self, program, directory, log, options, prefix=(), environment=None, preexec=None):
        self.directory, self.log = directory, log
        self.command = [*prefix, program, *option_words(options), directory]

        def prepare():
            _die_with_parent()
            if preexec:
                preexec()

        with open(log, "ab") as out:
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                          env={**os.environ, **(environment or {})}, preexec_fn=prepare)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return Said(file.read())

    def await_lines(self, word, count=1):
        """Until so many lines begin with the word, or the run is over."""
        def enough():
            return len(self.said().of(word)) >= count or self.child.poll() is not None
        await_condition(enough, f"{count} lines '{word}' of {' '.join(self.command)}")
        return len(self.said().of(word)) >= count

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        try:
            status = self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no end of {' '.join(self.command)}\n{self.said().tail()}") from None
        return status

    def expect_status(self, *wanted):
        status = self.wait()
        assert status in wanted, f"status {status} of {' '.join(self.command)}\n{self.said().tail()}"
        return self.said()


def report_lines(program, tests):
    """Runs the tests and reports as tests/vm/lane.sh reads it."""
    failed = 0
    for name, test in tests.items():
        name = f"{program}: {name.replace('_', ' ')}"
        try:
            test()
            print(f"PASS {name}", flush=True)
        except Skip as why:
            print(f"SKIP {name}: {why}", flush=True)
        except Exception:  # whatever went wrong is this test's failure and not the end of the others
            failed += 1
            print(f"FAIL {name}\n    " + traceback.format_exc().replace("\n", "\n    "), flush=True)
    sys.exit(1 if failed else 0)
