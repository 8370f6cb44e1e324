/* Blocks, one after the other; the threads of a block as fibers that run until they wait for each
 * other. Switch `order` (EVALH_EMULATED): 0 threads and blocks in order, 1 backwards, 2 and more
 * shuffled, by this seed: what passes in one order alone lacks a barrier. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "emulator.h"
#include "fiber.h"

/* This file alone is compiled without a sanitizer (meson.build): what it does itself is no race. */
#if defined(EMULATED_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(EMULATED_TSAN)
#include <sanitizer/tsan_interface.h>
#define RELEASE(at) __tsan_release(at)
#define ACQUIRE(at) __tsan_acquire(at)
#else
#define RELEASE(at) ((void)0)
#define ACQUIRE(at) ((void)0)
#endif

enum { STACK = 256 << 10, MAX_THREADS = 1024, DEFAULT_SHARED = 48 << 10, CANARY = 64,
       SHARED_ARRAYS = 16 };
enum : size_t { POOL = (size_t)1 << 30 };
enum : size_t { MOST_SHARED = 163 << 10 }; /* of a block on an A100; an H100 has 227 KiB */

struct fiber {
    stack_place place;
    void *stack;
    uint3 thread;
    unsigned index;       /* in the block */
    const unsigned *waits; /* runs on when this is no longer `since`; NULL: runs */
    unsigned since;
    bool finished;
#if defined(EMULATED_TSAN)
    void *tsan;
#endif
};

struct warp {
    unsigned generation, arrived, finished; /* masks of lanes */
    unsigned mask;                          /* of the exchange under way */
    const char *where;
    emulated_slot slot[2][32];
};

struct block_array { /* of shared memory */
    const void *tag;
    void *p;
    size_t bytes;
};

/* Never taken down: its fibers wait for work until the end. */
static struct processor {
    const emulated_launch *launch;
    const std::function<void()> *thread;
    uint3 block;
    std::vector<unsigned> order; /* of threads */
    unsigned threads, started, finished;
    fiber *current;
    std::vector<fiber *> fibers, idle;
    std::vector<warp> warps;
    unsigned barrier, at_barrier;
    const char *barrier_where;
    block_array shared[SHARED_ARRAYS]; /* [0]: the launch's dynamic memory */
    int shared_count;
    char *pool; /* [POOL] where the blocks of a launch have theirs, one after the other */
    size_t pool_used;
    stack_place scheduler;
    void *scheduler_fake_stack;
    const void *scheduler_stack;
    size_t scheduler_stack_size;
#if defined(EMULATED_TSAN)
    void *tsan;
#endif
} &device = *new processor();

const uint3 &emulated_thread_index(void)
{
    return device.current->thread;
}

const uint3 &emulated_block_index(void)
{
    return device.block;
}

const dim3 &emulated_block_size(void)
{
    return device.launch->block;
}

const dim3 &emulated_grid_size(void)
{
    return device.launch->grid;
}

int emulated_lane(void)
{
    return (int)(device.current->index % 32);
}

void emulated_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "emulated GPU: ");
    vfprintf(stderr, format, args);
    va_end(args);
    if (device.launch != NULL) {
        fprintf(stderr, "\n  in %s, block (%u, %u, %u)", device.launch->name, device.block.x,
                device.block.y, device.block.z);
        if (device.current != NULL)
            fprintf(stderr, ", thread (%u, %u, %u)", device.current->thread.x,
                    device.current->thread.y, device.current->thread.z);
    }
    fprintf(stderr, "\n");
    abort();
}

/* ---- fibers ---- */

#if defined(__x86_64__)
asm(R"(
.text
.type emulated_switch, @function
.globl emulated_switch
emulated_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq (%rsi), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size emulated_switch, .-emulated_switch
)");
#endif

/* The sanitizers are told of every change of stacks. `leaving`: for good. */
static void to_scheduler(fiber *f)
{
#if defined(EMULATED_ASAN)
    void *fake = NULL;
    __sanitizer_start_switch_fiber(&fake, device.scheduler_stack, device.scheduler_stack_size);
#elif defined(EMULATED_TSAN)
    __tsan_switch_to_fiber(device.tsan, __tsan_switch_to_fiber_no_sync);
#endif
    emulated_switch(&f->place, &device.scheduler);
#if defined(EMULATED_ASAN)
    __sanitizer_finish_switch_fiber(fake, &device.scheduler_stack, &device.scheduler_stack_size);
#endif
}

static void to_fiber(fiber *f)
{
    device.current = f;
#if defined(EMULATED_ASAN)
    __sanitizer_start_switch_fiber(&device.scheduler_fake_stack, f->stack, STACK);
#elif defined(EMULATED_TSAN)
    __tsan_switch_to_fiber(f->tsan, __tsan_switch_to_fiber_no_sync);
#endif
    emulated_switch(&device.scheduler, &f->place);
#if defined(EMULATED_ASAN)
    __sanitizer_finish_switch_fiber(device.scheduler_fake_stack, NULL, NULL);
#endif
    device.current = NULL;
}

static void take_thread(fiber *f)
{
    const dim3 &size = device.launch->block;
    f->index = device.order[device.started++];
    f->thread = { f->index % size.x, f->index / size.x % size.y, f->index / size.x / size.y };
    f->waits = NULL;
    f->finished = false;
}

static void finish_thread(fiber *f)
{
    warp &w = device.warps[f->index / 32];
    const unsigned lane = 1u << f->index % 32;
    if (w.arrived != 0 && (w.mask & lane) != 0)
        emulated_fail("the thread ends while its warp waits for it at %s", w.where);
    if (device.at_barrier != 0)
        emulated_fail("the thread ends while others wait at the barrier %s", device.barrier_where);
    w.finished |= lane;
    device.finished++;
    RELEASE(&device.launch);
}

/* A fiber takes one thread after the other, unless each is to be watched by itself. */
static void fiber_main(void)
{
#if defined(EMULATED_ASAN)
    __sanitizer_finish_switch_fiber(NULL, &device.scheduler_stack, &device.scheduler_stack_size);
#endif
    for (;;) {
        fiber *f = device.current;
        ACQUIRE(&device.block); /* what came before the launch */
        (*device.thread)();
        finish_thread(f);
#if !defined(EMULATED_TSAN)
        if (device.started < device.threads) {
            take_thread(f);
            continue;
        }
#endif
        f->finished = true;
        to_scheduler(f);
    }
}

static fiber *new_fiber(void)
{
    fiber *f = new fiber();
    f->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f->stack == MAP_FAILED)
        emulated_fail("no memory for a thread's stack");
    stack_begin(&f->place, f->stack, STACK, fiber_main);
#if defined(EMULATED_TSAN)
    f->tsan = __tsan_create_fiber(0);
#endif
    return f;
}

/* Waits until *counter moves on from `since`. */
static void wait_for(const unsigned *counter, unsigned since)
{
    fiber *f = device.current;
    f->waits = counter;
    f->since = since;
    to_scheduler(f);
    f->waits = NULL;
}

/* ---- meeting ---- */

void emulated_barrier(const char *where)
{
    if (device.finished != 0)
        emulated_fail("the barrier %s, which %u threads of the block never come to", where,
                      device.finished);
    if (device.at_barrier != 0 && device.barrier_where != where &&
        strcmp(device.barrier_where, where) != 0)
        emulated_fail("the barrier %s, while others wait at %s", where, device.barrier_where);
    RELEASE(&device.barrier);
    device.barrier_where = where;
    if (++device.at_barrier < device.threads) {
        wait_for(&device.barrier, device.barrier);
    } else {
        device.at_barrier = 0;
        device.barrier++;
    }
    ACQUIRE(&device.barrier);
}

/* Slots are used in turn: a lane that is late to read what one exchange brought cannot be overtaken
 * by two more, as the next one waits for it. */
const emulated_slot *emulated_exchange(unsigned mask, const void *give, size_t size,
                                                 const char *where)
{
    const unsigned index = device.current->index, lane = 1u << index % 32;
    warp &w = device.warps[index / 32];
    const unsigned first = index / 32 * 32, here = std::min(32u, device.threads - first);
    const unsigned all = here == 32 ? ~0u : (1u << here) - 1;
    if (!(mask & lane))
        emulated_fail("%s: the lane is not in its own mask %#x", where, mask);
    if ((mask & ~all) != 0 || (mask & w.finished) != 0)
        emulated_fail("%s: mask %#x names lanes that ended or never were (%#x)", where, mask,
                      (mask & ~all) | (mask & w.finished));
    if (w.arrived != 0 && (w.mask != mask || (w.where != where && strcmp(w.where, where) != 0)))
        emulated_fail("%s, mask %#x, while lanes of the warp wait at %s, mask %#x", where, mask,
                      w.where, w.mask);
    const unsigned turn = w.generation % 2;
    unsigned char *slot = w.slot[turn][index % 32];
    for (size_t i = 0; i < size; i++)
        slot[i] = ((const unsigned char *)give)[i];
    RELEASE(&w);
    w.mask = mask;
    w.where = where;
    w.arrived |= lane;
    if (w.arrived != mask) {
        wait_for(&w.generation, w.generation);
    } else {
        w.arrived = 0;
        w.generation++;
    }
    ACQUIRE(&w);
    return device.warps[index / 32].slot[turn];
}

/* ---- shared memory ---- */

/* A canary follows: a write past the end shows when the block ends, a read brings NaN. Every block of a
 * launch has its own place, so that the thread sanitizer does not take one for another. */
static void *new_shared(const void *tag, size_t bytes)
{
    const size_t room = (bytes + CANARY + 255) / 256 * 256;
    if (device.pool == NULL)
        device.pool = (char *)mmap(NULL, POOL, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (device.pool == MAP_FAILED || device.shared_count == SHARED_ARRAYS)
        emulated_fail("no memory for shared memory, or too many arrays in it");
    if (device.pool_used + room > POOL)
        device.pool_used = 0;
    volatile char *p = device.pool + device.pool_used; /* volatile: no memset, which is watched */
    for (size_t i = 0; i < bytes + CANARY; i++)
        p[i] = (char)0xff;
    device.pool_used += room;
    device.shared[device.shared_count++] = { tag, (void *)p, bytes };
    return (void *)p;
}

static void check_shared(const block_array &a)
{
    for (size_t i = 0; i < CANARY; i++)
        if (((unsigned char *)a.p)[a.bytes + i] != 0xff)
            emulated_fail("a write past the end of %zu bytes of shared memory", a.bytes);
}

void *emulated_shared(const void *tag, size_t bytes)
{
    size_t sum = bytes;
    for (int i = 0; i < device.shared_count; i++) {
        if (device.shared[i].tag == tag)
            return device.shared[i].p;
        sum += device.shared[i].bytes;
    }
    if (sum > MOST_SHARED)
        emulated_fail("%zu bytes of shared memory", sum);
    return new_shared(tag, bytes);
}

void *emulated_dynamic_shared(void)
{
    return device.shared[0].p;
}

static std::map<const void *, int> &shared_limits(void)
{
    static std::map<const void *, int> limits;
    return limits;
}

cudaError_t emulated_set_shared(const void *kernel, int bytes)
{
    if (bytes < 0 || (size_t)bytes > MOST_SHARED)
        return cudaErrorInvalidValue;
    shared_limits()[kernel] = bytes;
    return cudaSuccess;
}

static size_t shared_limit(const void *kernel)
{
    const auto found = shared_limits().find(kernel);
    return found == shared_limits().end() ? DEFAULT_SHARED
                                          : std::max((int)DEFAULT_SHARED, found->second);
}

/* ---- launches ---- */

/* As cudaLaunchKernel would answer. */
bool emulated_launch_fits(const emulated_launch &l)
{
    const uint64_t threads = (uint64_t)l.block.x * l.block.y * l.block.z;
    return threads >= 1 && threads <= MAX_THREADS && l.block.z <= 64 && l.grid.x >= 1 &&
           l.grid.x <= 0x7fffffff && l.grid.y >= 1 && l.grid.y <= 65535 && l.grid.z >= 1 &&
           l.grid.z <= 65535 && l.shared <= shared_limit(l.kernel);
}

static void shuffle(std::vector<unsigned> &v, unsigned count, long order, std::mt19937 &random)
{
    v.resize(count);
    std::iota(v.begin(), v.end(), 0u);
    if (order == 1)
        std::reverse(v.begin(), v.end());
    else if (order > 1)
        std::shuffle(v.begin(), v.end(), random);
}

/* One round: every fiber that can goes on, then a thread that has not begun. False: none could. */
static bool go_round(void)
{
    bool moved = false;
    for (size_t i = 0; i < device.fibers.size(); i++) {
        fiber *f = device.fibers[i];
        if (f->finished || (f->waits != NULL && *f->waits == f->since))
            continue;
        to_fiber(f);
        moved = true;
    }
    if (device.started < device.threads) {
        if (device.idle.empty())
            device.idle.push_back(new_fiber());
        fiber *f = device.idle.back();
        device.idle.pop_back();
        device.fibers.push_back(f);
        take_thread(f);
        to_fiber(f);
        moved = true;
    }
    return moved;
}

static void run_block(long order, std::mt19937 &random)
{
    const emulated_launch &l = *device.launch;
    device.threads = l.block.x * l.block.y * l.block.z;
    device.started = device.finished = device.at_barrier = 0;
    device.warps.assign((device.threads + 31) / 32, warp());
    shuffle(device.order, device.threads, order, random);
    device.shared_count = 0;
    new_shared(NULL, l.shared);
    RELEASE(&device.block);
    while (device.finished < device.threads)
        if (!go_round())
            emulated_fail("%u of %u threads wait for each other for ever",
                          device.threads - device.finished, device.threads);
    device.idle.insert(device.idle.end(), device.fibers.begin(), device.fibers.end());
    device.fibers.clear();
    for (int i = 0; i < device.shared_count; i++)
        check_shared(device.shared[i]);
}

void emulated_run(const emulated_launch &launch, const std::function<void()> &thread)
{
    static const long order = emulated_option("order", 0);
    static std::mt19937 random((unsigned)order);
    std::vector<unsigned> blocks;
    const dim3 &grid = launch.grid;
    device.launch = &launch;
    device.thread = &thread;
#if defined(EMULATED_TSAN)
    device.tsan = __tsan_get_current_fiber();
#endif
    device.pool_used = 0;
    shuffle(blocks, grid.x * grid.y * grid.z, order, random);
    for (unsigned b : blocks) {
        device.block = { b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y };
        run_block(order, random);
    }
    device.launch = NULL;
    ACQUIRE(&device.launch);
}
