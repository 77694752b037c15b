// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gst/gst.h>
#include <gtest/gtest.h>

#include "common/handles.h"
#include "common/loss_ledger.h"
#include "dmaslab/archive/format.h"

namespace dmaslab::test {

/** A directory that goes with the test. */
class TemporaryDirectory
{
public:
    TemporaryDirectory();
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory &) = delete;
    TemporaryDirectory &operator=(const TemporaryDirectory &) = delete;
    [[nodiscard]] std::string path(const std::string &name) const { return path_ + "/" + name; }
    [[nodiscard]] std::vector<std::string> names() const;

private:
    std::string path_;
};

/** What a recording says, read by its specification alone. */
struct Recorded
{
    explicit Recorded(const std::string &directory);

    std::vector<IndexRecord> index;
    std::vector<std::vector<std::byte>> frames; ///< `length` bytes each
    std::vector<LossRecord> losses;
    std::vector<std::string> descrs; ///< of each frames file
    std::string manifest;

    [[nodiscard]] std::vector<std::uint64_t> sequences() const;
    /** "8-12 x5 starved camera", "3-4 x2 skip source" */
    [[nodiscard]] std::vector<std::string> ledger() const;
    [[nodiscard]] bool manifestHas(const std::string &text) const
    {
        return manifest.find(text) != manifest.npos;
    }
};

/** A uringarchive behind a pad of the test. Frames are filled with a value that follows from their number. */
class ArchiveBench
{
public:
    /** Long enough for a loaded machine; reaching it is a failure, never a measurement. */
    static constexpr auto patience = std::chrono::seconds(60);
    static constexpr const char *caps = "video/x-raw,format=GRAY8,width=64,height=64,framerate=100/1";
    static constexpr std::size_t frameBytes = 4096;

    explicit ArchiveBench(const std::string &properties = "");
    ~ArchiveBench();
    ArchiveBench(const ArchiveBench &) = delete;
    ArchiveBench &operator=(const ArchiveBench &) = delete;

    [[nodiscard]] GstElement *element() const { return element_.get(); }
    [[nodiscard]] GstPad *pad() const { return source_.get(); }
    [[nodiscard]] std::string location(const std::string &suffix = "") const
    {
        return temporary_.path("rec") + suffix;
    }
    [[nodiscard]] const TemporaryDirectory &directory() const { return temporary_; }
    [[nodiscard]] Recorded recorded(const std::string &suffix = "") const
    {
        return Recorded(location(suffix));
    }

    GstStateChangeReturn setState(GstState state);
    /** To PLAYING, then stream-start, caps and segment. */
    void start(const char *caps = ArchiveBench::caps);
    void stop() { setState(GST_STATE_NULL); }
    void pushHeader(const char *caps);
    bool pushEvent(GstEvent *event) { return gst_pad_push_event(source_.get(), event); }
    void flushStart() { pushEvent(gst_event_new_flush_start()); }
    /** And on as a pipeline does it: a sink that was flushed prerolls and plays again. */
    void flushStop();
    void eos() { EXPECT_TRUE(pushEvent(gst_event_new_eos())); }
    void loss(std::uint64_t first, std::uint64_t last, LossReason reason = LossReason::Starved);

    static guint8 colour(std::uint64_t sequence) { return guint8(sequence * 7 + 1); }
    static BufferPtr frame(std::uint64_t sequence, std::size_t bytes = frameBytes);
    GstFlowReturn push(std::uint64_t sequence) { return push(frame(sequence)); }
    GstFlowReturn push(BufferPtr buffer) { return gst_pad_push(source_.get(), buffer.release()); }
    void pushAll(std::uint64_t first, std::uint64_t last);
    /** Everything that was pushed is on disk. */
    void drain();

    /** A frame is in the element's hand and stays there. */
    void waitInRender();
    void setLive(bool live) { live_ = live; }
    bool waitUntil(const std::function<bool()> &condition);
    guint64 stat(const char *field);
    std::string ioOf();
    /** in = out + dropped + in flight, and dropped is the sum of its reasons. */
    void expectConservation();

    /** Texts of the errors or warnings that came so far. */
    std::vector<std::string> texts(GstMessageType type);
    /** The structures of element messages of this name that came so far. */
    std::vector<StructurePtr> news(const char *name);
    int countMessages(GstMessageType type);
    void waitForNews(const char *name, std::size_t count);

private:
    static gboolean onQuery(GstPad *pad, GstObject *parent, GstQuery *query);
    void collect();

    TemporaryDirectory temporary_;
    ObjectPtr<GstElement> element_;
    ObjectPtr<GstBus> bus_;
    ObjectPtr<GstPad> source_;
    std::vector<MessagePtr> inbox_;
    std::atomic<bool> live_{false};
};

/** Buffers that lie in two memories. No other thread than the one that made them can map them, nor unmap them
 * while the gate is shut: the writer that lets one go then stands still, as before a disk that does not
 * answer. */
class Gate
{
public:
    Gate();
    ~Gate();
    Gate(const Gate &) = delete;
    Gate &operator=(const Gate &) = delete;

    BufferPtr frame(std::uint64_t sequence, std::size_t bytes = ArchiveBench::frameBytes);
    void shut();
    void open();
    /** Somebody waits in front of it. */
    void waitBlocked();

    /** From now on nobody can map them. */
    void refuseMaps() { refusing_ = true; }

    void pass(); ///< by its memories
    [[nodiscard]] bool mayMap() const;

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::thread::id maker_ = std::this_thread::get_id();
    bool shut_ = false;
    std::atomic<bool> refusing_{false};
    int blocked_ = 0;
    GstAllocator *allocator_;
};

} // namespace dmaslab::test
