#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does a library import a GStreamer symbol newer than the API floor?

  api_floor.py check FLOOR ALLOW_FILE LIBRARY…
  api_floor.py self-test FLOOR      builds small libraries and expects red and green where they are due

The age of a symbol is the `version` mark of its GIR entry or of the type around it. What GIR does not list
(variables, private helpers behind macros) is in Debian's symbols files. What neither knows is refused: it may be
newer.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

GIR_FILES = "/usr/share/gir-1.0/Gst*-1.0.gir"
SYMBOLS_FILES = "/var/lib/dpkg/info/libgst*1.0-0:*.symbols"
C_IDENTIFIER = "{http://www.gtk.org/introspection/c/1.0}identifier"
GLIB_GET_TYPE = "{http://www.gtk.org/introspection/glib/1.0}get-type"


def release(version):
    """(1, 20) for '1.20' and '1.20.3': what a stable series adds later is not told apart."""
    numbers = re.findall(r"\d+", version)
    return tuple(int(n) for n in (numbers + ["0", "0"])[:2])


def ages_from_gir(pattern=GIR_FILES):
    ages = {}

    def walk(element, around):
        mark = max(around, release(element.get("version", "0")))
        for attribute in (C_IDENTIFIER, GLIB_GET_TYPE):
            name = element.get(attribute)
            # A function in two places (moved) is as old as its oldest entry.
            if name and not element.tag.endswith("}member"):
                ages[name] = min(mark, ages.get(name, mark))
        for child in element:
            # The version of a namespace is the one of the library's name (1.0), not an age.
            walk(child, (0, 0) if element.tag.endswith(("}repository", "}namespace")) else mark)

    for file in glob.glob(pattern):
        walk(ET.parse(file).getroot(), (0, 0))
    return ages


def ages_from_dpkg(pattern=SYMBOLS_FILES):
    ages = {}
    for file in glob.glob(pattern):
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                match = re.match(r" (\w+)@\S+ (\S+)", line)
                if match:
                    ages[match.group(1)] = release(match.group(2))
    return ages


def all_ages():
    """The later of the two where both know a symbol: a mark that was forgotten in one is found in the other."""
    ages = ages_from_gir()
    for name, age in ages_from_dpkg().items():
        ages[name] = max(age, ages.get(name, age))
    return ages


def dynamic_symbols(library, which):
    command = ["nm", "-D", which, "--format=posix", library]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    names = {line.split()[0].split("@")[0] for line in listed if line.strip()}
    return {n for n in names if re.match(r"_?gst_", n)}


def read_allowed(path):
    with open(path, encoding="utf-8") as lines:
        return {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}


def check(floor, allowed, libraries, ages):
    """The complaints about these libraries."""
    complaints, seen = [], set()
    # What the project's own libraries give each other is no import.
    own = set().union(*(dynamic_symbols(library, "--defined-only") for library in libraries))
    for library in libraries:
        for name in sorted(dynamic_symbols(library, "--undefined-only") - own):
            if name in allowed:
                seen.add(name)
                continue
            age = ages.get(name)
            if age is None:
                complaints.append(f"{library}: {name} is in no GIR and no symbols file: it may be newer than "
                                  f"{floor[0]}.{floor[1]}")
            elif age > floor:
                complaints.append(f"{library}: {name} is new in {age[0]}.{age[1]}; the floor is "
                                  f"{floor[0]}.{floor[1]}: probe for it and list it in the file of exceptions")
    return complaints + [f"exception {name} is imported by no library: remove it" for name in sorted(allowed - seen)]


def self_test(floor, ages):
    newer = sorted(n for n, age in ages.items() if age > floor and n.startswith("gst_"))
    older = sorted(n for n, age in ages.items() if age <= floor and n.startswith("gst_"))
    if not newer or not older:
        sys.exit(f"GIR files tell no ages ({len(older)} old, {len(newer)} new symbols): {GIR_FILES}")
    unknown = "gst_symbol_of_a_later_day"
    cases = [
        ("an old symbol", [older[0]], set(), False),
        ("a new symbol", [newer[0]], set(), True),
        ("a new symbol of every kind", newer, set(), True),
        ("a new symbol behind a probe", [newer[0]], {newer[0]}, False),
        ("an unknown symbol", [unknown], set(), True),
        ("an exception without use", [older[0]], {newer[0]}, True),
    ]
    wrong = 0
    for what, symbols, allowed, red in cases:
        with tempfile.TemporaryDirectory() as folder:
            source, library = os.path.join(folder, "probe.c"), os.path.join(folder, "probe.so")
            with open(source, "w", encoding="utf-8") as file:
                for number, name in enumerate(symbols):
                    file.write(f"extern void {name}(void);\nvoid probe_{number}(void) {{ {name}(); }}\n")
            compiler = os.environ.get("CC", "cc")
            subprocess.run([compiler, "-shared", "-fPIC", "-w", "-o", library, source], check=True)
            complaints = check(floor, allowed, [library], ages)
        enough = len(complaints) == len(symbols) if red and not allowed else bool(complaints) == red
        if not enough:
            print(f"{what}: expected {'red' if red else 'green'}, got {complaints or 'green'}")
            wrong += 1
    print(f"{len(older)} symbols up to the floor, {len(newer)} newer, e.g. {newer[0]}")
    return wrong


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "self-test":
        return 1 if self_test(release(arguments[1]), all_ages()) else 0
    if len(arguments) >= 4 and arguments[0] == "check":
        floor, allowed, libraries = release(arguments[1]), read_allowed(arguments[2]), arguments[3:]
        complaints = check(floor, allowed, libraries, all_ages())
        print("\n".join(complaints) or f"{len(libraries)} libraries, nothing newer than {arguments[1]}")
        return 1 if complaints else 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
