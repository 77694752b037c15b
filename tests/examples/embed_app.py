#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""An application with dmaslab inside, in Python: frames as numpy arrays, losses by name, counters.
docs/embedding.md walks through it."""

import sys
import time

try:
    import gi
    import numpy as np

    gi.require_version("Gst", "1.0")
    from gi.repository import Gst
except (ImportError, ValueError) as missing:
    print(f"skipped: {missing}; on Debian: apt-get install python3-gi python3-gst-1.0 python3-numpy")
    sys.exit(77)

SLABS = 8
lost = []


def on_event(_pad, info):
    """Losses travel with the stream: after the frame before them, before the frame after them."""
    event = info.get_event().get_structure()
    if event is not None and event.get_name() == "dmaslab-loss":
        lost.append(event.get_uint64("count")[1])
        print("lost {}..{}: {}, by {}".format(event.get_uint64("first")[1], event.get_uint64("last")[1],
                                              event.get_string("reason"), event.get_string("element")))
    return Gst.PadProbeReturn.OK


def counter(element, name):
    return element.get_property("stats").get_uint64(name)[1]


def brightness(sample):
    """The frame as an array; numpy looks at the bytes that the map hands out, valid until the unmap."""
    caps = sample.get_caps().get_structure(0)
    shape = (caps.get_int("height")[1], caps.get_int("width")[1])
    buffer = sample.get_buffer()
    ok, info = buffer.map(Gst.MapFlags.READ)
    assert ok
    frame = np.frombuffer(info.data, dtype="<u2").reshape(shape)
    mean = float(frame.mean())
    del frame
    buffer.unmap(info)
    return mean


def main():
    Gst.init(None)
    pipeline = Gst.parse_launch(
        "dmaslabsrc name=camera backend=test num-buffers=300 on-overrun=burst ! "
        "video/x-raw,format=GRAY16_LE,width=320,height=240,framerate=500/1 ! "
        "appsink name=sink sync=false max-buffers=2 enable-last-sample=false")
    camera = pipeline.get_by_name("camera")
    sink = pipeline.get_by_name("sink")
    camera.set_property("slabs", SLABS)
    sink.get_static_pad("sink").add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, on_event)
    pipeline.set_state(Gst.State.PLAYING)

    kept = []  # every sample kept is a slab less for the camera
    received = 0
    while True:
        sample = sink.emit("pull-sample")
        if sample is None:
            break
        received += 1
        brightness(sample)
        if received <= SLABS - 2:
            kept.append(sample)
        sample = None  # Python keeps a sample as long as a name refers to it
        if received == SLABS - 2:
            while counter(camera, "starved") < 5:
                time.sleep(0.001)
            kept.clear()

    failure = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    if failure is not None:
        print("error:", failure.parse_error()[0].message, file=sys.stderr)
    frames, dropped, copied = (counter(camera, name) for name in ("frames-in", "dropped", "bytes-copied"))
    pipeline.set_state(Gst.State.NULL)
    print(f"frames {frames} = received {received} + lost {dropped}; the events named {sum(lost)}; "
          f"bytes copied {copied}")
    right = (failure is None and frames == received + dropped and sum(lost) == dropped and dropped >= 5
             and copied == 0)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
