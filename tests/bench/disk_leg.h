// SPDX-License-Identifier: LGPL-2.1-or-later
// What a leg that writes to a disk needs around its pipeline.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"

namespace bench {

/** A directory of this leg's own, gone with it unless it is to be kept. */
class ScratchDirectory
{
public:
    ScratchDirectory(const std::string &parent, bool keep)
        : path_(parent + "/leg-" + std::to_string(getpid())), keep_(keep)
    {
        std::error_code error;
        std::filesystem::create_directories(path_, error);
        if (error)
            giveUp(path_ + ": " + error.message());
    }
    ~ScratchDirectory()
    {
        std::error_code ignored;
        if (!keep_)
            std::filesystem::remove_all(path_, ignored);
    }
    ScratchDirectory(const ScratchDirectory &) = delete;
    ScratchDirectory &operator=(const ScratchDirectory &) = delete;
    [[nodiscard]] const std::string &path() const { return path_; }

    /** Every file in it, and their names. */
    void makeDurable() const
    {
        std::vector<std::string> paths{path_};
        for (const auto &entry : std::filesystem::recursive_directory_iterator(path_))
            paths.push_back(entry.path().string());
        for (const std::string &path : paths) {
            const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
            if (fd < 0 || fsync(fd) != 0)
                giveUp("cannot fsync " + path);
            close(fd);
        }
    }
    [[nodiscard]] double bytes() const
    {
        double sum = 0;
        for (const auto &entry : std::filesystem::recursive_directory_iterator(path_))
            if (entry.is_regular_file())
                sum += double(entry.file_size());
        return sum;
    }

private:
    const std::string path_;
    const bool keep_;
};

/** CPU seconds of everybody, the kernel's threads included. */
inline double systemCpuSeconds()
{
    std::ifstream stat("/proc/stat");
    std::string label;
    double user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softirq = 0;
    stat >> label >> user >> nice >> system >> idle >> wait >> irq >> softirq;
    return (user + nice + system + irq + softirq) / double(sysconf(_SC_CLK_TCK));
}

/** What the machine uses without us, CPU seconds per second. */
inline double idleCpuRate(std::int64_t forNs)
{
    const double before = systemCpuSeconds();
    const auto start = nowNs();
    std::this_thread::sleep_for(std::chrono::nanoseconds(forNs));
    return (systemCpuSeconds() - before) * 1e9 / double(nowNs() - start);
}

/** The most threads that the kernel ever had at work for our io_urings, looked at every 20 ms. */
class WorkerWatch
{
public:
    explicit WorkerWatch(bool wanted)
    {
        if (wanted)
            thread_ = std::thread([this] { run(); });
    }
    ~WorkerWatch()
    {
        if (!thread_.joinable())
            return;
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
        }
        change_.notify_all();
        thread_.join();
    }
    WorkerWatch(const WorkerWatch &) = delete;
    WorkerWatch &operator=(const WorkerWatch &) = delete;
    [[nodiscard]] int most() const { return most_.load(); }

private:
    void run()
    {
        std::unique_lock lock(mutex_);
        while (!change_.wait_for(lock, std::chrono::milliseconds(20), [this] { return ended_; }))
            most_ = std::max(most_.load(), count());
    }
    static int count()
    {
        int found = 0;
        std::error_code gone;
        for (const auto &entry : std::filesystem::directory_iterator("/proc/self/task", gone)) {
            std::ifstream comm(entry.path() / "comm");
            std::string name;
            comm >> name;
            found += name.rfind("iou-wrk", 0) == 0 ? 1 : 0;
        }
        return found;
    }

    std::mutex mutex_;
    std::condition_variable change_;
    bool ended_ = false;
    std::atomic<int> most_{0};
    std::thread thread_;
};

/**
 * A process that writes buffered data as fast as it is let, over and over to the same 2 GiB, so that the page
 * cache is full of dirty pages and the disk is busy. Begin it before there are threads.
 */
class DirtyWriter
{
public:
    explicit DirtyWriter(const std::string &path)
    {
        int ready[2];
        if (pipe2(ready, O_CLOEXEC) != 0 || (child_ = fork()) < 0)
            giveUp("cannot start the dirty-page writer");
        if (child_ == 0)
            dirty(path, ready[1]);
        close(ready[1]);
        char begun = 0;
        const bool writes = read(ready[0], &begun, 1) == 1;
        close(ready[0]);
        if (!writes)
            giveUp("the dirty-page writer cannot write " + path);
    }
    ~DirtyWriter()
    {
        kill(child_, SIGKILL);
        waitpid(child_, nullptr, 0);
    }
    DirtyWriter(const DirtyWriter &) = delete;
    DirtyWriter &operator=(const DirtyWriter &) = delete;

private:
    [[noreturn]] static void dirty(const std::string &path, int ready)
    {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        std::vector<char> block(1 << 20, 1);
        for (off_t at = 0;; at = (at + off_t(block.size())) % (off_t{2} << 30)) {
            if (pwrite(fd, block.data(), block.size(), at) != ssize_t(block.size()))
                _exit(1);
            if (at == off_t{256} << 20 && write(ready, "b", 1) != 1)
                _exit(1);
        }
    }

    pid_t child_ = -1;
};

} // namespace bench
