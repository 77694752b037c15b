#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the experiments of tests/bench and writes benchmarks.md, .json and .svg.

  compare.py --build DIR [--out DIR] [--scratch DIR] [--quick] [--rounds N] [--patience S] [--list] [--render] [NAME…]
"""

import argparse
import datetime
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys

from experiment import Limit
from experiments import experiments
from pairing import LegFailed, LegMissing, bootstrap_interval, ratio, run_rounds
from render import render

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""
    except OSError:
        return ""


def built_revision():
    changed = first_line(["git", "status", "--porcelain", "--untracked-files=no", "--", "lib", "gst"])
    return (first_line(["git", "rev-parse", "--short=12", "HEAD"]) or "unknown") + (
        " with local changes" if changed else "")


def context(revision):
    model = "unknown CPU"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    virtual = first_line(["systemd-detect-virt"]) or ("a virtual machine" if "hypervisor" in open(
        "/proc/cpuinfo", encoding="ascii", errors="replace").read() else "bare metal")
    limit = resource.getrlimit(resource.RLIMIT_RTPRIO)[0]
    return {
        "cpu": f"{os.cpu_count()} x {model}",
        "machine": virtual,
        "kernel": platform.release(),
        "gstreamer": first_line(["gst-launch-1.0", "--gst-version"]) or first_line(["gst-launch-1.0", "--version"]),
        "compiler": first_line(["c++", "--version"]),
        "rights": "root (SCHED_FIFO allowed)" if os.geteuid() == 0 else f"not root, RLIMIT_RTPRIO {limit}",
        "revision": revision,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "load": os.getloadavg()[0],
    }


def disk_of(folder):
    """What a figure of a disk depends on."""
    device = first_line(["findmnt", "-no", "SOURCE", "-T", folder])
    file_system = first_line(["findmnt", "-no", "FSTYPE,OPTIONS", "-T", folder])
    queue = f"/sys/class/block/{os.path.basename(device)}/queue/"
    settings = []
    for name in ("write_cache", "scheduler"):
        chosen = first_line(["cat", queue + name])
        if chosen:  # of a choice, the word in brackets
            chosen = re.sub(r".*\[(.*)\].*", r"\1", chosen)
            settings.append(f"{name.replace('_', ' ')} {chosen}")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 30
    return f"{' '.join([device, *file_system.split()])} ({', '.join(settings)}), {memory} GiB of memory"


def judge(met, firm):
    if not met:
        return "missed"
    return "met" if firm else "met, interval beyond"


def evaluate(row, results):
    if isinstance(row, Limit):
        values = [result[row.metric] for result in results[row.leg] if result.get(row.metric) is not None]
        if not values:
            return {"title": row.title, "kind": "limit", "verdict": "not measured"}
        value = max(values, key=abs) if row.worst else statistics.median(values)
        low, high = bootstrap_interval(values)
        found = {"title": row.title, "kind": "limit", "leg": row.leg, "value": value, "low": low, "high": high,
                 "limit": row.limit, "unit": row.unit, "rounds": len(values)}
        found["verdict"] = "" if row.context else judge(abs(value) <= row.limit, row.worst or high <= row.limit)
        return found
    found = ratio(results, row.metric, row.ours, row.peers, row.more_is_better, row.their_metric)
    if not found:
        return {"title": row.title, "kind": "ratio", "goal": row.goal, "verdict": "not measured, the machine was busy"}
    found["peer"] = row.their_name or found["peer"]
    for key in ("ours", "theirs"):
        found[key] *= row.scale
    found["all_peers"] = {peer: value * row.scale for peer, value in found["all_peers"].items()}
    found.update(title=row.title, kind="ratio", leg=row.ours, unit=row.unit, goal=row.goal, reach=row.reach,
                 more_is_better=row.more_is_better)
    if row.context:
        found["verdict"] = ""
    elif row.more_is_better:
        found["verdict"] = judge(found["ratio"] >= row.goal, found["low"] >= row.goal)
    else:
        found["verdict"] = judge(found["ratio"] <= row.goal, found["high"] <= row.goal)
    return found


def has_element(name):
    # Not --exists: without a version it wants that of GStreamer itself.
    return name is None or subprocess.run(["gst-inspect-1.0", name], capture_output=True, check=False).returncode == 0


def huge_pages():
    """How many there are to be had."""
    found = 0
    for name in ("/proc/sys/vm/nr_overcommit_hugepages", "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"):
        try:
            with open(name, encoding="ascii") as file:
                found += int(file.read())
        except (OSError, ValueError):
            pass
    return found


def measure(experiment, options, revision):
    if experiment.needs_root and os.geteuid() != 0:
        return {"skipped": "needs real-time rights: run as root"}
    if huge_pages() < experiment.needs_huge_pages:
        return {"skipped": f"needs {experiment.needs_huge_pages} huge pages: sysctl vm.nr_overcommit_hugepages="
                           f"{experiment.needs_huge_pages}"}
    if not has_element(experiment.needs_element):
        return {"skipped": f"the element {experiment.needs_element} is not there"}
    rounds = options.rounds or (experiment.quick_rounds if options.quick else experiment.rounds)
    try:
        results, repeats = run_rounds(experiment.legs, rounds, options.patience)
    except LegMissing as missing:
        return {"skipped": str(missing)}
    rows = [evaluate(row, results) for row in experiment.rows]
    where = {"disk": disk_of(options.scratch)} if experiment.on_disk else {}
    return {"what": experiment.what, "rounds": rounds, "quick": options.quick, "repeated_for_steal": repeats,
            "context": {**context(revision), **where}, "rows": rows,
            "results": {leg: {metric: [result.get(metric) for result in taken] for metric in taken[0]
                              if metric != "location"}  # a place on this machine
                        for leg, taken in results.items()}}


def describe(row):
    if "value" not in row and "ratio" not in row:
        return f"{row['title']}: {row['verdict']}"
    if row["kind"] == "limit":
        goal = "" if row["limit"] is None else f" (goal <= {row['limit']:g})"
        return f"{row['title']}: {row['value']:.4g} {row['unit']}{goal} {row['verdict']}"
    goal = "" if row["goal"] is None else f" (goal {'>=' if row['more_is_better'] else '<='} {row['goal']:g})"
    return (f"{row['title']}: {row['ratio']:.3g} [{row['low']:.3g}, {row['high']:.3g}] of {row['peer']}, "
            f"{row['ours']:.4g} against {row['theirs']:.4g} {row['unit']}{goal} {row['verdict']}")


def load(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {"experiments": {}}


def save(found, path, everything):
    order = [e.name for e in everything if e.name in found["experiments"]]
    found["experiments"] = {name: found["experiments"][name] for name in order}
    text = json.dumps(found, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[^][{}\"]*\]", lambda numbers: re.sub(r"\s+", " ", numbers[0]), text)  # a list on a line
    with open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="the build directory")
    parser.add_argument("--out", default=os.path.join(ROOT, "docs"))
    parser.add_argument("--scratch", help="where recordings are written and removed again (BUILD/bench-scratch): the disk "
                        "that is measured; 20 GB must be free")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, shorter legs")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="the same as NAME")
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="this experiment, or those whose names begin so (archive); the others keep their figures")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--patience", type=float, default=20,
                        help="seconds an experiment may wait for others to leave the CPUs alone")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--render", action="store_true", help="write table and plot anew from the JSON")
    options = parser.parse_args()
    options.only += options.names
    # A directory of this run's own: it is removed with all that is in it.
    options.scratch = os.path.join(os.path.abspath(options.scratch or options.build), "bench-scratch")

    everything = experiments(os.path.join(options.build, "tests", "bench"), options.quick, options.scratch)
    chosen = [e for e in everything if not options.only or any(e.name.startswith(o) for o in options.only)]
    if options.list:
        print("\n".join(f"{e.name:24} {e.what}" for e in everything))
        return 0
    if not chosen:
        print(f"no experiment {options.only}; there are: {' '.join(e.name for e in everything)}", file=sys.stderr)
        return 2
    os.makedirs(options.out, exist_ok=True)
    path = os.path.join(options.out, "benchmarks.json")
    found = load(path)
    failures = 0
    revision = built_revision()  # now, right after the build: the tree may move on during the run
    for experiment in [] if options.render else chosen:
        print(f"== {experiment.name}: {experiment.what}", flush=True)
        try:
            os.makedirs(options.scratch, exist_ok=True)
            measured = measure(experiment, options, revision)
        except LegFailed as failure:
            measured = {"skipped": "a leg failed", "failure": str(failure)}
            failures += 1
            print(f"   FAILED {failure}", file=sys.stderr)
        finally:
            shutil.rmtree(options.scratch, ignore_errors=True)
        if "skipped" in measured:
            print(f"   skipped: {measured['skipped']}")
            if experiment.name not in found["experiments"]:
                found["experiments"][experiment.name] = {"skipped": measured["skipped"]}
            continue
        for row in measured["rows"]:
            print("   " + describe(row), flush=True)
        found["experiments"][experiment.name] = measured
        save(found, path, everything)  # what is measured stays, whatever happens next
    save(found, path, everything)
    render(found, options.out)
    print(f"wrote {path} and benchmarks.md, benchmarks.svg beside it")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
