// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>

#include <gst/gst.h>

/** Owning handles for what GStreamer hands out with "transfer full". release() gives the reference away. */
namespace dmaslab {

struct MiniObjectUnref
{
    template <typename T>
    void operator()(T *object) const noexcept
    {
        gst_mini_object_unref(GST_MINI_OBJECT_CAST(object));
    }
};

struct ObjectUnref
{
    template <typename T>
    void operator()(T *object) const noexcept
    {
        gst_object_unref(object);
    }
};

struct StructureFree
{
    void operator()(GstStructure *structure) const noexcept { gst_structure_free(structure); }
};

struct GFree
{
    void operator()(void *memory) const noexcept { g_free(memory); }
};

struct GErrorFree
{
    void operator()(GError *error) const noexcept { g_error_free(error); }
};

using BufferPtr = std::unique_ptr<GstBuffer, MiniObjectUnref>;
using BufferListPtr = std::unique_ptr<GstBufferList, MiniObjectUnref>;
using CapsPtr = std::unique_ptr<GstCaps, MiniObjectUnref>;
using EventPtr = std::unique_ptr<GstEvent, MiniObjectUnref>;
using MessagePtr = std::unique_ptr<GstMessage, MiniObjectUnref>;
using QueryPtr = std::unique_ptr<GstQuery, MiniObjectUnref>;
using MemoryPtr = std::unique_ptr<GstMemory, MiniObjectUnref>;
using StructurePtr = std::unique_ptr<GstStructure, StructureFree>;
using CharPtr = std::unique_ptr<gchar, GFree>;
using ErrorPtr = std::unique_ptr<GError, GErrorFree>;

/** Any GstObject: element, pad, pool, allocator, clock, bus. */
template <typename T>
using ObjectPtr = std::unique_ptr<T, ObjectUnref>;

template <typename T>
[[nodiscard]] ObjectPtr<T> refObject(T *object)
{
    return ObjectPtr<T>(static_cast<T *>(object ? gst_object_ref(object) : nullptr));
}

/** Holds the object lock of a GstObject; nothing may be posted, pushed or unreffed meanwhile. */
class ObjectLocker
{
public:
    explicit ObjectLocker(gpointer object) : object_(GST_OBJECT_CAST(object)) { GST_OBJECT_LOCK(object_); }
    ~ObjectLocker() { GST_OBJECT_UNLOCK(object_); }
    ObjectLocker(const ObjectLocker &) = delete;
    ObjectLocker &operator=(const ObjectLocker &) = delete;

private:
    GstObject *object_;
};

/** Holds a GMutex, where GLib's own primitives have to be used. */
class MutexLocker
{
public:
    explicit MutexLocker(GMutex &mutex) : mutex_(mutex) { g_mutex_lock(&mutex_); }
    ~MutexLocker() { g_mutex_unlock(&mutex_); }
    MutexLocker(const MutexLocker &) = delete;
    MutexLocker &operator=(const MutexLocker &) = delete;

private:
    GMutex &mutex_;
};

} // namespace dmaslab
