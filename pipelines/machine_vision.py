# SPDX-License-Identifier: LGPL-2.1-or-later
"""machine_vision.py DIR: draws a scene of 640x480 pixels for machine-vision.sh, lit unevenly and seen by a sensor with
an offset of its own, and in DIR/tables the pictures that correct both."""
import os
import sys

import numpy as np

WIDTH, HEIGHT = 640, 480


def main(directory):
    os.makedirs(f"{directory}/tables")
    random = np.random.default_rng(3)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = 1.0 - 0.6 * ((x / WIDTH - 0.5) ** 2 + (y / HEIGHT - 0.5) ** 2) / 0.5
    offset = 100 + 20 * random.random((HEIGHT, WIDTH))
    np.save(f"{directory}/tables/dark.npy", offset.astype("<f4"))
    np.save(f"{directory}/tables/flat.npy", (3000 * light).astype("<f4"))
    board = np.where((x // 40 + y // 40) % 2 == 0, 400.0, 1600.0)
    for number in range(20):
        part = np.clip(1 - ((x - 30 * number) ** 2 + (y - HEIGHT / 2) ** 2) / 60.0 ** 2, 0, 1)
        picture = (board + 1500 * part) * light + offset
        np.save(f"{directory}/frame-{number:03d}.npy", random.poisson(picture).astype("<u2"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
