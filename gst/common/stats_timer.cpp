// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/stats_timer.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "common/stats.h"

namespace dmaslab {

namespace {

struct ClockIdUnref
{
    void operator()(gpointer id) const noexcept { gst_clock_id_unref(id); }
};
using ClockIdPtr = std::unique_ptr<void, ClockIdUnref>;

} // namespace

class StatsTimer::Ticker : public std::enable_shared_from_this<StatsTimer::Ticker>
{
public:
    Ticker(GstElement *element, Collect collect) : element_(element), collect_(std::move(collect)) {}

    void post() const
    {
        StructurePtr stats = collect_();
        const CharPtr name(gst_object_get_name(GST_OBJECT_CAST(element_)));
        gst_structure_set(stats.get(), "element", G_TYPE_STRING, name.get(), nullptr);
        gst_element_post_message(element_,
                                 gst_message_new_element(GST_OBJECT_CAST(element_), stats.release()));
    }

    void setInterval(guint milliseconds)
    {
        // No waiting for a post under way: a stop() meanwhile would be forgotten.
        const std::lock_guard lock(mutex_);
        interval_ = milliseconds;
        if (running_) {
            unschedule();
            arm();
        }
    }

    guint interval() const
    {
        const std::lock_guard lock(mutex_);
        return interval_;
    }

    void start()
    {
        const std::lock_guard lock(mutex_);
        unschedule();
        running_ = true;
        arm();
    }

    void stop()
    {
        std::unique_lock lock(mutex_);
        disarm(lock);
    }

private:
    using Self = std::shared_ptr<Ticker>;

    void arm()
    {
        if (interval_ == 0)
            return;
        const ObjectPtr<GstClock> clock(gst_system_clock_obtain());
        const GstClockTime period = interval_ * GST_MSECOND;
        id_.reset(gst_clock_new_periodic_id(clock.get(), gst_clock_get_time(clock.get()) + period, period));
        gst_clock_id_wait_async(id_.get(), &Ticker::onTick, new Self(shared_from_this()),
                                [](gpointer self) { delete static_cast<Self *>(self); });
    }

    void unschedule()
    {
        if (id_)
            gst_clock_id_unschedule(id_.get());
        id_.reset();
    }

    void disarm(std::unique_lock<std::mutex> &lock)
    {
        running_ = false;
        unschedule();
        // Unscheduling does not wait for a callback under way. When that callback itself brought us here (a
        // synchronous bus handler that stops the element) there is nothing to wait for.
        idle_.wait(lock, [this] { return !posting_ || postingThread_ == std::this_thread::get_id(); });
    }

    static gboolean onTick(GstClock *, GstClockTime, GstClockID id, gpointer data)
    {
        const Self self = *static_cast<Self *>(data);
        std::unique_lock lock(self->mutex_);
        if (!self->running_ || self->id_.get() != id || self->posting_)
            return TRUE;
        self->posting_ = true;
        self->postingThread_ = std::this_thread::get_id();
        lock.unlock();
        self->post();
        lock.lock();
        self->posting_ = false;
        self->idle_.notify_all();
        return TRUE;
    }

    GstElement *const element_; ///< alive whenever running_: stop() waits for the tick
    const Collect collect_;

    mutable std::mutex mutex_;
    std::condition_variable idle_;
    ClockIdPtr id_;
    guint interval_ = 0;
    bool running_ = false;
    bool posting_ = false;
    std::thread::id postingThread_;
};

StatsTimer::StatsTimer(GstElement *element, Collect collect)
    : ticker_(std::make_shared<Ticker>(element, std::move(collect)))
{
}

StatsTimer::~StatsTimer()
{
    ticker_->stop();
}

void StatsTimer::installProperty(GObjectClass *klass, guint id)
{
    g_object_class_install_property(
        klass, id,
        g_param_spec_uint(
            "stats-interval", "Statistics interval",
            "Post the stats as element message dmaslab-stats every so many milliseconds "
            "(0 = only at EOS and at stop)",
            0, G_MAXUINT, 0,
            GParamFlags(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)));
}

void StatsTimer::setInterval(guint milliseconds)
{
    ticker_->setInterval(milliseconds);
}

guint StatsTimer::interval() const
{
    return ticker_->interval();
}

void StatsTimer::start()
{
    ticker_->start();
}

void StatsTimer::stop()
{
    ticker_->stop();
}

void StatsTimer::post()
{
    ticker_->post();
}

} // namespace dmaslab
