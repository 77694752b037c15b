# SPDX-License-Identifier: LGPL-2.1-or-later
"""What wavefront.sh does with numpy.

  wavefront.py draw DIR             .npy pictures of a spot behind each of 16x16 lenses, moved by tilt and defocus
  wavefront.py report DIR FRAMES    says what DIR/recording has, and draws DIR/slopes.png
"""
import glob
import os
import sys

import numpy as np

LENSES, PIXELS = 16, 8


def draw(directory, count=32):
    os.makedirs(directory)
    random = np.random.default_rng(2)
    lens = np.arange(LENSES) - (LENSES - 1) / 2
    y, x = np.mgrid[:PIXELS, :PIXELS] - (PIXELS - 1) / 2
    for number in range(count):
        phase = 2 * np.pi * number / count
        defocus = 0.08 * np.sin(phase)
        picture = np.empty((LENSES * PIXELS, LENSES * PIXELS))
        for row in range(LENSES):
            for column in range(LENSES):
                dx = 0.4 * np.cos(phase) + defocus * lens[column]
                dy = 0.4 * np.sin(phase) + defocus * lens[row]
                spot = np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / 2)
                picture[row * PIXELS:(row + 1) * PIXELS, column * PIXELS:(column + 1) * PIXELS] = 2000 * spot
        np.save(f"{directory}/frame-{number:03d}.npy", random.poisson(picture).astype("<u2"))
    return 0


def report(directory, wanted):
    count, last, square = 0, None, 0.0
    for frames in sorted(glob.glob(f"{directory}/recording/frames-*.npy")):
        pixels = np.load(frames, mmap_mode="r")["pixels"]
        for record in pixels:
            square += float(np.nanmean(record["x"] ** 2 + record["y"] ** 2))
            count += 1
            last = record
    print(f"{count} frames of {wanted}, {LENSES}x{LENSES} lenses, {np.sqrt(square / max(count, 1)):.4f} pixels RMS from the "
          "centres")
    print(f"numpy: np.load('{directory}/recording/frames-000000.npy', mmap_mode='r')['pixels']['x']")
    if last is not None:
        picture(last, f"{directory}/slopes.png")
    return 0 if count == wanted else 1


def picture(record, path):
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(4.6, 4.4))
    axes.imshow(record["sums"], cmap="gray", alpha=0.35)
    axes.quiver(record["x"], record["y"], angles="xy", scale=1, scale_units="xy", color="tab:red")
    axes.set_title("where the light of each lens falls")
    axes.set_xticks([])
    axes.set_yticks([])
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "draw":
        sys.exit(draw(sys.argv[2]))
    if len(sys.argv) == 4 and sys.argv[1] == "report":
        sys.exit(report(sys.argv[2], int(sys.argv[3])))
    sys.exit(__doc__)
