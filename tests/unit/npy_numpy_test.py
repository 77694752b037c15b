#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lets numpy write files of every kind and compares what the library reads from them with what numpy does."""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from numpy.lib import format as npy
except ImportError:
    print("skipped: python3-numpy is not installed")
    sys.exit(77)

cases = {}  # file name -> expected line, or what a refusal must say


def save(directory, array, version=None):
    path = os.path.join(directory, f"{len(cases):03d}.npy")
    with open(path, "wb") as file:
        npy.write_array(file, array, version=version)
    return path


def expect(path, array):
    offset = os.path.getsize(path) - array.nbytes
    dtype = array.dtype.str
    cases[path] = f"{dtype} {tuple(array.shape)} {offset} {array.nbytes}"


with tempfile.TemporaryDirectory() as directory:
    for dtype in "|b1 |u1 |i1 <u2 >u2 <i2 >i2 <u4 >u4 <i4 <u8 >i8 <f2 <f4 >f4 <f8 >f8 <f16 <c8 >c16".split():
        for shape in [(), (1,), (7,), (4, 6), (3, 4, 6), (0, 4, 6), (2, 3, 4, 3), (1,) * 32]:
            for version in [(1, 0), (2, 0), (3, 0)]:
                array = np.zeros(shape, dtype)
                expect(save(directory, array, version), array)
    array = np.zeros((5,), "<u2", order="F")
    expect(save(directory, array), array)
    for array, reason in [
        (np.zeros((4, 6), "<u2", order="F"), "Fortran order"),
        (np.zeros((4, 6), "U3"), "no plain number"),
        (np.zeros((4, 6), "S3"), "no plain number"),
        (np.zeros((4, 6), "M8[ns]"), "no plain number"),
        (np.zeros((4,), [("pixels", "<u2", (4, 6)), ("", "V16")]), "structured dtype is not a picture"),
        (np.zeros((4,), [("a" * 70000, "<u2")]), "structured dtype is not a picture"),
        (np.array([None, {}], object), "Python objects"),
    ]:
        cases[save(directory, array)] = reason

    read = subprocess.run([sys.argv[1], *cases], capture_output=True, text=True, check=True)
    lines = read.stdout.splitlines()
    wrong = 0 if len(lines) == len(cases) else 1
    for (path, expected), line in zip(cases.items(), lines):
        good = line == expected or (line.startswith(f"refused: {path}: ") and expected in line)
        if not good:
            wrong += 1
            print(f"expected: {expected}\n     got: {line}")
print(f"{len(cases)} files, {wrong} wrong")
sys.exit(1 if wrong else 0)
