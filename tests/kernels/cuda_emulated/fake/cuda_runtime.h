/* In place of NVIDIA's header where kernels/cuda is compiled for the host (README.md beside this
 * folder): the part of the runtime and of the device language that those files use. What is
 * declared here behaves as NVIDIA documents it, or stricter. */
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

/* ---- the language ---- */

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __grid_constant__
#define __launch_bounds__(...)
#define __align__(n) alignas(n)

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z)
    {
    }
};

struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) double2 {
    double x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};

static inline float2 make_float2(float x, float y)
{
    return { x, y };
}

const uint3 &emulated_thread_index(void);
const uint3 &emulated_block_index(void);
const dim3 &emulated_block_size(void);
const dim3 &emulated_grid_size(void);
#define threadIdx emulated_thread_index()
#define blockIdx emulated_block_index()
#define blockDim emulated_block_size()
#define gridDim emulated_grid_size()

static inline int min(int a, int b)
{
    return a < b ? a : b;
}
static inline int max(int a, int b)
{
    return a > b ? a : b;
}
static inline unsigned __float_as_uint(float x)
{
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline float __uint_as_float(unsigned bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
using std::fmax;
using std::fmaxf;
using std::fmin;

/* Where all threads of a block, or the lanes of a mask, have to come. `where`: the call's own
 * place, which must be the same for all of them. */
#define EMULATED_TEXT2(x) #x
#define EMULATED_TEXT(x) EMULATED_TEXT2(x)
#define EMULATED_HERE __FILE__ ":" EMULATED_TEXT(__LINE__)
void emulated_barrier(const char *where);
#define __syncthreads() emulated_barrier(EMULATED_HERE)

/* Each lane of the mask leaves `size` bytes, at most EMULATED_SLOT; once all have, returns what
 * they left, [32] of EMULATED_SLOT bytes, valid until the lane's next exchange. */
enum { EMULATED_SLOT = 64 };
typedef unsigned char emulated_slot[EMULATED_SLOT];
const emulated_slot *emulated_exchange(unsigned mask, const void *give, size_t size,
                                       const char *where);
int emulated_lane(void);
[[noreturn]] void emulated_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* In place of kernels/cuda/async.h's instructions: a copy happens when its thread waits for it, and
 * no sooner. */
struct emulated_copy {
    void *to;
    const void *from; /* NULL: zeros */
};
void emulated_copy_later(const emulated_copy &);
/* Takes one back that the thread has begun; false when there is none. */
bool emulated_next_copy(emulated_copy *);
static inline void copy_async16(void *shared, const void *from, bool valid)
{
    if ((uintptr_t)shared % 16 != 0 || (valid && (uintptr_t)from % 16 != 0))
        emulated_fail("copy_async16 from %p to %p: not aligned to 16 bytes", from, shared);
    emulated_copy_later({ shared, valid ? from : NULL });
}
static inline void copies_done(void)
{
    emulated_copy c;
    while (emulated_next_copy(&c)) {
        uint4 v = { 0, 0, 0, 0 };
        if (c.from != NULL)
            v = *(const uint4 *)c.from;
        *(uint4 *)c.to = v;
    }
}

template <typename T> T emulated_shuffle(unsigned mask, T value, int from, const char *where)
{
    static_assert(sizeof(T) <= EMULATED_SLOT, "a shuffled value is larger than a slot");
    const emulated_slot *all = emulated_exchange(mask, &value, sizeof value, where);
    if (from < 0 || from > 31 || !(mask >> from & 1))
        emulated_fail("%s: lane %d reads from lane %d, outside the mask %#x", where,
                      emulated_lane(), from, mask);
    T got;
    memcpy(&got, all[from], sizeof got);
    return got;
}
#define __shfl_xor_sync(mask, value, bits)                                                         \
    emulated_shuffle((mask), (value), emulated_lane() ^ (bits), EMULATED_HERE)
#define __shfl_sync(mask, value, lane) emulated_shuffle((mask), (value), (lane), EMULATED_HERE)
#define __syncwarp() ((void)emulated_exchange(0xffffffffu, "", 0, EMULATED_HERE))

/* Shared memory, its bytes 0xff (NaN) when a block begins. tag: the same for all threads of a
 * block, another for every array. */
void *emulated_shared(const void *tag, size_t bytes);
void *emulated_dynamic_shared(void);
#define CU_SHARED_ARRAY(type, name, count)                                                         \
    static const char name##_tag = 0;                                                              \
    type *name = (type *)emulated_shared(&name##_tag, sizeof(type) * (count))
#define CU_SHARED_DYNAMIC(type, name) type *name = (type *)emulated_dynamic_shared()

/* ---- the runtime ---- */

#define EMULATED_ERRORS(E)                                                                         \
    E(cudaSuccess, 0, "no error")                                                                  \
    E(cudaErrorInvalidValue, 1, "invalid argument")                                                \
    E(cudaErrorMemoryAllocation, 2, "out of memory")                                               \
    E(cudaErrorInvalidConfiguration, 9, "invalid configuration argument")                          \
    E(cudaErrorInsufficientDriver, 35,                                                             \
      "CUDA driver version is insufficient for CUDA runtime version")                              \
    E(cudaErrorNoDevice, 100, "no CUDA-capable device is detected")                                \
    E(cudaErrorInvalidDevice, 101, "invalid device ordinal")                                       \
    E(cudaErrorInvalidResourceHandle, 400, "invalid resource handle")                              \
    E(cudaErrorNotReady, 600, "device not ready")                                                  \
    E(cudaErrorLaunchFailure, 719, "unspecified launch failure")                                   \
    E(cudaErrorStreamCaptureUnsupported, 900, "operation not permitted when stream is capturing")  \
    E(cudaErrorStreamCaptureInvalidated, 901,                                                      \
      "operation failed due to a previous error during capture")

enum cudaError {
#define EMULATED_ENUM(name, value, text) name = value,
    EMULATED_ERRORS(EMULATED_ENUM)
#undef EMULATED_ENUM
};
typedef enum cudaError cudaError_t;
const char *cudaGetErrorString(cudaError_t);
const char *cudaGetErrorName(cudaError_t);

#define CUDART_VERSION 13000
typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;
typedef struct CUgraph_st *cudaGraph_t;
typedef struct CUgraphExec_st *cudaGraphExec_t;
enum { cudaStreamDefault = 0, cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2 };
enum cudaMemcpyKind {
    cudaMemcpyHostToDevice = 1,
    cudaMemcpyDeviceToHost,
    cudaMemcpyDeviceToDevice
};
enum cudaDeviceAttr {
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrMaxSharedMemoryPerBlockOptin = 97
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaStreamCaptureMode {
    cudaStreamCaptureModeGlobal,
    cudaStreamCaptureModeThreadLocal,
    cudaStreamCaptureModeRelaxed
};

cudaError_t cudaGetDeviceCount(int *);
cudaError_t cudaSetDevice(int);
cudaError_t cudaDriverGetVersion(int *);
cudaError_t cudaDeviceGetAttribute(int *, enum cudaDeviceAttr, int device);
cudaError_t cudaMemGetInfo(size_t *available, size_t *total);
cudaError_t cudaGetLastError(void);
cudaError_t cudaMalloc(void **, size_t);
cudaError_t cudaFree(void *);
cudaError_t cudaMallocHost(void **, size_t);
cudaError_t cudaFreeHost(void *);
cudaError_t cudaMemcpyAsync(void *, const void *, size_t, enum cudaMemcpyKind, cudaStream_t);
cudaError_t cudaMemsetAsync(void *, int, size_t, cudaStream_t);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *, unsigned);
cudaError_t cudaStreamDestroy(cudaStream_t);
cudaError_t cudaStreamSynchronize(cudaStream_t);
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned flags = 0);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *, unsigned);
cudaError_t cudaEventDestroy(cudaEvent_t);
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t);
cudaError_t cudaEventSynchronize(cudaEvent_t);
cudaError_t cudaStreamBeginCapture(cudaStream_t, enum cudaStreamCaptureMode);
cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t *);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *, cudaGraph_t, unsigned long long flags = 0);
cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t);
cudaError_t cudaGraphDestroy(cudaGraph_t);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t);

cudaError_t emulated_set_shared(const void *kernel, int bytes);
template <typename... P>
cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), enum cudaFuncAttribute, int value)
{
    return emulated_set_shared((const void *)kernel, value);
}

template <typename T> cudaError_t cudaMalloc(T **p, size_t bytes)
{
    return cudaMalloc((void **)p, bytes);
}
template <typename T> cudaError_t cudaMallocHost(T **p, size_t bytes)
{
    return cudaMallocHost((void **)p, bytes);
}

/* ---- launching ---- */

struct emulated_launch {
    const char *name;
    const void *kernel;
    dim3 grid, block;
    size_t shared;
};
/* Queues `thread`, to be run once for every thread. */
void emulated_start(const emulated_launch &, cudaStream_t, std::function<void()> thread);

/* As a launch does: arguments are converted to the parameters' types and copied here and now. */
template <typename... P, typename... A>
void emulated_launch_kernel(const char *name, void (*kernel)(P...), dim3 grid, dim3 block,
                            size_t shared, cudaStream_t stream, A &&...args)
{
    static_assert(sizeof(std::tuple<std::decay_t<P>...>) <= 32764, "parameters too large");
    std::tuple<std::decay_t<P>...> kept(static_cast<P>(std::forward<A>(args))...);
    emulated_start({ name, (const void *)kernel, grid, block, shared }, stream,
                   [kernel, kept]() { std::apply(kernel, kept); });
}
#define CU_START(kernel, grid, block, shared, stream, ...)                                         \
    emulated_launch_kernel(#kernel, kernel, dim3(grid), dim3(block), (shared), (stream),           \
                           __VA_ARGS__)

/* Scratch is lent anew: its old bytes are lost, and those past `bytes` are nobody's. */
void emulated_lend(cudaStream_t, void *p, size_t bytes, size_t room);
#define CU_LEND(stream, p, bytes, room) emulated_lend((stream), (p), (bytes), (room))
