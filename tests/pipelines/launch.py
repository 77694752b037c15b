# SPDX-License-Identifier: LGPL-2.1-or-later
"""gst-launch-1.0 as users run it, and what it printed. Tests are functions; their results come out as TAP."""
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import traceback

PATIENCE = 60  # seconds; reaching it is a failure, never a measurement


class Skip(Exception):
    """This test cannot run here, and why."""


class Run:
    """One finished run of gst-launch-1.0."""

    def __init__(self, status, output):
        self.status = status
        self.output = output
        self.last = {}  # element -> its latest statistics
        for text in re.findall(r"dmaslab-stats, (.*);", output):
            fields = parse_fields(text)
            self.last[fields["element"]] = fields

    def stats(self, element):
        assert element in self.last, f"no dmaslab-stats of {element}; of {sorted(self.last)}\n{self.output[-3000:]}"
        return self.last[element]

    def expect_success(self):
        assert self.status == 0, f"status {self.status}\n{self.output[-3000:]}"
        return self


def parse_fields(text):
    fields = {}
    for name, kind, quoted, plain in re.findall(r'([\w-]+)=\((\w+)\)(?:"((?:[^"\\]|\\.)*)"|([^,;]*))', text):
        value = quoted or plain
        if kind in ("guint64", "uint", "int"):
            value = int(value)
        elif kind == "double":
            value = float(value)
        fields[name] = value
    return fields


def launch(line, directory=None, environment=None, interrupt_after=None):
    """Runs a line; with interrupt_after it gets Ctrl-C so many seconds after it started to play."""
    command = line if line.lstrip().startswith("gst-") else "gst-launch-1.0 -m " + line
    # exec: a signal must reach gst-launch-1.0, not a shell in front of it.
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(
            shlex.split(command), cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            env={**os.environ, "GST_DEBUG_NO_COLOR": "1", "LC_ALL": "C", **(environment or {})}
        )
        try:
            if interrupt_after is not None:
                deadline = time.monotonic() + PATIENCE
                while child.poll() is None and time.monotonic() < deadline and not is_playing(out):
                    time.sleep(0.05)
                try:
                    child.wait(interrupt_after)
                except subprocess.TimeoutExpired:
                    child.send_signal(signal.SIGINT)
            status = child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            status = "no end"
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        out.seek(0)
        return Run(status, out.read())


def is_playing(out):
    # A descriptor of its own: the child writes at the position of the other one.
    with open(f"/proc/self/fd/{out.fileno()}", encoding="utf-8", errors="replace") as text:
        printed = text.read()
    return "Setting pipeline to PLAYING" in printed or "PLAYING ..." in printed


def expect_conservation(stats):
    dropped = sum(value for name, value in stats.items() if name.startswith("dropped-"))
    assert stats["dropped"] == dropped, stats
    assert stats["frames-in"] == stats["frames-out"] + stats["dropped"] + stats["frames-in-flight"], stats
    assert stats["frames-in-flight"] == 0, stats


def main(tests):
    print(f"1..{len(tests)}")
    failed = 0
    for number, (name, test) in enumerate(tests.items(), 1):
        name = name.replace("_", " ").replace("#", "")
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Skip as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except Exception:  # whatever went wrong is this test's failure and not the end of the others
            failed += 1
            print(f"not ok {number} - {name}", flush=True)
            print("\n".join("# " + text for text in traceback.format_exc().splitlines()), flush=True)
    sys.exit(1 if failed else 0)


def tests_of(module):
    """Its functions test_*, in the order they are written."""
    return {name[len("test_"):]: value for name, value in vars(module).items() if name.startswith("test_")}
