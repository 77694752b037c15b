#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks of the source tree that need nothing but its text.

  lint.py CHECK [ROOT]      CHECK is one of: spdx layers length paths hosts; lists what is wrong, status 1
  lint.py files [ROOT] EXT… lists the files with these endings
  lint.py self-test         shows that each check can fail
"""

import os
import re
import subprocess
import sys
import tempfile

CORE_ORDER = ["memory", "ring", "pacing", "slab", "capture", "simd", "process", "archive", "share", "tools"]
LONGEST_FILE = 500
SOURCE = (".cpp", ".cc", ".c", ".h", ".hpp", ".py", ".sh", ".build", ".supp")
SOURCE_NAMES = ("meson_options.txt", "meson.options", ".clang-format", ".clang-tidy")
SPDX = "SPDX-License-Identifier: LGPL-2.1-or-later"
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
# Where this or any other machine keeps the tree; the patterns must not match themselves.
MACHINE_PATHS = re.compile(r"(?<![\w./$}-])/(?:home|work|Users)/\w")
MIRRORS = re.compile(
    r"(?:deb|security|snapshot|cdn-aws|cdn-fastly|ftp\d*(?:\.\w\w)?|archive|ports|\w\w\.archive|httpredir)"
    r"[.](?:debian[.]org|ubuntu[.]com)|https?:[/]{2}[^/\s\"']*mirror[^/\s\"']*/", re.IGNORECASE)


def all_files(root):
    """What git tracks or would track; without git everything outside build directories."""
    command = ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout.decode().split("\0")
        found = [f for f in listed if f and os.path.isfile(os.path.join(root, f))]
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(root):
            folders[:] = [f for f in folders if f != ".git" and not f.startswith("build")]
            found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(set(found))


def text_of(root, name):
    """The lines of a text file; nothing of a binary one."""
    with open(os.path.join(root, name), "rb") as file:
        data = file.read()
    return [] if b"\0" in data[:4096] else data.decode("utf-8", "replace").splitlines()


def is_source(name, lines):
    return name.endswith(SOURCE) or os.path.basename(name) in SOURCE_NAMES or (lines and lines[0].startswith("#!"))


def spdx(root):
    for name in all_files(root):
        lines = text_of(root, name)
        if not lines or not is_source(name, lines):
            continue
        first = lines[1:2] if lines[0].startswith("#!") else lines[:1]
        if not first or SPDX not in first[0]:
            yield f"{name}:1: the first line (after #!) must be the licence: {SPDX}"


def core_layer(include, folder, bracket, top):
    if re.match(r"(glib|gio/|gobject/|gst/|glib-object|gmodule)", include) or include == "dmaslab/gst.h":
        return "the core knows no GLib and no GStreamer"
    if bracket == '"' and not include.startswith("dmaslab/"):
        return 'own headers are included as "dmaslab/<folder>/<file>.h"'
    parts = include.split("/")
    if len(parts) < 3 or parts[0] != "dmaslab":
        return None
    if parts[1] not in CORE_ORDER:
        return f"'{parts[1]}' is no folder of the core ({' < '.join(CORE_ORDER)})"
    if folder is None:
        # The C interface is written on top of the parts; headers beside the folders lie below all of them.
        return None if top else "a header beside the folders includes none of them"
    if folder in CORE_ORDER and CORE_ORDER.index(parts[1]) > CORE_ORDER.index(folder):
        return f"'{folder}' lies below '{parts[1]}' ({' < '.join(CORE_ORDER)})"
    return None


def plugin_layer(include, folder, plugins):
    target = include.split("/")[0] if "/" in include else None
    if target in plugins and target != folder:
        return f"'{folder}' must not know the plugin '{target}'"
    return None


def layers(root):
    files = all_files(root)
    code = [f for f in files if f.endswith((".h", ".hpp", ".c", ".cc", ".cpp"))]
    plugins = {f.split("/")[1] for f in code if f.startswith("gst/") and f.count("/") > 1} - {"common"}
    for name in code:
        parts = name.split("/")
        for number, line in enumerate(text_of(root, name), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            bracket, include = match.groups()
            wrong = None
            if parts[0] in ("lib", "gst") and ".." in include.split("/"):
                wrong = "no '..' in includes"
            elif parts[0] in ("lib", "gst") and include.startswith(("tests/", "gtest/", "gmock/")):
                wrong = "code does not know its tests"
            elif parts[:2] == ["lib", "dmaslab"]:
                folder = parts[2] if len(parts) > 3 else None
                if folder is not None and folder not in CORE_ORDER:
                    wrong = f"'{folder}' is no folder of the core ({' < '.join(CORE_ORDER)})"
                else:
                    wrong = core_layer(include, folder, bracket, name.endswith("_c.cpp"))
            elif parts[0] == "gst":
                wrong = plugin_layer(include, parts[1], plugins)
            if wrong:
                yield f"{name}:{number}: {include}: {wrong}"


def length(root):
    for name in all_files(root):
        lines = text_of(root, name)
        if is_source(name, lines) and len(lines) > LONGEST_FILE:
            yield f"{name}: {len(lines)} lines; split it along the idea (limit {LONGEST_FILE})"


def grep(root, pattern, why):
    for name in all_files(root):
        for number, line in enumerate(text_of(root, name), 1):
            if pattern.search(line):
                yield f"{name}:{number}: {why}: {line.strip()[:100]}"


def paths(root):
    return grep(root, MACHINE_PATHS, "a path of one machine")


def hosts(root):
    return grep(root, MIRRORS, "apt's own configuration names the package mirror")


CHECKS = {"spdx": spdx, "layers": layers, "length": length, "paths": paths, "hosts": hosts}


def self_test():
    """(check, file, text, whether it must be reported)"""
    licence = f"// {SPDX}\n"
    samples = [
        ("spdx", "lib/dmaslab/a.h", "#pragma once\n", True),
        ("spdx", "tests/a.sh", f"#!/bin/sh\n# {SPDX}\n", False),
        ("layers", "lib/dmaslab/memory/a.cpp", licence + '#include "dmaslab/slab/pool.h"\n', True),
        ("layers", "lib/dmaslab/slab/a.cpp", licence + '#include "dmaslab/memory/arena.h"\n', False),
        ("layers", "lib/dmaslab/slab/a.cpp", licence + "#include <gst/gst.h>\n", True),
        ("layers", "lib/dmaslab/error.h", licence + '#include "dmaslab/slab/pool.h"\n', True),
        ("layers", "lib/dmaslab/dmaslab_c.cpp", licence + '#include "dmaslab/slab/pool.h"\n', False),
        ("layers", "gst/common/a.cpp", licence + '#include "slabqueue/queue.h"\n', True),
        ("layers", "gst/slabqueue/a.cpp", licence + '#include "common/pool.h"\n', False),
        ("length", "lib/dmaslab/a.cpp", licence * (LONGEST_FILE + 1), True),
        ("length", "lib/dmaslab/a.cpp", licence * LONGEST_FILE, False),
        ("paths", "docs/a.md", "see /ho" + "me/me/x", True),
        ("paths", "docs/a.md", "see build/ho" + "me/x", False),
        ("hosts", "tests/a.sh", "http://de" + "b.debian.org/debian", True),
        ("hosts", "docs/a.md", "https://www.debian.org/", False),
    ]
    wrong = 0
    for check, name, text, expected in samples:
        with tempfile.TemporaryDirectory() as root:
            for path, content in (("gst/slabqueue/queue.h", licence), (name, text)):
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(content)
            reported = any(line.startswith(name) for line in CHECKS[check](root))
        if reported != expected:
            print(f"{check} {'missed' if expected else 'refused'} in {name}: {text[-60:]!r}")
            wrong += 1
    return wrong


def main(arguments):
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    if arguments[:1] == ["self-test"]:
        sys.exit(1 if self_test() else 0)
    if arguments[:1] == ["files"] and len(arguments) > 2:
        found = [f for f in all_files(arguments[1]) if f.endswith(tuple(arguments[2:]))]
        print("\n".join(found))
    elif arguments and arguments[0] in CHECKS:
        found = list(CHECKS[arguments[0]](arguments[1] if len(arguments) > 1 else here))
        print("\n".join(found))
        sys.exit(1 if found else 0)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
