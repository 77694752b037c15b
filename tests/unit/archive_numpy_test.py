#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Opens the files of every layout with numpy alone, and reads their headers by the rules of other readers."""
import os
import re
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: python3-numpy is not installed")
    sys.exit(77)

FRAMES = 3
wrong = []


class Refused(Exception):
    pass


def check(name, holds, what):
    if not holds:
        wrong.append(name)
        print(f"{name}: {what}")


def parts(raw):
    """Magic, version and length field, as all readers take them."""
    if raw[:8] != b"\x93NUMPY\x01\x00":
        raise Refused("magic")
    length = int.from_bytes(raw[8:10], "little")
    return raw[10:10 + length].decode("latin1"), 10 + length


# The rules of three readers in other languages, in words of our own; each gives (descr, fortran_order, shape, offset).
def like_libnpy(raw):
    text, offset = parts(raw)
    if not text.endswith("\n"):
        raise Refused("no newline at the end")
    text = text.strip()
    if text[0] != "{" or text[-1] != "}":
        raise Refused("no dict")
    text = text[1:-1]
    places = sorted((text.find(f"'{key}'"), key) for key in ("descr", "fortran_order", "shape"))
    if places[0][0] < 0:
        raise Refused("a key is missing")
    values = {}
    for (begin, key), end in zip(places, [place for place, _ in places[1:]] + [len(text)]):
        value = text[begin:end].strip()
        value = value[:-1] if value.endswith(",") else value
        values[key] = value[value.index(":") + 1:].strip()
    descr, order, shape = values["descr"], values["fortran_order"], values["shape"]
    if descr[0] != "'" or descr[-1] != "'":
        raise Refused("descr is no text")
    if order not in ("True", "False"):
        raise Refused("fortran_order")
    if shape[0] != "(" or shape[-1] != ")":
        raise Refused("shape is no tuple")
    tokens = shape[1:-1].split(",")
    if tokens[-1] == "":  # a stream of tokens ends with its last comma
        tokens.pop()
    numbers = [re.match(r"\s*(\d+)", token) for token in tokens]
    if None in numbers:
        raise Refused("an axis has no number")
    return descr[1:-1], order == "True", tuple(int(number.group(1)) for number in numbers), offset


def like_npz_jl(raw):
    text, offset = parts(raw)

    def char(expected):
        nonlocal text
        if not text.startswith(expected):
            raise Refused(f"'{expected}' is not there")
        text = text[1:].strip()

    def quoted():
        nonlocal text
        if text[0] not in "'\"":
            raise Refused("no text where one should be")
        end = text.index(text[0], 1)
        value, text = text[1:end], text[end + 1:].strip()
        return value

    def word(pattern):
        nonlocal text
        match = re.match(pattern, text)
        if not match:
            raise Refused(pattern)
        text = text[match.end():].strip()
        return match.group()

    values = {}
    char("{")
    for _ in range(3):
        key = quoted()
        char(":")
        if key == "descr":
            values[key] = quoted()
        elif key == "fortran_order":
            values[key] = word("True|False") == "True"
        elif key == "shape":
            char("(")
            axes = []
            while not text.startswith(")"):
                axes.append(int(word(r"\d+")))
                if text.startswith(")"):
                    break
                char(",")
            char(")")
            values[key] = tuple(axes)
        else:
            raise Refused("unknown key " + key)
        if text.startswith("}"):
            break
        char(",")
    char("}")
    if text:
        raise Refused("something follows the dict")
    return values["descr"], values["fortran_order"], values["shape"], offset


def like_npy_matlab(raw):
    text, offset = parts(raw)
    descr = re.search(r"'descr'\s*:\s*'(.*?)'", text)
    order = re.search(r"'fortran_order'\s*:\s*(\w+)", text)
    shape = re.search(r"'shape'\s*:\s*\((.*?)\)", text)
    if not (descr and order and shape):
        raise Refused("a value is not as the pattern wants it")
    # str2num() evaluates the text as a row of numbers.
    axes = tuple(int(axis) for axis in re.split(r"[\s,]+", shape.group(1).strip(" ,")))
    return descr.group(1), order.group(1) == "True", axes, offset


READERS = [like_libnpy, like_npz_jl, like_npy_matlab]


def pixels(count, frame):
    i = np.arange(count, dtype=np.uint64)
    return ((i * 7 + i // 251 + frame * 31 + 1) & 0xff).astype(np.uint8)


def check_header(name, raw, shape, plain):
    text = raw[10:4096]
    brace = raw.index(b"}")
    check(name, raw[brace + 1:4095].strip(b" ") == b"" and raw[4095:4096] == b"\n", "the header's end is not spaces")
    check(name, raw.rindex(b"}", 0, 4096) < 512, "the header reaches beyond the first 512 bytes")
    check(name, list(eval(text, {})) == ["descr", "fortran_order", "shape"], "keys and their order")
    for reader in READERS:
        try:
            descr, order, axes, offset = reader(raw)
        except Refused as reason:
            check(name, not plain, f"{reader.__name__} refuses it: {reason}")
            continue
        check(name, plain, f"{reader.__name__} takes a structured type for a plain one")
        check(name, (axes, order, offset) == (shape, False, 4096), f"{reader.__name__} reads {axes} {order} {offset}")
        check(name, descr == eval(text, {})["descr"], f"{reader.__name__} reads the type {descr}")


def check_case(directory, number, case, answer):
    dtype, shape, crop, wish, *fields = case.split(maxsplit=4)
    dtype = np.dtype(eval(fields[0]) if fields else dtype)
    shape = tuple(map(int, shape.split(",")))
    stored_fields = bool(fields) and wish not in ("rows", "blob")
    if fields:
        assert shape[-1] == dtype.itemsize, case
        shape = shape[:-1]
    crop = shape if crop == "-" else tuple(map(int, crop.split(",")))
    layout, record, expression = answer.split(" ", 2)
    record = int(record)
    if fields and not stored_fields:
        dtype, shape = np.dtype("|u1"), tuple(map(int, case.split()[1].split(",")))
        crop = shape
    name = f"{number}.npy: {case} -> {layout}"
    path = os.path.join(directory, f"{number}.npy")
    raw = open(path, "rb").read(8192)
    frame_bytes = int(np.prod(shape)) * dtype.itemsize
    frames = np.frombuffer(b"".join(pixels(frame_bytes, i).tobytes() for i in range(FRAMES)), dtype)
    frames = frames.reshape((FRAMES,) + shape)
    expected = frames[(slice(None),) + tuple(slice(0, axis) for axis in crop)]
    found = eval(expression, {"np": np})
    if layout == "blob":
        whole = (frame_bytes + 4095) // 4096 * 4096
        check(name, found.shape == (FRAMES * whole,), f"shape {found.shape}")
        found = found.reshape(FRAMES, whole)[:, :frame_bytes].copy().view(dtype).reshape((FRAMES,) + shape)
        expected = frames
    check(name, found.dtype == dtype and found.shape == expected.shape, f"{found.dtype} {found.shape}")
    check(name, np.array_equal(found.view(f"V{dtype.itemsize}"), expected.view(f"V{dtype.itemsize}")), "other pixels")
    check(name, isinstance(found, np.memmap) or layout == "blob", "numpy copied it")
    check(name, layout == "blob" or (record % 4096 == 0 and found.strides[0] == record), f"record of {record} bytes")
    check(name, wish in ("auto", layout), "another layout than asked for")
    if layout == "rows":
        check(name, wish == "rows" or record * 50 <= frame_bytes * 51, "the added rows cost more than 2 %")
    if layout == "plain":
        check(name, record == frame_bytes, "it has something that is no pixel")
    stored = {"plain": shape, "blob": (), "record": ()}.get(layout)
    if stored is None:
        stored = (record // (frame_bytes // shape[0]),) + shape[1:]  # rows
    axes = (FRAMES if layout != "blob" else FRAMES * whole,) + stored
    check_header(name, raw, axes, layout != "record" and not stored_fields)

    # A count is patched in place, whatever it was; 0 is one, too.
    place = raw.index(b"'shape': (") + len(b"'shape': (")
    for count in [0, 1, FRAMES]:
        with open(path, "r+b") as file:
            file.seek(place)
            file.write(b"%20d" % count)
        check(name, len(np.load(path, mmap_mode="r")) == count, f"{count} written over the count")


def check_records(directory):
    index = np.load(os.path.join(directory, "index.npy"), mmap_mode="r")
    check("index", index.dtype.itemsize == 64 and index.shape == (3,), f"{index.dtype} {index.shape}")
    expected = {"sequence": (0, 0), "pts": (8, -1), "capture": (16, -1), "utc": (24, -1), "hash": (32, 0),
                "device": (40, 2**64 - 1), "block": (48, 0), "length": (52, 0), "drops_before": (56, 0),
                "epoch": (60, 0), "flags": (62, 0)}
    check("index", {n: index.dtype.fields[n][1] for n in index.dtype.names} ==
          {n: offset for n, (offset, _) in expected.items()}, f"{index.dtype.fields}")
    check("index", tuple(index[0]) == tuple(value for _, value in expected.values()), f"{index[0]}")
    check("index", tuple(index[1]) == (2**64 - 1, -2, 3, 4, 5, 6, 2**32 - 1, 8, 9, 10, 11), f"{index[1]}")
    losses = np.load(os.path.join(directory, "losses.npy"), mmap_mode="r")
    check("losses", losses.dtype.itemsize == 128 and losses.shape == (2,), f"{losses.dtype} {losses.shape}")
    offsets = {"first": 0, "last": 8, "count": 16, "time": 24, "utc": 32, "series": 40, "kind": 44, "reason": 48,
               "element": 64}
    check("losses", {n: losses.dtype.fields[n][1] for n in losses.dtype.names} == offsets, f"{losses.dtype.fields}")
    check("losses", tuple(losses[1]) == (1, 2, 3, -4, 5, 6, 1, b"slow-consumer", b"e" * 64), f"{losses[1]}")
    for name, count in [("index", 3), ("losses", 2)]:
        check_header(name, open(os.path.join(directory, name + ".npy"), "rb").read(), (count,), False)


cases = []
for wish in ["auto", "plain", "rows", "record", "blob"]:
    for dtype in ["|u1", "<u2", ">u2", "<f4"]:
        for shape in ["1", "4096", "4097", "1,1", "64,64", "7,13", "127,129", "48,640", "300,300", "108,1936,3",
                      "33,17,4", "1,5,1", "3,2,2,2"]:
            cases.append(f"{dtype} {shape} - {wish}")
for shape, crop in [("240,324", "240,320"), ("64,64", "64,63"), ("48,644", "48,641"), ("48,40,3", "48,37,3"),
                    ("136,2048", "135,1920"), ("101,104", "101,101")]:
    for wish in ["auto", "rows", "record"]:
        cases.append(f"|u1 {shape} {crop} {wish}")

RECORD = "[('sequence', '<u8'), ('sums', '<f4', (2, 3)), ('is', '|b1', (8,))]"  # 40 bytes
for wish in ["auto", "record", "blob"]:
    cases += [f"|u1 40 - {wish} {RECORD}", f"|u1 3,40 - {wish} {RECORD}", f"|u1 300,40 - {wish} {RECORD}"]
for wish in ["auto", "plain", "record"]:
    cases += [f"|u1 4096 - {wish} [('all', '>u2', (2048,))]", f"|u1 512,8 - {wish} [('a', '<i8')]"]
cases.append(f"|u1 300,40 - rows {RECORD}")

with tempfile.TemporaryDirectory() as directory:
    run = subprocess.run([sys.argv[1], directory, str(FRAMES)], input="\n".join(cases) + "\n", capture_output=True,
                         text=True, check=True)
    answers = run.stdout.splitlines()
    check("all", len(answers) == len(cases), "answers are missing")
    os.chdir(directory)
    seen = {}
    for number, (case, answer) in enumerate(zip(cases, answers)):
        kind = answer.split(" ", 1)[0]
        seen[kind] = seen.get(kind, 0) + 1
        if kind == "refused":
            wish = case.split()[3]
            check(case, wish in ("plain", "rows"), answer)
        else:
            check_case(directory, number, case, answer)
        if os.path.exists(f"{number}.npy"):
            os.remove(f"{number}.npy")
    check("all", set(seen) == {"plain", "rows", "record", "blob", "refused"}, f"{seen}")
    check_records(directory)
print(f"{len(cases)} cases, {seen}, {len(wrong)} wrong")
sys.exit(1 if wrong else 0)
