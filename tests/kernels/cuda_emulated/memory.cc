/* Memory. The device's can be touched while device work runs and at no other time; it lies at the
 * end of pages of its own, so that most accesses past it end the program, and is full of NaN when
 * it is new. Switch (EVALH_EMULATED): memory=MiB of each device. */
#include <stdlib.h>
#include <sys/mman.h>

#include <map>
#include <set>

#include "runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum : size_t { ALIGN = 256, PAGE = 4096 }; /* of cudaMalloc; of mprotect */
enum { CANARY = 0xff };
enum : size_t { MOST_POISON = (size_t)1 << 20 }; /* of one piece of memory, for speed */

struct allocation {
    char *pages;
    size_t page_bytes, bytes; /* without the guards; asked for */
};

static std::map<char *, allocation> allocations; /* by their first byte */
static std::set<void *> pinned;
static size_t bytes_used;
static int running; /* depth of device work */

/* ---- who may touch it ---- */

static void allow(const allocation &a, bool yes)
{
    if (mprotect(a.pages, a.page_bytes, yes ? PROT_READ | PROT_WRITE : PROT_NONE) != 0)
        emulated_fail("mprotect");
}

void emulated_begin_work(void)
{
    if (running++ == 0)
        for (const auto &entry : allocations)
            allow(entry.second, true);
}

void emulated_end_work(void)
{
    if (--running == 0)
        for (const auto &entry : allocations)
            allow(entry.second, false);
}

/* The bytes of its pages that belong to nobody are as they were. */
static void check_slack(const char *p, const allocation &a)
{
    ASAN_UNPOISON_MEMORY_REGION(a.pages, a.page_bytes);
    for (const char *q = a.pages; q < p; q++)
        if (*(const unsigned char *)q != CANARY)
            emulated_fail("a write %td bytes before %zu bytes of device memory", p - q, a.bytes);
    for (const char *q = p + a.bytes; q < a.pages + a.page_bytes; q++)
        if (*(const unsigned char *)q != CANARY)
            emulated_fail("a write %td bytes after %zu bytes of device memory",
                          q - (p + a.bytes) + 1, a.bytes);
}

/* ---- allocations ---- */

static size_t total_memory(void)
{
    return (size_t)emulated_option("memory", 65536) << 20;
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *total)
{
    *total = total_memory();
    *available = *total - bytes_used;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    if (emulated_captures(cudaStreamCaptureModeThreadLocal))
        return emulated_answer(cudaErrorStreamCaptureUnsupported);
    *p = NULL;
    const size_t size = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (bytes == 0)
        return cudaSuccess;
    if (bytes > total_memory() || size > total_memory() - bytes_used)
        return emulated_answer(cudaErrorMemoryAllocation);
    const size_t pages = (size + PAGE - 1) / PAGE * PAGE;
    char *base =
        (char *)mmap(NULL, pages + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return emulated_answer(cudaErrorMemoryAllocation);
    const allocation a = { base + PAGE, pages, bytes };
    char *start = a.pages + pages - size;
    allow(a, true);
    memset(a.pages, CANARY, (size_t)(start - a.pages));
    memset(start, CANARY, bytes < MOST_POISON ? size : MOST_POISON);
    memset(start + bytes, CANARY, size - bytes);
    ASAN_POISON_MEMORY_REGION(a.pages, pages);
    ASAN_UNPOISON_MEMORY_REGION(start, bytes);
    allow(a, running > 0);
    allocations[start] = a;
    bytes_used += size;
    *p = start;
    return cudaSuccess;
}

cudaError_t cudaFree(void *p)
{
    if (emulated_captures(cudaStreamCaptureModeThreadLocal))
        return emulated_answer(cudaErrorStreamCaptureUnsupported);
    if (p == NULL)
        return cudaSuccess;
    emulated_run_all();
    const auto found = allocations.find((char *)p);
    if (found == allocations.end())
        return emulated_answer(cudaErrorInvalidValue);
    const allocation a = found->second;
    allow(a, true);
    check_slack((char *)p, a);
    ASAN_UNPOISON_MEMORY_REGION(a.pages, a.page_bytes);
    munmap(a.pages - PAGE, a.page_bytes + 2 * PAGE);
    bytes_used -= (a.bytes + ALIGN - 1) / ALIGN * ALIGN;
    allocations.erase(found);
    return cudaSuccess;
}

/* In stream order: what was queued before still uses what it borrowed. */
void emulated_lend(cudaStream_t stream, void *p, size_t bytes, size_t room)
{
    emulated_enqueue(stream, [=]() {
        ASAN_UNPOISON_MEMORY_REGION((char *)p, room);
        memset(p, 0xff, room);
        ASAN_POISON_MEMORY_REGION((char *)p + bytes, room - bytes);
    });
}

/* ---- pinned memory ---- */

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    if (emulated_captures(cudaStreamCaptureModeThreadLocal))
        return emulated_answer(cudaErrorStreamCaptureUnsupported);
    *p = malloc(bytes);
    if (*p == NULL)
        return emulated_answer(cudaErrorMemoryAllocation);
    memset(*p, 0xff, bytes);
    pinned.insert(*p);
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *p)
{
    if (p == NULL)
        return cudaSuccess;
    emulated_run_all();
    if (pinned.erase(p) == 0)
        return emulated_answer(cudaErrorInvalidValue);
    free(p);
    return cudaSuccess;
}

/* ---- copies ---- */

/* The allocation that holds all of [p, p + bytes). */
static bool is_device(const void *p, size_t bytes)
{
    auto at = allocations.upper_bound((char *)p);
    if (at == allocations.begin())
        return false;
    --at;
    return (const char *)p + bytes <= at->first + at->second.bytes;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind,
                            cudaStream_t stream)
{
    if ((kind != cudaMemcpyDeviceToHost && !is_device(to, bytes)) ||
        (kind != cudaMemcpyHostToDevice && !is_device(from, bytes)) ||
        (kind == cudaMemcpyHostToDevice && is_device(from, 1)) ||
        (kind == cudaMemcpyDeviceToHost && is_device(to, 1)))
        return emulated_answer(cudaErrorInvalidValue);
    emulated_enqueue(stream, [=]() { memcpy(to, from, bytes); });
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    if (!is_device(to, bytes))
        return emulated_answer(cudaErrorInvalidValue);
    emulated_enqueue(stream, [=]() { memset(to, value, bytes); });
    return cudaSuccess;
}
