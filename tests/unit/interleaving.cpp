// SPDX-License-Identifier: LGPL-2.1-or-later
#include "interleaving.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include <ucontext.h>

namespace dmaslab::test {

namespace {

constexpr std::size_t kStackBytes = 256 * 1024;
constexpr std::uint64_t kMostOrders = 10'000'000;
constexpr std::size_t kMostSteps = 20'000; // of one order: more is a loop that never ends

/** One thread of the program: a context of its own on the one thread there really is. */
struct Fiber
{
    ucontext_t context = {};
    std::unique_ptr<char[]> stack;
    std::function<void()> body;
    bool fresh = true; ///< has not come to its first step: being chosen takes it there and through it
    bool finished = false;
    bool timedOut = false;
    bool mayTimeOut = false;
    const void *sleepsOn = nullptr;
    std::uint64_t known = 0; ///< hash of all it has learnt and not forgotten
    std::uint64_t turns = 0;
};

struct Choice
{
    std::size_t fiber = 0;
    bool timeout = false;
};

/** A moment of the present order, and the ways on from it. */
struct Moment
{
    std::vector<Choice> choices;
    std::size_t taken = 0;
};

struct Word
{
    const void *at = nullptr;
    std::size_t bytes = 0;
};

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15;
    return hash ^ (hash >> 29);
}

struct Search
{
    ucontext_t home = {};
    std::vector<Fiber> fibers;
    std::vector<std::unique_ptr<char[]>> stacks;
    std::size_t current = SIZE_MAX; // none: the main program, whose steps are not scheduled
    std::vector<Word> words;
    bool ended = false;
    bool pruned = false; ///< seen before: the rest only runs so that everything is put away
    std::vector<Moment> path;
    std::size_t depth = 0;
    std::uint64_t preemptions = 0;
    std::uint64_t mostPreemptions = Interleaving::kUnbounded;
    std::vector<std::size_t> order;
    std::unordered_set<std::uint64_t> seen;
    std::string problem;

    void run(Interleaving::Program &program);
    bool backtrack();
    void complain(const std::string &what);
    void schedule();
    void beforeStep();
    [[nodiscard]] bool mayGoOn() const;
    [[nodiscard]] std::uint64_t state() const;
    [[nodiscard]] std::vector<Choice> choices() const;
    [[nodiscard]] bool decide(Choice &next);
};

Search *search = nullptr;

void fiberMain()
{
    search->fibers[search->current].body();
    search->fibers[search->current].finished = true;
    search->schedule();
}

void Search::complain(const std::string &what)
{
    if (!problem.empty())
        return;
    problem = what + "; order of threads:";
    for (std::size_t i = 0, n = 0; i < order.size(); i += n) {
        for (n = 1; i + n < order.size() && order[i + n] == order[i]; ++n)
            ;
        problem += " " + std::to_string(order[i]) + "x" + std::to_string(n);
    }
}

std::uint64_t Search::state() const
{
    // With a bound, what may follow depends on how much of it is left, and for whom.
    std::uint64_t hash = ended;
    if (mostPreemptions != Interleaving::kUnbounded)
        hash = mixed(mixed(hash, preemptions), current);
    for (const Word &word : words) {
        std::uint64_t value = 0;
        if (!ended)
            std::copy_n(static_cast<const char *>(word.at), word.bytes, reinterpret_cast<char *>(&value));
        hash = mixed(hash, value);
    }
    for (const Fiber &fiber : fibers)
        hash = mixed(mixed(hash, fiber.known),
                     (fiber.finished ? 1U : 0U) + (fiber.sleepsOn ? 2U : 0U) + (fiber.timedOut ? 4U : 0U));
    return hash;
}

/** Leaving the present thread now would be a preemption. */
bool Search::mayGoOn() const
{
    return current != SIZE_MAX && !fibers[current].finished && !fibers[current].sleepsOn;
}

/** The present thread first, so that the first order tried has the fewest switches. */
std::vector<Choice> Search::choices() const
{
    std::vector<Choice> all;
    for (std::size_t i = 0; i < fibers.size(); ++i) {
        const std::size_t at = current == SIZE_MAX ? i : (current + i) % fibers.size();
        if (fibers[at].finished)
            continue;
        if (!fibers[at].sleepsOn)
            all.push_back({at, false});
        else if (fibers[at].mayTimeOut)
            all.push_back({at, true});
    }
    if (mayGoOn() && preemptions == mostPreemptions)
        all.resize(1);
    return all;
}

/** False: nobody is left to run. */
bool Search::decide(Choice &next)
{
    if (order.size() > kMostSteps)
        complain("no end is in sight");
    if (!problem.empty() &&
        std::all_of(fibers.begin(), fibers.end(), [](const Fiber &f) { return f.finished || f.sleepsOn; }))
        return false;
    std::vector<Choice> open = choices();
    if (open.empty()) {
        if (!std::all_of(fibers.begin(), fibers.end(), [](const Fiber &f) { return f.finished; }))
            complain("a sleeper is never woken");
        return false;
    }
    if (depth < path.size()) {
        next = path[depth].choices[path[depth].taken];
    } else if (pruned || !problem.empty() || !seen.insert(state()).second) {
        pruned = true; // and taking turns, so that nobody waits for a thread that never runs
        preemptions = 0;
        next = open[order.size() / 64 % open.size()];
        order.push_back(next.fiber);
        return order.size() <= 2 * kMostSteps;
    } else {
        next = open.front();
        path.push_back({std::move(open), 0});
    }
    ++depth;
    preemptions += mayGoOn() && next.fiber != current;
    order.push_back(next.fiber);
    return true;
}

void Search::schedule()
{
    Choice next;
    const std::size_t before = current;
    if (!decide(next)) {
        current = SIZE_MAX;
        setcontext(&home);
    }
    Fiber &fiber = fibers[next.fiber];
    if (next.timeout) {
        fiber.timedOut = true;
        fiber.sleepsOn = nullptr;
    }
    if (next.fiber == before)
        return;
    current = next.fiber;
    if (before == SIZE_MAX)
        swapcontext(&home, &fiber.context);
    else
        swapcontext(&fibers[before].context, &fiber.context);
}

void Search::beforeStep()
{
    if (current != SIZE_MAX && !std::exchange(fibers[current].fresh, false))
        schedule();
}

void Search::run(Interleaving::Program &program)
{
    fibers.clear();
    fibers.resize(program.threads.size());
    stacks.resize(std::max(stacks.size(), fibers.size()));
    for (std::size_t i = 0; i < fibers.size(); ++i) {
        if (!stacks[i])
            stacks[i] = std::make_unique<char[]>(kStackBytes);
        fibers[i].body = std::move(program.threads[i]);
        getcontext(&fibers[i].context);
        fibers[i].context.uc_stack.ss_sp = stacks[i].get();
        fibers[i].context.uc_stack.ss_size = kStackBytes;
        makecontext(&fibers[i].context, fiberMain, 0);
    }
    depth = 0;
    preemptions = 0;
    order.clear();
    pruned = false;
    schedule();
    current = SIZE_MAX;
}

bool Search::backtrack()
{
    while (!path.empty() && ++path.back().taken == path.back().choices.size())
        path.pop_back();
    return !path.empty();
}

} // namespace

Interleaving::Outcome Interleaving::explore(const std::function<Program()> &make, std::uint64_t preemptions)
{
    Search here;
    here.mostPreemptions = preemptions;
    search = &here;
    Outcome outcome;
    bool more = true;
    while (more && here.problem.empty() && outcome.orders < kMostOrders) {
        here.words.clear();
        here.ended = false;
        Program program = make();
        here.run(program);
        ++outcome.orders;
        if (here.problem.empty() && program.atEnd)
            program.atEnd();
        more = here.backtrack();
    }
    outcome.complete = !more && here.problem.empty();
    outcome.states = here.seen.size();
    outcome.problem = here.problem;
    search = nullptr;
    return outcome;
}

void Interleaving::require(bool holds, const char *what)
{
    if (!holds)
        search->complain(what);
}

void Interleaving::sharedObjectsEnd()
{
    if (!search)
        return;
    require(!search->ended, "the shared objects end twice");
    search->ended = true;
}

void Interleaving::created(const void *atomic, std::size_t bytes)
{
    if (search)
        search->words.push_back({atomic, bytes});
}

bool Interleaving::step()
{
    if (!search)
        return true;
    search->beforeStep();
    require(!search->ended, "an atomic is touched after its object ended");
    return !search->ended;
}

void Interleaving::learnt(std::uint64_t value)
{
    if (search && search->current != SIZE_MAX) {
        std::uint64_t &known = search->fibers[search->current].known;
        known = mixed(known + 1, value);
    }
}

void Interleaving::forget()
{
    if (search && search->current != SIZE_MAX) {
        Fiber &fiber = search->fibers[search->current];
        fiber.known = ++fiber.turns;
    }
}

bool Interleaving::sleep(const void *address, bool withDeadline)
{
    Fiber &fiber = search->fibers[search->current];
    fiber.sleepsOn = address;
    fiber.mayTimeOut = withDeadline;
    search->schedule();
    learnt(fiber.timedOut ? 1 : 2);
    return !std::exchange(fiber.timedOut, false);
}

int Interleaving::wake(const void *address, int count)
{
    // A step, but none that touches the object: what slept on it may be gone.
    search->beforeStep();
    int woken = 0;
    for (Fiber &fiber : search->fibers) {
        if (fiber.sleepsOn == address && woken < count) {
            fiber.sleepsOn = nullptr;
            ++woken;
        }
    }
    learnt(std::uint64_t(woken));
    return woken;
}

} // namespace dmaslab::test
