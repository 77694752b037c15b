// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include <gst/gst.h>

/**
 * One branch behind the tee: a thread boundary and what the user put behind it, watched from outside. A
 * branch that begins with uringarchive has a thread of its own already, and chooses its frames itself
 * (every-nth).
 */
struct Branch
{
    std::string name;
    std::string end;         ///< elements behind the queue, the last one a sink
    std::uint64_t every = 1; ///< frames whose number is a multiple of it come in
    bool verify = false;     ///< the frames carry a stamp: check it, where the branch's thread begins

    std::atomic<std::uint64_t> arrived{0};    ///< at the last sink
    std::atomic<std::uint64_t> leftOut{0};    ///< kept out by `every`
    std::atomic<std::uint64_t> verified{0};   ///< with a stamp that is right
    std::atomic<std::uint64_t> wrong{0};      ///< with a stamp that is not
    std::atomic<std::uint64_t> disordered{0}; ///< with a number that was not higher than the one before
    GstElement *bin = nullptr;                ///< the pipeline's
    GstElement *recorder = nullptr;           ///< the bin's, where it is a uringarchive

    /** Builds the branch behind a tee; false and a message on stderr when that is not possible. */
    bool addTo(GstBin *pipeline, GstElement *tee, unsigned queueBuffers);

private:
    static GstPadProbeReturn onEntry(GstPad *pad, GstPadProbeInfo *info, gpointer self);
    static GstPadProbeReturn onThread(GstPad *pad, GstPadProbeInfo *info, gpointer self);
    static GstPadProbeReturn onEnd(GstPad *pad, GstPadProbeInfo *info, gpointer self);

    std::uint64_t next_ = 0; ///< the least number the next frame may have; the branch's thread
};

/** What became of a recording, read from the disk when it was closed. */
struct ReadBack
{
    std::uint64_t frames = 0, right = 0, wrong = 0;
    std::uint64_t bytes = 0;
    std::string numpy; ///< the line that opens its first file
    std::string error; ///< empty: it could be read

    /** @param verify the frames carry a stamp; otherwise their hashes are checked */
    static ReadBack of(const std::string &directory, bool verify);
};

/** What the elements below one bin (or one element) have counted, added up. */
struct Counts
{
    std::uint64_t dropped = 0;
    std::uint64_t inFlight = 0;
    std::uint64_t bytesCopied = 0;
    std::map<std::string, std::uint64_t> reasons;

    static Counts of(GstElement *element);
};

/** A number of the element's stats; 0 when it has none of that name. */
std::uint64_t statOf(GstElement *element, const char *field);
