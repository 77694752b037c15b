#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs clang-tidy over lib/ and gst/ within a bounded time.

  tidy.py BUILDDIR JOBS SECONDS [--changed]

BUILDDIR has a compile_commands.json. --changed: only files that differ from the last commit. The files are taken
in an order that follows their content, so that over many commits a short bound still sees them all.
Status: 0 clean, 1 findings, 75 clean as far as it came.
"""

import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys
import time


def changed_files(root):
    command = ["git", "-c", "safe.directory=*", "-C", root, "status", "--porcelain", "-uall"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {os.path.realpath(os.path.join(root, line[3:])) for line in listed}


def main(build_dir, jobs, seconds, only_changed):
    root = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    with open(os.path.join(build_dir, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    sources = {os.path.realpath(os.path.join(e["directory"], e["file"])) for e in entries}
    own = tuple(os.path.join(root, folder) + os.sep for folder in ("lib", "gst"))
    sources = {s for s in sources if s.startswith(own)}
    if only_changed:
        sources &= changed_files(root)

    def content_order(path):
        with open(path, "rb") as file:
            return hashlib.sha1(file.read()).digest()

    deadline = time.monotonic() + seconds

    def tidy(path):
        left = deadline - time.monotonic()
        if left <= 1:
            return path, None, ""
        # gcc-only warning flags in the commands are none of clang-tidy's business.
        command = ["clang-tidy", "-quiet", "-p", build_dir, "--extra-arg=-Wno-unknown-warning-option", path]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=left, check=False)
        except subprocess.TimeoutExpired:
            return path, None, ""
        return path, done.returncode, done.stdout + ("" if done.returncode == 0 else done.stderr)

    not_reached, dirty = 0, 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for path, status, output in pool.map(tidy, sorted(sources, key=content_order)):
            if status is None:
                not_reached += 1
            elif status != 0:
                dirty += 1
                print(f"{os.path.relpath(path, root)}:\n{output.strip()}", flush=True)
    print(f"clang-tidy: {len(sources)} files, {dirty} with findings, {not_reached} not reached in {seconds} s")
    if dirty:
        return 1
    return 75 if not_reached else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), "--changed" in sys.argv[4:]))
