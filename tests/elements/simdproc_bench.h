// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gst/gst.h>
#include <gtest/gtest.h>

#include "../unit/process_model.h"
#include "common/gst.h"
#include "common/gst_results.h"
#include "common/handles.h"
#include "pad_end.h"

namespace dmaslab::test {

/** A directory for tables. */
class TableDirectory
{
public:
    TableDirectory();
    ~TableDirectory();
    /** Writes a table and gives its path. */
    std::string table(const std::string &name, const std::string &dtype,
                      const std::vector<std::size_t> &shape, const std::vector<double> &values) const;

private:
    std::string path_;
};

/** One simdproc between a pad that pushes and one that takes, and a second one at its pad `results`. */
class ProcBench
{
public:
    explicit ProcBench(const std::string &properties);
    ~ProcBench();
    ProcBench(const ProcBench &) = delete;
    ProcBench &operator=(const ProcBench &) = delete;

    [[nodiscard]] GstElement *element() const { return element_.get(); }
    [[nodiscard]] GstPad *source() const { return source_.get(); }
    PadEnd out, results;

    /** The pad `results`, linked to `results`. */
    GstPad *requestResults();
    void releaseResults();

    /** To PLAYING, then stream-start, caps and segment: whether all were taken. */
    bool start(const std::string &caps);
    void play();
    bool pushHeader(const std::string &caps);
    bool pushCaps(const std::string &caps);
    void stop();

    GstFlowReturn push(BufferPtr buffer) { return gst_pad_push(source_.get(), buffer.release()); }
    bool pushEvent(GstEvent *event) { return gst_pad_push_event(source_.get(), event); }
    /** Pushes an end, with and after all that was pushed. */
    void end();

    [[nodiscard]] guint64 stat(const char *field) const;
    /** What the errors or warnings so far say; they are gone then. */
    std::vector<std::string> texts(GstMessageType type);
    MessagePtr popMessage(GstMessageType type);
    void expectConservation() const;

private:
    ObjectPtr<GstElement> element_;
    ObjectPtr<GstBus> bus_;
    ObjectPtr<GstPad> source_;
    ObjectPtr<GstPad> resultsPad_;
};

/** Caps of a format that rows of `width` pixels have. */
std::string capsOf(const std::string &format, std::size_t width, std::size_t height);
/** Random values below 2 to the power of `bits`. */
Numbers randomPicture(unsigned seed, std::size_t width, std::size_t height, unsigned bits = 12);
/** Bytes of a picture of 8 or 16 bits, rows at multiples of `stride`. */
std::vector<std::uint8_t> bytesOf(const Numbers &picture, unsigned bytesPerPixel, std::size_t stride);
/** A stamped buffer with these bytes in one memory. */
BufferPtr bufferOf(const std::vector<std::uint8_t> &bytes, guint64 sequence = 0);
/** The same from a picture, rows as video/x-raw has them. */
BufferPtr frame8(const Numbers &picture, guint64 sequence = 0);
BufferPtr frame16(const Numbers &picture, guint64 sequence = 0);
void stamp(GstBuffer *buffer, guint64 sequence);
/** Pixels of one that came out: by its GstVideoMeta, or as its caps say. */
Numbers pictureOf(GstBuffer *buffer, const GstCaps *caps);
const void *addressOf(GstBuffer *buffer);

/** Fields of a record as its caps describe them. */
class Record
{
public:
    Record(GstBuffer *buffer, const GstCaps *caps);
    template <typename T>
    [[nodiscard]] std::vector<T> get(const std::string &field) const
    {
        std::vector<T> values(fields_.at(field).second);
        std::memcpy(values.data(), bytes_.data() + fields_.at(field).first, values.size() * sizeof(T));
        return values;
    }
    [[nodiscard]] std::size_t bytes() const { return bytes_.size(); }
    [[nodiscard]] bool has(const std::string &field) const { return fields_.contains(field); }

private:
    std::vector<std::uint8_t> bytes_;
    std::map<std::string, std::pair<std::size_t, std::size_t>> fields_; ///< offset and count
};

} // namespace dmaslab::test
