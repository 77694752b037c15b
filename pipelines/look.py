# SPDX-License-Identifier: LGPL-2.1-or-later
"""What look.sh runs: a camera, a branch that processes every frame, and a branch that people look at."""
import argparse
import http.server
import signal
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402

BOUNDARY = "picture"
PAGE = b"""<!doctype html><title>dmaslab</title><style>body{margin:0;background:#111;text-align:center}
img{max-width:100vw;max-height:100vh;image-rendering:pixelated}</style><img src="/stream" alt="live picture">"""


class Latest:
    """The newest picture; whoever is slow misses some."""

    def __init__(self):
        self.condition = threading.Condition()
        self.number, self.picture, self.ended = 0, None, False

    def put(self, picture):
        with self.condition:
            self.number, self.picture = self.number + 1, picture
            self.condition.notify_all()

    def end(self):
        with self.condition:
            self.ended = True
            self.condition.notify_all()

    def after(self, number):
        """(number, picture), or nothing when there will be no more."""
        with self.condition:
            self.condition.wait_for(lambda: self.number > number or self.ended)
            return (self.number, self.picture) if self.number > number else None


def handler_for(latest):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/":
                self.answer("text/html; charset=utf-8", PAGE)
            elif self.path == "/picture.jpg":
                newest = latest.after(0)
                self.answer("image/jpeg", newest[1]) if newest else self.send_error(503)
            elif self.path == "/stream":
                self.stream()
            else:
                self.send_error(404)

        def answer(self, kind, body):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def stream(self):
            self.send_response(200)
            self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            number = 0
            try:
                while newest := latest.after(number):
                    number, picture = newest
                    self.wfile.write(f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                                     .encode() + picture + b"\r\n")
            except OSError:
                pass  # the browser went away

        def log_message(self, *_):
            pass

    return Handler


def description(options):
    camera = "backend=test pattern=gradient" if options.location == "-" else f'location="{options.location}" loop=true'
    frames = round(options.seconds * options.fps) if options.seconds else -1
    size = "video/x-raw,format=GRAY16_LE,width=640,height=480," if options.location == "-" else "video/x-raw,"
    # The JPEG encoder wants whole picture of its own format; a window takes what it can show.
    show = ("videoconvert ! jpegenc ! appsink name=pictures sync=false max-buffers=1 drop=true emit-signals=true"
            if options.http is not None else "videoconvert ! autovideosink sync=false")
    return (f"dmaslabsrc name=camera {camera} on-overrun=burst num-buffers={frames} ! {size}framerate={options.fps}/1 "
            "! tee name=t "
            "t. ! slabqueue name=all max-size-buffers=200 ! simdproc name=process statistics=true ! fakesink sync=false "
            "t. ! slabqueue name=few max-size-buffers=2 leaky=downstream ! videorate drop-only=true max-rate=25 "
            f"! simdproc name=tone window=auto ! {show}")


def count(pipeline, element, field):
    return pipeline.get_by_name(element).get_property("stats").get_value(field)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--http", type=int)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--fps", type=int, default=1000)
    parser.add_argument("--location", default="-")
    options = parser.parse_args()
    Gst.init(None)
    try:
        pipeline = Gst.parse_launch(description(options))
    except GLib.Error as error:
        print(f"look: {error.message}", file=sys.stderr)
        return 3
    latest = Latest()
    if options.http is not None:
        def on_sample(sink):
            sample = sink.emit("pull-sample")
            buffer = sample.get_buffer()
            latest.put(buffer.extract_dup(0, buffer.get_size()))
            return Gst.FlowReturn.OK

        pipeline.get_by_name("pictures").connect("new-sample", on_sample)
        try:
            server = http.server.ThreadingHTTPServer((options.bind, options.http), handler_for(latest))
        except OSError as error:
            print(f"look: --http {options.http} on {options.bind}: {error.strerror}; choose another port, or 0",
                  file=sys.stderr)
            return 2
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"look: open http://{options.bind}:{server.server_port}/ in a browser", flush=True)

    loop, failed = GLib.MainLoop(), []

    def on_message(_, message):
        if message.type == Gst.MessageType.EOS:
            loop.quit()
        elif message.type == Gst.MessageType.ERROR:
            failed.append(message.parse_error()[0].message)
            loop.quit()

    bus = pipeline.get_bus()
    bus.add_signal_watch()
    bus.connect("message", on_message)
    for number in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, lambda: pipeline.send_event(Gst.Event.new_eos()) or True)
    pipeline.set_state(Gst.State.PLAYING)
    loop.run()
    latest.end()
    produced, processed = count(pipeline, "camera", "frames-out"), count(pipeline, "process", "frames-out")
    print(f"camera {produced} frames; processed {processed}, lost there {produced - processed}; shown "
          f"{count(pipeline, 'tone', 'frames-out')} of {count(pipeline, 'few', 'frames-out')}, dropped from the picture's "
          f"queue {count(pipeline, 'few', 'dropped')}")
    pipeline.set_state(Gst.State.NULL)
    for error in failed:
        print(f"look: {error}", file=sys.stderr)
    return 1 if failed or produced != processed else 0


if __name__ == "__main__":
    sys.exit(main())
