# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the legs of an experiment in turn (A B B A …) and makes ratios of them.

A machine that others use too is not the same from one second to the next. Both sides of a ratio therefore come from
the same round, the order turns round from one round to the next, and a round during which the hypervisor took the
CPUs away is run again.
"""

import json
import os
import random
import statistics
import subprocess
import time

STEAL_LIMIT = 0.02  # of the wall time of a round, over all CPUs
MOST_REPEATS = 5    # of stolen rounds, for one experiment


def cpu_times():
    """Jiffies of all CPUs: (busy, idle, stolen)."""
    with open("/proc/stat", encoding="ascii") as stat:
        words = [int(word) for word in stat.readline().split()[1:9]]
    user, nice, system, idle, iowait, irq, softirq, steal = words
    return user + nice + system + irq + softirq, idle + iowait, steal


def wait_until_quiet(patience, busy_limit=0.15):
    """Waits for a moment in which others leave the CPUs alone; gives the seconds of patience that are left."""
    while patience > 0:
        before = cpu_times()
        time.sleep(0.3)
        busy, idle, steal = (b - a for a, b in zip(before, cpu_times()))
        patience -= 0.3
        if busy + steal <= busy_limit * max(1, busy + idle + steal):
            break
    return max(0.0, patience)


class LegFailed(Exception):
    pass


class LegMissing(Exception):
    """The leg cannot run on this machine; the reason is the text."""


def run_leg(command, parse, environment, timeout):
    env = dict(os.environ)
    env.update(environment)
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise LegMissing(f"{command[0]} is not there") from error
    except subprocess.TimeoutExpired as error:
        raise LegFailed(f"no end after {timeout} s: {' '.join(command)}") from error
    if done.returncode != 0:
        raise LegFailed(f"status {done.returncode}: {' '.join(command)}\n{(done.stderr or done.stdout)[-800:]}")
    return parse(done.stdout)


def parse_json_line(text):
    return json.loads(text.strip().splitlines()[-1])


def run_rounds(legs, rounds, patience):
    """legs: {label: Leg}. Gives ({label: [result of each round]}, rounds repeated for steal)."""
    results = {label: [] for label in legs}
    order = list(legs)
    repeats = 0
    kept = -1  # the first round warms up
    turn = 0
    while kept < rounds:
        patience = wait_until_quiet(patience)
        before, started = cpu_times(), time.monotonic()
        found = {}
        for label in order if turn % 2 == 0 else reversed(order):
            leg = legs[label]
            if kept < 0 and not leg.warm_up:
                continue
            found[label] = run_leg(leg.command, leg.parse, leg.environment, leg.timeout)
        turn += 1
        stolen = (cpu_times()[2] - before[2]) / os.sysconf("SC_CLK_TCK")
        wall = (time.monotonic() - started) * (os.cpu_count() or 1)
        if kept >= 0 and stolen > STEAL_LIMIT * wall and repeats < MOST_REPEATS:
            repeats += 1
            continue
        if kept >= 0:
            for label, result in found.items():
                results[label].append(result)
        kept += 1
    return results, repeats


def bootstrap_interval(values, confidence=0.95, samples=4000):
    """Of the median; seeded, so that the same rounds give the same interval."""
    if len(values) < 3:
        return min(values), max(values)
    dice = random.Random(20240229)
    medians = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(samples))
    tail = (1 - confidence) / 2
    return medians[int(tail * samples)], medians[int((1 - tail) * samples) - 1]


def ratio(results, metric, ours, peers, more_is_better, their_metric=None):
    """Against the peer that is best by its median; None where a side could not be measured."""
    theirs_is = their_metric or metric

    def known(leg, what):
        return [result[what] for result in results[leg] if result.get(what) is not None]

    if not known(ours, metric) or not all(known(peer, theirs_is) for peer in peers):
        return None
    medians = {peer: statistics.median(known(peer, theirs_is)) for peer in peers}
    best = (max if more_is_better else min)(medians, key=medians.get)
    pairs = [mine[metric] / theirs[theirs_is] for mine, theirs in zip(results[ours], results[best])
             if theirs[theirs_is] and mine[metric] is not None]
    if not pairs:
        return None
    low, high = bootstrap_interval(pairs)
    return {
        "peer": best,
        "ratio": statistics.median(pairs),
        "low": low,
        "high": high,
        "pairs": len(pairs),
        "ours": statistics.median(known(ours, metric)),
        "theirs": medians[best],
        "all_peers": medians,
    }
