// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dmaslab/memory/arena.h"
#include "dmaslab/memory/arena_builder.h"
#include "dmaslab/memory/host_paths.h"
#include "dmaslab/memory/page_info.h"
#include "dmaslab/memory/text.h"

namespace dmaslab::test {

inline ArenaRequest requestOf(MemoryKind kind, std::uint32_t slabs = 4, std::size_t slabSize = 614400)
{
    ArenaRequest request;
    request.kind = kind;
    request.slabs = slabs;
    request.slabSize = slabSize;
    return request;
}

/** The arena; a refusal fails the test with its own words. */
inline std::shared_ptr<Arena> create(const ArenaRequest &request)
{
    auto arena = Arena::create(request);
    if (!arena)
        throw std::runtime_error(arena.error().message);
    return *arena;
}

/** The same on a host of our making. */
inline ArenaParts build(const ArenaRequest &request, const HostPaths &paths)
{
    auto parts = buildArena(request, paths);
    if (!parts)
        throw std::runtime_error(parts.error().message);
    return std::move(*parts);
}

/** Files that pretend to be the kernel's; gone with the object. */
class FakeHost
{
public:
    FakeHost()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "dmaslab-host-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        ::chmod(folder_.c_str(), 0755);
    }
    FakeHost(const FakeHost &) = delete;
    FakeHost &operator=(const FakeHost &) = delete;
    ~FakeHost() { std::filesystem::remove_all(folder_); }

    std::string path(const std::string &name) const { return folder_ + "/" + name; }
    std::string write(const std::string &name, const std::string &text) const
    {
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
        std::ofstream(path(name)) << text;
        return path(name);
    }

private:
    std::string folder_;
};

/**
 * Runs the check in a process of its own, for limits and rights that cannot be taken back. It returns an
 * empty text when content, otherwise what was wrong.
 */
inline std::string inChild(const std::function<std::string()> &check)
{
    int ends[2];
    if (::pipe(ends) != 0)
        return "no pipe";
    const pid_t child = ::fork();
    if (child == 0) {
        std::string wrong;
        try {
            wrong = check();
        } catch (const std::exception &error) {
            wrong = error.what();
        }
        const auto written = ::write(ends[1], wrong.data(), wrong.size());
        ::_exit(written == static_cast<ssize_t>(wrong.size()) ? 0 : 1);
    }
    ::close(ends[1]);
    std::string wrong;
    char piece[512];
    for (ssize_t got; (got = ::read(ends[0], piece, sizeof(piece))) > 0;)
        wrong.append(piece, static_cast<std::size_t>(got));
    ::close(ends[0]);
    int status = -1;
    ::waitpid(child, &status, 0);
    if (wrong.empty() && status != 0)
        return "the child ended with status " + std::to_string(status);
    return wrong;
}

/** Root may open everything and lock everything; in a child only. */
inline void becomeNobody()
{
    constexpr id_t nobody = 65534;
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setresgid(nobody, nobody, nobody) != 0 ||
                             ::setresuid(nobody, nobody, nobody) != 0))
        ::_exit(2);
}

inline std::string joined(const std::vector<std::string> &sentences)
{
    std::string text;
    for (const auto &sentence : sentences)
        text += sentence + "\n";
    return text;
}

inline bool has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

inline std::size_t openDescriptors()
{
    std::size_t count = 0;
    for ([[maybe_unused]] const auto &entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

/** How many mappings are ours: those of dmaslab's memfds and of dma-bufs. */
inline std::size_t slabMappings()
{
    std::size_t count = 0;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);)
        count += has(line, "/memfd:dmaslab") || has(line, "dmabuf") || has(line, "anon_hugepage") ? 1 : 0;
    return count;
}

inline bool hasUdmabuf()
{
    return ::access("/dev/udmabuf", R_OK | W_OK) == 0;
}

inline bool hasSystemHeap()
{
    return ::access("/dev/dma_heap/system", R_OK) == 0;
}

inline std::uint64_t freeHugePages()
{
    return readNumber(HostPaths{}.hugePages + "/free_hugepages").value_or(0);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool mlockIsFaked = true; // the sanitizers' own mlock says yes and does nothing
#elif defined(__has_feature)
inline constexpr bool mlockIsFaked = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool mlockIsFaked = false;
#endif

} // namespace dmaslab::test

#define SKIP_WITHOUT_MLOCK()                                                                                 \
    if (dmaslab::test::mlockIsFaked)                                                                         \
    GTEST_SKIP() << "mlock does nothing under this sanitizer"
#define SKIP_WITHOUT_UDMABUF()                                                                               \
    if (!dmaslab::test::hasUdmabuf())                                                                        \
    GTEST_SKIP() << "no usable /dev/udmabuf here"
#define SKIP_WITHOUT_DMA_HEAP()                                                                              \
    if (!dmaslab::test::hasSystemHeap())                                                                     \
    GTEST_SKIP() << "no usable /dev/dma_heap/system here"
#define SKIP_WITHOUT_HUGE_PAGES(pages)                                                                       \
    if (dmaslab::test::freeHugePages() < (pages))                                                            \
    GTEST_SKIP() << "fewer than " << (pages) << " free huge pages here"
