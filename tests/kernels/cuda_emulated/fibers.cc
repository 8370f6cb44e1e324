/* The threads of a block as fibers, which run until they wait for each other; where they meet. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <algorithm>

#include "block.h"
#include "fiber.h"

/* Compiled without a sanitizer (meson.build): what this file does itself is no race. */
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

enum { STACK = 256 << 10 };

struct fiber {
    stack_place place;
    void *stack;
    uint3 thread;
    unsigned index;        /* in the block */
    const unsigned *waits; /* runs on when this is no longer `since`; NULL: runs */
    unsigned since;
    bool finished;
    std::vector<emulated_copy> copies; /* begun, and not waited for */
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

/* Never taken down: its fibers wait for work until the end. */
static struct processor {
    const emulated_launch *launch;
    const std::function<void()> *thread;
    uint3 block;
    const std::vector<unsigned> *order; /* of threads */
    unsigned threads, started, finished;
    fiber *current;
    std::vector<fiber *> fibers, idle;
    std::vector<warp> warps;
    unsigned barrier, at_barrier;
    const char *barrier_where;
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

void emulated_copy_later(const emulated_copy &c)
{
    device.current->copies.push_back(c);
}

bool emulated_next_copy(emulated_copy *c)
{
    std::vector<emulated_copy> &all = device.current->copies;
    if (all.empty())
        return false;
    *c = all.back();
    all.pop_back();
    return true;
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
    f->index = (*device.order)[device.started++];
    f->thread = { f->index % size.x, f->index / size.x % size.y, f->index / size.x / size.y };
    f->waits = NULL;
    f->finished = false;
}

static void finish_thread(fiber *f)
{
    if (!f->copies.empty())
        emulated_fail("a thread ends with copies to shared memory under way");
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

/* ---- a block ---- */

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

void emulated_begin_blocks(const emulated_launch &launch, const std::function<void()> &thread)
{
    device.launch = &launch;
    device.thread = &thread;
#if defined(EMULATED_TSAN)
    device.tsan = __tsan_get_current_fiber();
#endif
}

void emulated_run_block(const uint3 &block, const std::vector<unsigned> &order)
{
    device.block = block;
    device.order = &order;
    device.threads = (unsigned)order.size();
    device.started = device.finished = device.at_barrier = 0;
    device.warps.assign((device.threads + 31) / 32, warp());
    emulated_begin_shared(device.launch->shared);
    RELEASE(&device.block);
    while (device.finished < device.threads)
        if (!go_round())
            emulated_fail("%u of %u threads wait for each other for ever",
                          device.threads - device.finished, device.threads);
    device.idle.insert(device.idle.end(), device.fibers.begin(), device.fibers.end());
    device.fibers.clear();
    emulated_end_shared();
}

void emulated_end_blocks(void)
{
    device.launch = NULL;
    ACQUIRE(&device.launch);
}
