/* Memory, streams, events, graphs. Device memory can be touched while device work runs and at no
 * other time; it lies at the end of pages of its own, so that most accesses past it end the program,
 * and is full of NaN when it is new. Work waits in its stream until the host waits for it.
 *
 * Switches (EVALH_EMULATED): devices=N, memory=MiB of each device, launch=N: the N-th launch fails,
 * capture=N: the N-th launch of every capture fails, graphs=0: none is made of what was captured. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <deque>
#include <map>
#include <set>
#include <vector>

#include "emulator.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum : size_t { ALIGN = 256, PAGE = 4096 }; /* of cudaMalloc; of mprotect */
enum { CANARY = 0xff };
enum : size_t { MOST_POISON = (size_t)1 << 20 }; /* of one piece of memory, for speed */

bool emulated_launch_fits(const emulated_launch &);

long emulated_option(const char *name, long otherwise)
{
    const char *p = getenv("EVALH_EMULATED");
    const size_t length = strlen(name);
    for (; p != NULL && *p != '\0'; p = strchr(p, ',') != NULL ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, length) == 0 && p[length] == '=')
            return atol(p + length + 1);
    return otherwise;
}

/* ---- state ---- */

struct CUstream_st {
    std::deque<std::function<void()>> work;
    uint64_t queued, done;
    struct CUgraph_st *capture;
    enum cudaStreamCaptureMode mode;
    bool spoilt; /* the capture is */
    long launches, failing; /* of the capture; which of them fails, 0: none */
};

struct CUevent_st {
    cudaStream_t stream; /* that it was recorded in, or NULL */
    uint64_t at;
};

struct CUgraph_st {
    std::vector<std::function<void()>> nodes;
};

struct CUgraphExec_st {
    std::vector<std::function<void()>> nodes;
};

struct allocation {
    char *pages;
    size_t page_bytes, bytes; /* without the guards; asked for */
};

static std::map<char *, allocation> allocations; /* by their first byte */
static std::set<void *> pinned;
static std::set<cudaStream_t> streams;
static size_t bytes_used;
static int running; /* depth of device work */
static cudaError_t last_error;

static cudaError_t answer(cudaError_t e)
{
    if (e != cudaSuccess)
        last_error = e;
    return e;
}

/* What may not be done while a stream captures; it spoils the capture. */
static bool captures(enum cudaStreamCaptureMode up_to)
{
    bool any = false;
    for (cudaStream_t s : streams)
        if (s->capture != NULL && s->mode <= up_to)
            s->spoilt = any = true;
    return any;
}

/* ---- errors, devices ---- */

const char *cudaGetErrorString(cudaError_t e)
{
    switch (e) {
#define EMULATED_CASE(name, value, text)                                                           \
    case name:                                                                                     \
        return text;
        EMULATED_ERRORS(EMULATED_CASE)
#undef EMULATED_CASE
    }
    return "?";
}

const char *cudaGetErrorName(cudaError_t e)
{
    switch (e) {
#define EMULATED_CASE(name, value, text)                                                           \
    case name:                                                                                     \
        return #name;
        EMULATED_ERRORS(EMULATED_CASE)
#undef EMULATED_CASE
    }
    return "?";
}

cudaError_t cudaGetLastError(void)
{
    const cudaError_t e = last_error;
    last_error = cudaSuccess;
    return e;
}

static int device_count(void)
{
    return (int)emulated_option("devices", 1);
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = device_count();
    return answer(*count == 0 ? cudaErrorNoDevice : cudaSuccess);
}

cudaError_t cudaSetDevice(int device)
{
    return answer(device < 0 || device >= device_count() ? cudaErrorInvalidDevice : cudaSuccess);
}

cudaError_t cudaDriverGetVersion(int *version)
{
    *version = CUDART_VERSION;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr what, int device)
{
    if (device < 0 || device >= device_count())
        return answer(cudaErrorInvalidDevice);
    *value = what == cudaDevAttrComputeCapabilityMajor ? 8
             : what == cudaDevAttrMultiProcessorCount  ? 108
                                                       : 163 << 10;
    return cudaSuccess;
}

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

/* ---- memory ---- */

static void allow(const allocation &a, bool yes)
{
    if (mprotect(a.pages, a.page_bytes, yes ? PROT_READ | PROT_WRITE : PROT_NONE) != 0)
        emulated_fail("mprotect");
}

/* Around device work. */
static void begin_running(void)
{
    if (running++ == 0)
        for (const auto &entry : allocations)
            allow(entry.second, true);
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

static void end_running(void)
{
    if (--running == 0)
        for (const auto &entry : allocations)
            allow(entry.second, false);
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    if (captures(cudaStreamCaptureModeThreadLocal))
        return answer(cudaErrorStreamCaptureUnsupported);
    *p = NULL;
    const size_t size = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (bytes == 0)
        return cudaSuccess;
    if (bytes > total_memory() || size > total_memory() - bytes_used)
        return answer(cudaErrorMemoryAllocation);
    const size_t pages = (size + PAGE - 1) / PAGE * PAGE;
    char *base = (char *)mmap(NULL, pages + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return answer(cudaErrorMemoryAllocation);
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

static void run_all(void);

cudaError_t cudaFree(void *p)
{
    if (captures(cudaStreamCaptureModeThreadLocal))
        return answer(cudaErrorStreamCaptureUnsupported);
    if (p == NULL)
        return cudaSuccess;
    run_all();
    const auto found = allocations.find((char *)p);
    if (found == allocations.end())
        return answer(cudaErrorInvalidValue);
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

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    if (captures(cudaStreamCaptureModeThreadLocal))
        return answer(cudaErrorStreamCaptureUnsupported);
    *p = malloc(bytes);
    if (*p == NULL)
        return answer(cudaErrorMemoryAllocation);
    memset(*p, 0xff, bytes);
    pinned.insert(*p);
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *p)
{
    if (p == NULL)
        return cudaSuccess;
    run_all();
    if (pinned.erase(p) == 0)
        return answer(cudaErrorInvalidValue);
    free(p);
    return cudaSuccess;
}

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
        return answer(cudaErrorInvalidValue);
    emulated_enqueue(stream, [=]() { memcpy(to, from, bytes); });
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    if (!is_device(to, bytes))
        return answer(cudaErrorInvalidValue);
    emulated_enqueue(stream, [=]() { memset(to, value, bytes); });
    return cudaSuccess;
}

/* ---- streams ---- */

void emulated_enqueue(cudaStream_t s, std::function<void()> work)
{
    if (s == NULL || streams.count(s) == 0)
        emulated_fail("work for a stream that is not one");
    if (s->capture != NULL) {
        s->capture->nodes.push_back(std::move(work));
        return;
    }
    s->work.push_back(std::move(work));
    s->queued++;
}

static void run_until(cudaStream_t s, uint64_t at)
{
    if (s->done >= at)
        return;
    begin_running();
    while (s->done < at) {
        const std::function<void()> work = std::move(s->work.front());
        s->work.pop_front();
        work();
        s->done++;
    }
    end_running();
}

static void run_all(void)
{
    for (cudaStream_t s : streams)
        run_until(s, s->queued);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
    *s = new CUstream_st();
    streams.insert(*s);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    if (streams.count(s) == 0)
        return answer(cudaErrorInvalidResourceHandle);
    run_until(s, s->queued);
    streams.erase(s);
    delete s;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    if (streams.count(s) == 0)
        return answer(cudaErrorInvalidResourceHandle);
    if (s->capture != NULL) {
        s->spoilt = true;
        return answer(cudaErrorStreamCaptureUnsupported);
    }
    run_until(s, s->queued);
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned)
{
    const cudaStream_t other = e->stream;
    const uint64_t at = e->at;
    if (other != NULL)
        emulated_enqueue(s, [other, at]() {
            if (streams.count(other) != 0)
                run_until(other, at);
        });
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
    *e = new CUevent_st();
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    delete e;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    e->stream = s;
    e->at = s->queued;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    if (captures(cudaStreamCaptureModeThreadLocal))
        return answer(cudaErrorStreamCaptureUnsupported);
    if (e->stream != NULL && streams.count(e->stream) != 0)
        run_until(e->stream, e->at);
    return cudaSuccess;
}

/* ---- graphs ---- */

cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode mode)
{
    if (s->capture != NULL)
        return answer(cudaErrorInvalidValue);
    s->capture = new CUgraph_st();
    s->mode = mode;
    s->spoilt = false;
    s->launches = 0;
    s->failing = emulated_option("capture", 0);
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph)
{
    *graph = NULL;
    if (s->capture == NULL)
        return answer(cudaErrorInvalidValue);
    if (s->spoilt)
        delete s->capture;
    else
        *graph = s->capture;
    s->capture = NULL;
    return answer(s->spoilt ? cudaErrorStreamCaptureInvalidated : cudaSuccess);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
    if (emulated_option("graphs", 1) == 0)
        return answer(cudaErrorMemoryAllocation);
    *exec = new CUgraphExec_st{ graph->nodes };
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s)
{
    for (const auto &node : exec->nodes)
        emulated_enqueue(s, node);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return cudaSuccess;
}

/* ---- launches ---- */

void emulated_start(const emulated_launch &launch, cudaStream_t stream,
                    std::function<void()> thread)
{
    static long count;
    static const long failing = emulated_option("launch", 0);
    if (++count == failing) {
        answer(cudaErrorLaunchFailure);
        return;
    }
    if (stream->capture != NULL && ++stream->launches == stream->failing) {
        stream->spoilt = true;
        answer(cudaErrorLaunchFailure);
        return;
    }
    if (!emulated_launch_fits(launch)) {
        answer(cudaErrorInvalidConfiguration);
        return;
    }
    emulated_enqueue(stream, [launch, thread]() { emulated_run(launch, thread); });
}
