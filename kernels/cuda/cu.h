/* What the files of the CUDA backends share. They are CUDA C++ kept close to C: plain data, and
 * templates over the element type T (float in `cuda`, double in `cuda64`) and loop lengths alone.
 * kernels/ref is the specification of every operation; what is said there is not repeated here. */
#pragma once

#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_runtime.h>

extern "C" {
#include "backend.h"
#include "choice.h"
#include "sizes.h"
}

/* Device memory that operations borrow while they run, one slot per user so that an operation may
 * call another. A slot grows to its largest request and keeps that. */
enum cu_slot { SLOT_OP, SLOT_GEMM, SLOT_POINTERS, SLOT_SORT, SLOT_BIAS, SLOT_WIDE, CU_SLOTS };

enum { CU_STAGES = 4 };

struct cu_stage { /* pinned host memory between the host's own and the device */
    void *host;
    cudaEvent_t done; /* its last copy */
    void *to;         /* of a download that has not been taken from here yet; else NULL */
    size_t bytes;
};

struct cu_graph { /* a pass that was called once (exec == NULL) or recorded */
    struct pass_key key;
    cudaGraphExec_t exec;
    uint64_t used; /* the turn of its last use; 0: nothing is here */
};

/* Enough for the batch sizes of a run (full, last of a set, last of a visit) and its models. */
enum { CU_GRAPHS = 8 };

struct cu_piece { /* of device memory */
    void *p;
    size_t bytes;
};

struct lt_cache; /* cublasLt algorithms by shape (linear_lt.cu) */

struct cu {
    int device;
    cudaStream_t stream;
    cublasHandle_t blas;
    cublasLtHandle_t lt;
    void *workspace; /* of cuBLAS and cuBLASLt: they take turns on the one stream */
    struct cu_stage stage[CU_STAGES];
    int next_stage;
    struct {
        void *p;
        size_t size;
    } slot[CU_SLOTS];
    struct cu_piece *piece; /* [pieces] what cu_alloc gave, in no order */
    size_t pieces, piece_room;
    struct lt_cache *lt_cache;
    struct cu_graph graph[CU_GRAPHS];
    uint64_t turn;
    bool recording;
    int choice[CU_CHOICE_COUNT]; /* the word of each that is taken */
};

enum : size_t { CU_WORKSPACE = (size_t)32 << 20 }; /* what NVIDIA recommends for Hopper */

static inline struct cu *cu_of(const struct backend *be)
{
    return (struct cu *)be->impl;
}

/* Records the first failure, for sync to report: the call, the library's own message, the place.
 * True when the status is success. */
bool cu_check(struct backend *, cudaError_t, const char *what, const char *file, int line);
bool cu_check_blas(struct backend *, cublasStatus_t, const char *what, const char *file, int line);

#define CU_TRY(be, call) cu_check((be), (call), #call, __FILE__, __LINE__)
#define CU_TRY_BLAS(be, call) cu_check_blas((be), (call), #call, __FILE__, __LINE__)

/* tests/kernels/cuda_emulated compiles the same files for the host and defines these four itself: a
 * launch; a static array in shared memory; the launch's dynamic shared memory; a function that is
 * told when scratch memory is lent. Shared memory is aligned for vectors of 16 bytes. */
#ifndef CU_START
#define CU_START(kernel, grid, block, shared, stream, ...)                                         \
    kernel<<<(grid), (block), (shared), (stream)>>>(__VA_ARGS__)
#define CU_SHARED_ARRAY(type, name, count) __shared__ __align__(16) type name[count]
#define CU_SHARED_DYNAMIC(type, name)                                                              \
    extern __shared__ __align__(16) unsigned char cu_shared_memory[];                              \
    type *name = reinterpret_cast<type *>(cu_shared_memory)
#define CU_LEND(stream, p, bytes, room) ((void)0)
#endif

#define CU_LAUNCH(be, kernel, grid, block, shared, ...)                                            \
    do {                                                                                           \
        CU_START(kernel, grid, block, shared, cu_of(be)->stream, __VA_ARGS__);                     \
        cu_check((be), cudaGetLastError(), #kernel, __FILE__, __LINE__);                           \
    } while (0)

/* Every operation begins with this: false after an error that sync has not collected yet. Also
 * makes the backend's device the calling thread's. */
bool cu_begin(struct backend *);

/* `bytes` of device memory in a slot, 256-byte aligned; NULL (and the failure recorded) when memory
 * ran out. What the slot held is lost. */
void *cu_scratch(struct backend *, enum cu_slot, size_t bytes);

/* Blocks of `size` that cover `count`. */
static inline unsigned cu_blocks(size_t count, size_t size)
{
    return (unsigned)((count + size - 1) / size);
}

/* The tables, instantiated for float and double; each fills the slots of its family. */
template <typename T> void cu_fill_input(struct ops *);
template <typename T> void cu_fill_norm(struct ops *);
template <typename T> void cu_fill_map(struct ops *);
template <typename T> void cu_fill_conv(struct ops *);
template <typename T> void cu_fill_scan(struct ops *);
template <typename T> void cu_fill_scan_back(struct ops *);
template <typename T> void cu_fill_hidden(struct ops *);
template <typename T> void cu_fill_reduce(struct ops *);
template <typename T> void cu_fill_vit(struct ops *);
template <typename T> void cu_fill_lrp(struct ops *);
template <typename T> void cu_fill_attention(struct ops *);
template <typename T> void cu_fill_linear(struct ops *);
template <typename T> void cu_fill_matmul(struct ops *);
template <typename T> void cu_fill_methods(struct ops *);
void cu_fill_heat(struct ops *);
void cu_fill_impute(struct ops *);

/* The operation matmul; `exact`: in the arrays' own precision whatever the backend's. */
template <typename T> void cu_matmul(struct backend *, const struct matmul_args *, bool exact);

void cu_lt_free(struct lt_cache *);

/* graph.cu: be->repeat; forgetting every pass, before memory that a graph may use is freed. */
void cu_repeat(struct backend *, const struct pass_key *, pass_fn *, void *context);
void cu_forget_passes(struct backend *);
