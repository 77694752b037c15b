# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether a .npy file, or the first one of a directory, holds pictures that simdproc takes: exit status 0 or 1."""
import glob
import sys

import numpy as np

path = sys.argv[1]
files = sorted(glob.glob(path + "/*.npy")) or [path]
array = np.load(files[0], mmap_mode="r")
sys.exit(0 if array.dtype.str in ("|u1", "<u2") and array.ndim in (2, 3) else 1)
