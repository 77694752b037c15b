// SPDX-License-Identifier: LGPL-2.1-or-later
// A benchmark program runs one leg (one side of one comparison) and prints one JSON line;
// tests/bench/compare.py alternates the legs, so that both sides meet the same machine.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sched.h>
#include <time.h>

namespace bench {

inline std::int64_t nowNs()
{
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return std::int64_t(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

inline std::int64_t threadCpuNs()
{
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::int64_t(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

inline std::int64_t processCpuNs()
{
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return std::int64_t(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}

/** Does nothing on a machine with fewer CPUs: the figures then say so by their spread. */
inline void pinTo(unsigned cpu)
{
    if (cpu >= std::thread::hardware_concurrency())
        return;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/**
 * Micro-operations of all sides run at the lowest real-time priority where that is allowed: whatever else the
 * machine does then disturbs a repetition less. Threads made afterwards inherit it.
 */
inline void runUndisturbed()
{
    sched_param parameters{};
    parameters.sched_priority = 1;
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters);
}

/** key=value words of the command line. */
class Options
{
public:
    Options(int argc, char **argv)
    {
        for (int i = 1; i < argc; ++i) {
            const std::string word = argv[i];
            const auto equals = word.find('=');
            values_[word.substr(0, equals)] = equals == std::string::npos ? "1" : word.substr(equals + 1);
        }
    }
    [[nodiscard]] std::string text(const std::string &key, const std::string &fallback = "") const
    {
        const auto found = values_.find(key);
        return found == values_.end() ? fallback : found->second;
    }
    [[nodiscard]] long number(const std::string &key, long fallback) const
    {
        const auto found = values_.find(key);
        return found == values_.end() ? fallback : std::atol(found->second.c_str());
    }

private:
    std::map<std::string, std::string> values_;
};

/** What a leg found, printed as one JSON object. */
class Report
{
public:
    Report &add(const std::string &key, double value)
    {
        char digits[64];
        std::snprintf(digits, sizeof(digits), "%.9g", value);
        words_.emplace_back(key, std::isfinite(value) ? digits : "null");
        return *this;
    }
    /** `value` needs no escapes. */
    Report &add(const std::string &key, const std::string &value)
    {
        words_.emplace_back(key, '"' + value + '"');
        return *this;
    }
    void print() const
    {
        std::string line = "{";
        for (const auto &[key, value] : words_)
            line += (line.size() > 1 ? ", \"" : "\"") + key + "\": " + value;
        std::printf("%s}\n", line.c_str());
    }

private:
    std::vector<std::pair<std::string, std::string>> words_;
};

/** Of a sorted list; nearest rank, so every figure is one that was measured. */
inline double quantile(const std::vector<double> &sorted, double q)
{
    if (sorted.empty())
        return std::nan("");
    const auto rank = std::size_t(std::ceil(q * double(sorted.size())));
    return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

[[noreturn]] inline void giveUp(const std::string &why)
{
    std::fprintf(stderr, "%s\n", why.c_str());
    std::exit(1);
}

/**
 * ns per operation: the least of many repetitions, for whatever disturbs a short operation only makes it
 * longer. `run(n)` does n operations and returns the time they took.
 */
template <typename Run>
double leastNsPerOperation(const Options &options, Run &&run)
{
    const int repetitions = int(options.number("repetitions", 15));
    const std::int64_t shortest = options.number("least-ms", 20) * 1'000'000;
    std::uint64_t count = 1000;
    std::int64_t took = run(count);
    while (took < shortest) {
        count =
            took * 8 < shortest ? count * 8 : count * std::uint64_t(shortest) / std::uint64_t(took) * 5 / 4;
        took = run(count);
    }
    double least = double(took) / double(count);
    for (int i = 0; i < repetitions; ++i)
        least = std::min(least, double(run(count)) / double(count));
    return least;
}

} // namespace bench
