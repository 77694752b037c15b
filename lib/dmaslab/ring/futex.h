// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <ctime>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dmaslab {

/** Deadlines are nanoseconds of CLOCK_MONOTONIC; this one never comes. */
inline constexpr int64_t kNoDeadline = INT64_MAX;

inline int64_t monotonicNowNs() noexcept
{
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return int64_t(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

enum class FutexResult : uint8_t
{
    Woken,       ///< a wake came, or the kernel woke us for nothing: look again
    Changed,     ///< the word was no longer what we expected: look again
    Interrupted, ///< a signal: look again
    Timeout,     ///< the deadline passed
};

/**
 * Sleeps while the word holds @p expected. The kernel compares and queues in one step, so a change followed
 * by a wake is never missed. @p shared: the word lies in memory that several processes map.
 */
inline FutexResult futexWait(const uint32_t *word, uint32_t expected, int64_t deadlineNs = kNoDeadline,
                             bool shared = false) noexcept
{
    // FUTEX_WAIT_BITSET, unlike FUTEX_WAIT, takes an absolute time (CLOCK_MONOTONIC unless told otherwise).
    const int op = FUTEX_WAIT_BITSET | (shared ? 0 : FUTEX_PRIVATE_FLAG);
    timespec until{};
    const timespec *timeout = nullptr;
    if (deadlineNs != kNoDeadline) {
        // The kernel refuses negative times (EINVAL), which would turn the wait into a busy loop.
        const int64_t at = deadlineNs > 0 ? deadlineNs : 0;
        until.tv_sec = time_t(at / 1'000'000'000);
        until.tv_nsec = long(at % 1'000'000'000);
        timeout = &until;
    }
    if (syscall(SYS_futex, word, op, expected, timeout, nullptr, FUTEX_BITSET_MATCH_ANY) == 0)
        return FutexResult::Woken;
    switch (errno) {
    case ETIMEDOUT:
        return FutexResult::Timeout;
    case EINTR:
        return FutexResult::Interrupted;
    default:
        return FutexResult::Changed;
    }
}

/**
 * Wakes up to @p count sleepers on an address and returns how many. The word is never read here, neither by
 * us nor by the kernel: it may be gone already, freed by a waiter that saw the change without being woken.
 */
inline int futexWake(const uint32_t *word, int count, bool shared = false) noexcept
{
    const int op = FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG);
    const long woken = syscall(SYS_futex, word, op, count, nullptr, nullptr, 0);
    return woken > 0 ? int(woken) : 0;
}

/** The address the kernel compares; the object behind it is not touched. */
inline const uint32_t *futexWord(const std::atomic<uint32_t> &word) noexcept
{
    static_assert(sizeof(word) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);
    return reinterpret_cast<const uint32_t *>(&word);
}

/** The low half of a 64-bit atomic: a futex is 32 bits on every machine. */
inline const uint32_t *futexLowHalf(const std::atomic<uint64_t> &word) noexcept
{
    static_assert(sizeof(word) == sizeof(uint64_t) && std::atomic<uint64_t>::is_always_lock_free);
    return reinterpret_cast<const uint32_t *>(&word) + (std::endian::native == std::endian::big ? 1 : 0);
}

inline FutexResult futexWait(const std::atomic<uint32_t> &word, uint32_t expected,
                             int64_t deadlineNs = kNoDeadline, bool shared = false) noexcept
{
    return futexWait(futexWord(word), expected, deadlineNs, shared);
}

inline int futexWake(const std::atomic<uint32_t> &word, int count, bool shared = false) noexcept
{
    return futexWake(futexWord(word), count, shared);
}

} // namespace dmaslab
