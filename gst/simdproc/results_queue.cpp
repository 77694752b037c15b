// SPDX-License-Identifier: LGPL-2.1-or-later
#include "simdproc/results_queue.h"

#include "common/loss_ledger.h"

GST_DEBUG_CATEGORY_EXTERN(gst_simd_proc_debug);
#define GST_CAT_DEFAULT gst_simd_proc_debug

namespace dmaslab {

ResultsQueue::~ResultsQueue()
{
    Item item;
    while (poll(item))
        gst_mini_object_unref(item.object);
}

bool ResultsQueue::hasRoom() const
{
    // A record behind late events would overtake them in the ring. acquire: late_ is taken back when the last
    // of them has been handed out, and a record that is counted as taken has left its place.
    return !late_.load(std::memory_order_acquire) && ring_.size() < ring_.capacity() &&
           appended_ - taken_.load(std::memory_order_acquire) < kMostRecords;
}

void ResultsQueue::appendRecord(BufferPtr record, std::uint32_t stream)
{
    ++appended_;
    if (!ring_.push({GST_MINI_OBJECT_CAST(record.get()), stream})) {
        g_return_if_reached(); // hasRoom() was not asked
    }
    (void)record.release();
    bell_.ring();
}

void ResultsQueue::appendEvent(EventPtr event, std::uint32_t stream)
{
    const Item item{GST_MINI_OBJECT_CAST(event.get()), stream};
    if (late_.load(std::memory_order_acquire) || !ring_.push(item)) {
        const std::lock_guard lock(mutex_);
        if (lateEvents_.size() >= kMostLateEvents && isLedgerEvent(event.get())) {
            GST_WARNING("results: %" GST_PTR_FORMAT " is lost, nobody takes what is queued", event.get());
            return;
        }
        lateEvents_.push_back(item);
        late_.store(true, std::memory_order_release);
    }
    (void)event.release();
    bell_.ring();
}

bool ResultsQueue::wait(Item &item)
{
    return bell_.wait([&] { return poll(item); }) != Doorbell::Result::Interrupted;
}

bool ResultsQueue::poll(Item &item)
{
    if (!ring_.pop(item)) {
        if (!late_.load(std::memory_order_acquire))
            return false;
        const std::lock_guard lock(mutex_);
        // acquire above: the ring has nothing that we do not see, and gets nothing while there are late ones.
        if (!ring_.pop(item)) {
            if (lateEvents_.empty())
                return false;
            item = lateEvents_.front();
            lateEvents_.pop_front();
            if (lateEvents_.empty())
                late_.store(false, std::memory_order_release);
        }
    }
    if (GST_IS_BUFFER(item.object))
        taken_.fetch_add(1, std::memory_order_release);
    return true;
}

} // namespace dmaslab
