#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What meson knows about the tests of a build directory, for the lanes of tests/run.sh.

  names   BUILDDIR SUITE…                    the tests of these suites, one per line
  scripts BUILDDIR SUITE…                    those of them that are no compiled program
  registries BUILDDIR SUITE…                 the GStreamer registries they use
  targets BUILDDIR SUITE…                    what ninja has to build for them
  count   BUILDDIR LOGBASE RESULT FAILURES   counts the cases of a finished `meson test --logbase LOGBASE`

Meson reports one result per program. The cases inside come from the JUnit report that it makes of the reports of
GoogleTest and TAP programs; the result of the program decides when the two disagree (a leak found at exit, a
crash before the report was written).
"""

import collections
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

GOOD = {"OK", "EXPECTEDFAIL"}
LINES_OF_A_FAILED_TEST = 80


def introspect(build_dir, what):
    output = subprocess.run(["meson", "introspect", "--" + what, build_dir], check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def tests_of(build_dir, suites):
    """Meson prefixes a suite with the project's name: 'dmaslab:unit'."""
    wanted = set(suites)
    return [t for t in introspect(build_dir, "tests") if wanted & {s.split(":")[-1] for s in t["suite"]}]


def print_targets(build_dir, suites):
    files_of = {t["id"]: t["filename"] for t in introspect(build_dir, "targets")}
    root = os.path.abspath(build_dir)
    built = {f: f for files in files_of.values() for f in files}
    found = set()
    for test in tests_of(build_dir, suites):
        for target in test["depends"]:
            found.update(files_of.get(target, []))
        found.update(word for word in test["cmd"] if word in built)
    print("\n".join(sorted(os.path.relpath(f, root) for f in found)))


def scripts(build_dir, suites):
    root = os.path.abspath(build_dir)
    return [t for t in tests_of(build_dir, suites) if not t["cmd"][0].startswith(root + os.sep)]


def cases_by_program(junit_file):
    """Maps a suite name of the report to its list of (case, state, why)."""
    cases = {}
    if not os.path.exists(junit_file):
        return cases
    for suite in ET.parse(junit_file).getroot().iter("testsuite"):
        for case in suite.findall("testcase"):
            state, why = "passed", ""
            skipped = case.find("skipped")
            broken = case.findall("failure") + case.findall("error")
            if broken:
                state = "failed"
                why = "\n".join(element.text or element.get("message", "") for element in broken)
            elif skipped is not None:
                state, why = "skipped", skipped.get("message", "")
            elif case.get("status") == "notrun":
                state, why = "skipped", "disabled"
            cases.setdefault(suite.get("name", ""), []).append((case.get("name", ""), state, why))
    return cases


def cases_of(cases, name):
    """GoogleTest suites are called project.program.suite, those of TAP project.program; program is the name in the log."""
    own = []
    for suite, members in cases.items():
        path = suite.split(".", 1)[-1]
        if path == name or path.startswith(name + "."):
            own += members
    return own


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def reasons(name, cases):
    """One line per reason, however many cases share it."""
    counted = collections.Counter()
    for case, state, why in cases:
        if state == "skipped":
            # GoogleTest puts the place before the reason.
            reason = re.sub(r"^\S+:\d+\s", "", " ".join(why.split())) or f"{case}: no reason given"
            counted[reason] += 1
    return [f"skipped: {name}: {why}" + (f" ({number} tests)" if number > 1 else "") for why, number in counted.items()]


def count(build_dir, log_base, result_file, failures_file):
    logs = os.path.join(build_dir, "meson-logs")
    programs_log = os.path.join(logs, log_base + ".json")
    if not os.path.exists(programs_log):
        sys.exit(f"meson test left no {programs_log}")
    cases = cases_by_program(os.path.join(logs, log_base + ".junit.xml"))
    total = {"passed": 0, "failed": 0, "skipped": 0}
    notes, failures = [], []
    with open(programs_log, encoding="utf-8") as lines:
        programs = [json.loads(line) for line in lines]
    for program in programs:
        # "project:suite / name", in newer versions "suite - project:name"
        name = program["name"].split(" / ")[-1].split(":")[-1].strip()
        output = program.get("stdout", "") + program.get("stderr", "")
        own = cases_of(cases, program["name"])
        bad = program["result"] not in GOOD | {"SKIP"}
        if not own and not bad and "[==========] Running " in output:
            output += f"\nno report of the cases of {program['name']}"
            bad = True
        failed = [case for case, state, _ in own if state == "failed"]
        for _, state, _ in own:
            total[state] += 1
        if not own and program["result"] == "SKIP":
            total["skipped"] += 1
            notes.append(f"skipped: {name}: {last_line(output)}")
        elif not own and not bad:
            total["passed"] += 1
        if bad and not failed:
            total["failed"] += 1
        notes += reasons(name, own)
        if bad or failed:
            failures.append(f"FAILED {name} ({program['result']}, status {program.get('returncode')}) {' '.join(failed)}")
            texts = [f"{case}: {why}" for case, state, why in own if state == "failed" and why]
            failures += ("\n".join(texts) or output).splitlines()[-LINES_OF_A_FAILED_TEST:]
    with open(result_file, "a", encoding="utf-8") as result:
        for what, number in total.items():
            print(what, number, file=result)
        for text in notes:
            print("note", text, file=result)
    with open(failures_file, "a", encoding="utf-8") as report:
        print("\n".join(failures), file=report)


def main(arguments):
    if len(arguments) >= 2 and arguments[0] == "names":
        for test in sorted(t["name"] for t in tests_of(arguments[1], arguments[2:])):
            print(test)
    elif len(arguments) >= 2 and arguments[0] == "scripts":
        for test in sorted(t["name"] for t in scripts(arguments[1], arguments[2:])):
            print(test)
    elif len(arguments) >= 2 and arguments[0] == "registries":
        for path in sorted({t["env"].get("GST_REGISTRY") for t in tests_of(arguments[1], arguments[2:])} - {None}):
            print(path)
    elif len(arguments) >= 2 and arguments[0] == "targets":
        print_targets(arguments[1], arguments[2:])
    elif len(arguments) == 5 and arguments[0] == "count":
        count(*arguments[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
