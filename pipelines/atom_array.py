# SPDX-License-Identifier: LGPL-2.1-or-later
"""What atom-array.sh does with numpy.

  atom_array.py draw DIR             .npy pictures of an array of atoms: photon counts, 20x20 traps, half of them full
  atom_array.py report DIR FRAMES    DIR/recording as DIR/results.txt and DIR/occupancy.png; says what was found
"""
import glob
import os
import sys

import numpy as np


def draw(directory, count=50):
    """Counts as simdproc's preset expects them: 10 in a full trap, 0.5 in an empty one."""
    os.makedirs(directory)
    random = np.random.default_rng(1)
    for number in range(count):
        full = random.random((20, 20)) < 0.5
        rate = np.zeros((300, 300))
        rate[50:250, 50:250] = np.kron(np.where(full, 10.0, 0.5), np.ones((10, 10))) / 100
        np.save(f"{directory}/frame-{number:03d}.npy", random.poisson(rate).astype("<u2"))
        np.save(f"{directory}/.truth-{number:03d}.npy", full)
    return 0


def records(recording):
    """Every record in order; those of a segment are one memory-mapped array."""
    for frames in sorted(glob.glob(f"{recording}/frames-*.npy")):
        index = np.load(frames.replace("frames-", "index-"), mmap_mode="r")
        yield from zip(index["sequence"], np.load(frames, mmap_mode="r")["pixels"])


def report(directory, wanted):
    frames = traps = occupied = 0
    last = None
    with open(f"{directory}/results.txt", "w", encoding="ascii") as text:
        for sequence, record in records(f"{directory}/recording"):
            bits = record["occupied"].reshape(-1)
            text.write(f"[frame {sequence}] rois={bits.size}\n{(bits + ord('0')).tobytes().decode('ascii')}\n")
            frames += 1
            traps += bits.size
            occupied += int(bits.sum())
            last = record
    print(f"{frames} frames of {wanted}, {traps} traps, {100.0 * occupied / max(traps, 1):.2f} % occupied")
    print(f"text: {directory}/results.txt")
    print(f"numpy: np.load('{directory}/recording/frames-000000.npy', mmap_mode='r')['pixels']['sums']")
    if last is not None:
        picture(last, f"{directory}/occupancy.png")
    return 0 if frames == wanted else 1


def picture(record, path):
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(1, 2, figsize=(8, 4))
    axes[0].imshow(record["sums"], cmap="magma")
    axes[0].set_title("photons in each trap")
    axes[1].imshow(record["occupied"], cmap="gray", vmin=0, vmax=1)
    axes[1].set_title("occupied")
    for one in axes:
        one.set_xticks([])
        one.set_yticks([])
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "draw":
        sys.exit(draw(sys.argv[2]))
    if len(sys.argv) == 4 and sys.argv[1] == "report":
        sys.exit(report(sys.argv[2], int(sys.argv[3])))
    sys.exit(__doc__)
