# SPDX-License-Identifier: LGPL-2.1-or-later
"""Table and plot of what benchmarks.json holds. The same JSON gives the same files."""

import os

BEGIN = "<!-- figures: begin (written by tests/bench/run.sh) -->"
END = "<!-- figures: end -->"


def number(value):
    if value is None:
        return ""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def goal_text(row):
    if row["kind"] == "limit":
        return "" if row.get("limit") is None else f"<= {number(row['limit'])} {row['unit']}"
    if row["goal"] is None:
        return ""
    text = f"{'>=' if row['more_is_better'] else '<='} {row['goal']:g}"
    return text + (f" (reach {row['reach']:g})" if row.get("reach") else "")


def table(experiments):
    lines = ["| what | against | ratio [95 %] | ours | theirs | goal | |", "|---|---|---|---|---|---|---|"]
    for experiment in experiments.values():
        if "rows" not in experiment:
            continue
        for row in experiment["rows"]:
            if "value" not in row and "ratio" not in row:
                lines.append(f"| {row['title']} | | | | | | {row['verdict']} |")
            elif row["kind"] == "limit":
                lines.append(f"| {row['title']} | — | | {number(row['value'])} {row['unit']} | | {goal_text(row)} | "
                             f"{row['verdict']} |")
            else:
                lines.append(f"| {row['title']} | {row['peer']} | **{number(row['ratio'])}** "
                             f"[{number(row['low'])}, {number(row['high'])}] | {number(row['ours'])} {row['unit']} | "
                             f"{number(row['theirs'])} {row['unit']} | {goal_text(row)} | {row['verdict']} |")
    return lines


def machine_lines(experiments):
    """One line per machine and revision on which figures were taken."""
    found = {}
    for name, experiment in experiments.items():
        if "context" not in experiment:
            continue
        c = experiment["context"]
        key = (f"{c['cpu']} ({c['machine']}), Linux {c['kernel']}, {c['gstreamer']}, {c['compiler']}, {c['rights']}, "
               f"revision {c['revision']}" + (f"; disk: {c['disk']}" if "disk" in c else ""))
        found.setdefault(key, []).append((name, c["load"], c["date"], experiment.get("quick", False)))
    for key, taken in found.items():
        names = ", ".join(name + (" (quick)" if quick else "") for name, _, _, quick in taken)
        loads = [load for _, load, _, _ in taken]
        yield (f"- {key}; {min(date for _, _, date, _ in taken)} to {max(date for _, _, date, _ in taken)}, load average "
               f"{min(loads):.1f} to {max(loads):.1f}: {names}")


def write_markdown(found, folder):
    path = os.path.join(folder, "benchmarks.md")
    experiments = found["experiments"]
    lines = [BEGIN, ""] + table(experiments) + ["", "![ratios against the peers, goals marked](benchmarks.svg)", "",
                                                "Taken on:", ""] + list(machine_lines(experiments))
    skipped = [f"- {name}: {e['skipped']}" for name, e in experiments.items() if "skipped" in e]
    if skipped:
        lines += ["", "Not measured:", ""] + skipped
    lines += ["", END]
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        text = f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + "\n".join(lines) + after)


def write_plot(found, folder):
    try:
        import matplotlib
    except ImportError:
        print("no matplotlib: the plot is not written (tests/setup.sh bench)")
        return
    matplotlib.use("svg")
    # The same ids and no date: the file changes only with the figures.
    matplotlib.rcParams.update({"svg.hashsalt": "dmaslab", "svg.fonttype": "none", "font.size": 8})
    from matplotlib import pyplot

    rows = [row for e in found["experiments"].values() for row in e.get("rows", []) if row["kind"] == "ratio"
            and row.get("ratio", 0) > 0]
    if not rows:
        return
    figure, axes = pyplot.subplots(figsize=(9, 0.9 + 0.27 * len(rows)))
    colours = {"met": "#2a7f4f", "missed": "#b03a2e", "": "#8a8a8a"}
    for place, row in enumerate(reversed(rows)):
        # Everything as cost relative to the peer: left of 1 is better, whatever the unit.
        flip = row["more_is_better"]
        centre = 1 / row["ratio"] if flip else row["ratio"]
        ends = sorted(1 / max(row[end], 1e-3) if flip else row[end] for end in ("low", "high"))
        axes.barh(place, centre - 1, left=1, height=0.6, color=colours.get(row["verdict"], "#c08a1e"))
        axes.plot(ends, [place, place], color="black", linewidth=1)
        if row["goal"]:
            goal = 1 / row["goal"] if flip else row["goal"]
            axes.plot([goal, goal], [place - 0.4, place + 0.4], color="black", linewidth=2)
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [f"{row['title']}  /  {row['peer']}" for row in reversed(rows)])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("cost relative to the peer (left of 1: less time, or more per second); thick mark: the goal; "
                    "thin line: 95 % interval", loc="right")
    figure.tight_layout()
    figure.savefig(os.path.join(folder, "benchmarks.svg"), metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def render(found, folder):
    write_markdown(found, folder)
    write_plot(found, folder)
