// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dmaslab::test {

/**
 * Runs a small program of a few threads in every order in which their atomic steps can fall, one after the
 * other, and tells the first order that goes wrong. Code takes part when it is compiled with
 * interleaved_atomic.h in place of std::atomic and the futex calls: each such call is one step.
 *
 * All steps are sequentially consistent; what weaker orders allow on top is the thread sanitizer's to find.
 * States that were seen before are not continued again: a state is the values of all atomics together with
 * what each thread has read so far, which decides everything the thread does next.
 */
class Interleaving
{
public:
    /** Made anew for every order: everything its threads touch belongs to it. */
    struct Program
    {
        std::vector<std::function<void()>> threads;
        std::function<void()> atEnd; ///< runs once all threads are through; calls require()
    };
    struct Outcome
    {
        std::uint64_t orders = 0; ///< executions, the last of them the one that failed
        std::uint64_t states = 0;
        bool complete = false; ///< every order within the bound was covered
        std::string problem;   ///< empty, or what went wrong and the order of threads that led there
    };

#if defined(__SANITIZE_THREAD__)
    static constexpr bool kThreadSanitizer = true; ///< it does not know that contexts are switched by hand
#elif defined(__has_feature)
    static constexpr bool kThreadSanitizer = __has_feature(thread_sanitizer);
#else
    static constexpr bool kThreadSanitizer = false;
#endif
    static constexpr std::uint64_t kUnbounded = UINT64_MAX;

    /** @p preemptions: how often at most, per order, a thread is left that could have gone on. Nearly every
     *  fault shows with two or three, and a bound keeps larger programs within reach. */
    static Outcome explore(const std::function<Program()> &make, std::uint64_t preemptions = kUnbounded);

    /** What must hold; for threads and atEnd. The first that does not ends the search. */
    static void require(bool holds, const char *what);
    /** The shared objects are gone from now on: whoever touches an atomic has used freed memory. */
    static void sharedObjectsEnd();
    /** The calling thread keeps nothing of what it has learnt so far, but its place: orders that differ in no
     * more than that are one. */
    static void forget();

    // For interleaved_atomic.h
    static void created(const void *atomic, std::size_t bytes);
    /** Before a step: lets any other thread go first. False: the atomic is gone, leave it alone. */
    static bool step();
    /** After a step: what the thread has learnt by it. */
    static void learnt(std::uint64_t value);
    /** Sleeps until wake(); false on a timeout, which happens whenever it can. */
    static bool sleep(const void *address, bool withDeadline);
    static int wake(const void *address, int count);
};

} // namespace dmaslab::test
