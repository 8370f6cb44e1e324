/* The backends cuda and cuda64: opening a device, its memory, its errors. */
#include "cu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
#include "backend_list.h"
}

enum : size_t { STAGE = (size_t)4 << 20 }; /* bytes per piece of a copy */

struct cu_backend {
    struct backend be; /* first: freed through it */
    struct cu cu;
};

/* ---- errors ---- */

/* The name of the file alone: paths of the machine that built this say nothing. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

bool cu_check(struct backend *be, cudaError_t e, const char *what, const char *file, int line)
{
    if (e != cudaSuccess && be->failed.code == OK)
        fail(&be->failed, e == cudaErrorMemoryAllocation ? E_NOMEM : E_DEVICE, "%s:%d: %s: %s (%s)",
             base_name(file), line, what, cudaGetErrorString(e), cudaGetErrorName(e));
    return e == cudaSuccess;
}

bool cu_check_blas(struct backend *be, cublasStatus_t s, const char *what, const char *file,
                   int line)
{
    if (s != CUBLAS_STATUS_SUCCESS && be->failed.code == OK)
        fail(&be->failed, s == CUBLAS_STATUS_ALLOC_FAILED ? E_NOMEM : E_DEVICE,
             "%s:%d: %s: %s (%s)", base_name(file), line, what, cublasGetStatusString(s),
             cublasGetStatusName(s));
    return s == CUBLAS_STATUS_SUCCESS;
}

bool cu_begin(struct backend *be)
{
    return be->failed.code == OK && CU_TRY(be, cudaSetDevice(cu_of(be)->device));
}

/* ---- memory ---- */

static void *take_memory(struct backend *be, size_t bytes)
{
    void *p = NULL;
    if (cudaSetDevice(cu_of(be)->device) != cudaSuccess)
        return NULL;
    if (cudaMalloc(&p, bytes == 0 ? 1 : bytes) == cudaSuccess)
        return p;
    cudaGetLastError(); /* the caller says what did not fit */
    return NULL;
}

/* cudaFree waits for the device, so nothing that was queued still uses the memory. */
static void give_memory(struct backend *be, void *p)
{
    if (p == NULL || !CU_TRY(be, cudaSetDevice(cu_of(be)->device)))
        return;
    cu_forget_passes(be);
    CU_TRY(be, cudaFree(p));
}

/* Room for one more in the list of pieces. */
static bool grow_pieces(struct cu *cu)
{
    if (cu->pieces < cu->piece_room)
        return true;
    const size_t room = 2 * cu->piece_room + 64;
    struct cu_piece *more = (struct cu_piece *)realloc(cu->piece, room * sizeof *more);
    if (more == NULL)
        return false;
    cu->piece = more;
    cu->piece_room = room;
    return true;
}

static void *cu_alloc(struct backend *be, size_t bytes)
{
    struct cu *cu = cu_of(be);
    void *p = grow_pieces(cu) ? take_memory(be, bytes) : NULL;
    if (p == NULL)
        return NULL;
    cu->piece[cu->pieces++] = { p, bytes };
    be->held += bytes;
    return p;
}

static void cu_free(struct backend *be, void *p)
{
    struct cu *cu = cu_of(be);
    size_t at = 0;
    while (at < cu->pieces && cu->piece[at].p != p)
        at++;
    if (p != NULL && at < cu->pieces) {
        be->held -= cu->piece[at].bytes;
        cu->piece[at] = cu->piece[--cu->pieces];
    }
    give_memory(be, p);
}

void *cu_scratch(struct backend *be, enum cu_slot slot, size_t bytes)
{
    struct cu *cu = cu_of(be);
    if (cu->slot[slot].size >= bytes && cu->slot[slot].p != NULL) {
        CU_LEND(cu->stream, cu->slot[slot].p, bytes, cu->slot[slot].size);
        return cu->slot[slot].p;
    }
    if (cu->recording) { /* never where equal keys mean equal passes: the first made room enough */
        fail(&be->failed, E_DEVICE, "an operation's scratch grows while its pass is recorded");
        return NULL;
    }
    give_memory(be, cu->slot[slot].p);
    cu->slot[slot].size = 0;
    cu->slot[slot].p = take_memory(be, bytes);
    if (cu->slot[slot].p == NULL) {
        if (be->failed.code == OK)
            fail(&be->failed, E_NOMEM,
                 "%s: no %.1f MiB of device memory for an operation's scratch; a smaller "
                 "compute.batch would fit",
                 be->name, (double)bytes / 1048576.0);
        return NULL;
    }
    cu->slot[slot].size = bytes;
    return cu->slot[slot].p;
}

/* Ends a download whose copy from the device is done: from the pinned buffer to the host's own. */
static void take_download(struct cu_stage *s)
{
    if (s->to != NULL)
        memcpy(s->to, s->host, s->bytes);
    s->to = NULL;
}

/* The next pinned buffer, once its last copy is done. */
static struct cu_stage *next_stage(struct backend *be)
{
    struct cu *cu = cu_of(be);
    struct cu_stage *s = &cu->stage[cu->next_stage];
    cu->next_stage = (cu->next_stage + 1) % CU_STAGES;
    if (!CU_TRY(be, cudaEventSynchronize(s->done))) {
        s->to = NULL;
        return NULL;
    }
    take_download(s);
    return s;
}

/* Piece by piece through pinned memory: the host's buffer is free on return, while the copy itself
 * waits its turn behind the work that was queued before. */
static void cu_upload(struct backend *be, void *to, const void *from, size_t bytes)
{
    if (!cu_begin(be))
        return;
    for (size_t at = 0; at < bytes; at += STAGE) {
        size_t count = bytes - at < STAGE ? bytes - at : STAGE;
        struct cu_stage *s = next_stage(be);
        if (s == NULL)
            return;
        memcpy(s->host, (const char *)from + at, count);
        if (!CU_TRY(be, cudaMemcpyAsync((char *)to + at, s->host, count, cudaMemcpyHostToDevice,
                                        cu_of(be)->stream)) ||
            !CU_TRY(be, cudaEventRecord(s->done, cu_of(be)->stream)))
            return;
    }
}

/* Piece by piece, too. Nothing is waited for while there are pinned buffers: the host goes on
 * queueing work, and sync takes what has come down. */
static void cu_download(struct backend *be, void *to, const void *from, size_t bytes)
{
    if (!cu_begin(be))
        return;
    for (size_t at = 0; at < bytes; at += STAGE) {
        size_t count = bytes - at < STAGE ? bytes - at : STAGE;
        struct cu_stage *s = next_stage(be);
        if (s == NULL ||
            !CU_TRY(be, cudaMemcpyAsync(s->host, (const char *)from + at, count,
                                        cudaMemcpyDeviceToHost, cu_of(be)->stream)) ||
            !CU_TRY(be, cudaEventRecord(s->done, cu_of(be)->stream)))
            return;
        s->to = (char *)to + at;
        s->bytes = count;
    }
}

static void cu_memory(struct backend *be, size_t *available, size_t *total)
{
    *available = *total = 0;
    if (cudaSetDevice(cu_of(be)->device) != cudaSuccess ||
        cudaMemGetInfo(available, total) != cudaSuccess)
        cudaGetLastError(); /* then the memory is unknown: 0 */
}

static enum status cu_sync(struct backend *be, struct error *err)
{
    struct cu *cu = cu_of(be);
    const bool done =
        cudaSetDevice(cu->device) == cudaSuccess && CU_TRY(be, cudaStreamSynchronize(cu->stream));
    for (int i = 0; i < CU_STAGES; i++) { /* the oldest first */
        struct cu_stage *s = &cu->stage[(cu->next_stage + i) % CU_STAGES];
        if (!done)
            s->to = NULL;
        take_download(s);
    }
    enum status code = be->failed.code;
    if (code != OK && err != NULL)
        *err = be->failed;
    be->failed.code = OK;
    return code;
}

/* Also closes a backend that was opened in part; errors no longer matter. */
static void cu_destroy(struct backend *be)
{
    struct cu *cu = cu_of(be);
    cudaSetDevice(cu->device);
    if (cu->stream != NULL)
        cudaStreamSynchronize(cu->stream);
    cu_forget_passes(be);
    cu_lt_free(cu->lt_cache);
    if (cu->lt != NULL)
        cublasLtDestroy(cu->lt);
    if (cu->blas != NULL)
        cublasDestroy(cu->blas);
    for (int i = 0; i < CU_STAGES; i++) {
        if (cu->stage[i].done != NULL)
            cudaEventDestroy(cu->stage[i].done);
        cudaFreeHost(cu->stage[i].host);
    }
    for (int i = 0; i < CU_SLOTS; i++)
        cudaFree(cu->slot[i].p);
    cudaFree(cu->workspace);
    free(cu->piece);
    if (cu->stream != NULL)
        cudaStreamDestroy(cu->stream);
    free(be);
}

/* ---- opening ---- */

/* *device: the ordinal that `options` mean. */
static enum status find_device(const struct backend_options *options, int *device,
                               struct error *err)
{
    int count = 0, major = 0, driver = 0;
    cudaError_t e = cudaGetDeviceCount(&count);
    if (e == cudaSuccess && count == 0)
        e = cudaErrorNoDevice;
    if (e != cudaSuccess) {
        cudaGetLastError();
        cudaDriverGetVersion(&driver);
        char have[40] = "none";
        if (driver != 0)
            snprintf(have, sizeof have, "for CUDA %d.%d", driver / 1000, driver % 1000 / 10);
        const bool none =
            e == cudaErrorNoDevice || (e == cudaErrorInsufficientDriver && driver == 0);
        return fail(
            err, none ? E_ABSENT : E_DEVICE,
            "no usable NVIDIA GPU: %s (%s; driver: %s, needed: for CUDA %d.%d); device = cpu "
            "runs everywhere",
            cudaGetErrorString(e), cudaGetErrorName(e), have, CUDART_VERSION / 1000,
            CUDART_VERSION % 1000 / 10);
    }
    *device =
        options->share_devices && options->device > 0 ? options->device % count : options->device;
    if (*device < 0 || *device >= count)
        return fail(err, E_CONFIG, "GPU %d: this machine has %d, numbered from 0", options->device,
                    count);
    e = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, *device);
    if (e != cudaSuccess)
        return fail(err, E_DEVICE, "GPU %d: %s (%s)", *device, cudaGetErrorString(e),
                    cudaGetErrorName(e));
    if (major < 8)
        return fail(err, E_DEVICE,
                    "GPU %d has compute capability %d.x; this build's kernels need 8.0 (A100) or "
                    "later",
                    *device, major);
    return OK;
}

static bool open_libraries(struct backend *be)
{
    struct cu *cu = cu_of(be);
    if (!CU_TRY(be, cudaSetDevice(cu->device)) ||
        !CU_TRY(be, cudaStreamCreateWithFlags(&cu->stream, cudaStreamNonBlocking)) ||
        !CU_TRY(be, cudaMalloc(&cu->workspace, CU_WORKSPACE)))
        return false;
    for (int i = 0; i < CU_STAGES; i++)
        if (!CU_TRY(be, cudaMallocHost(&cu->stage[i].host, STAGE)) ||
            !CU_TRY(be, cudaEventCreateWithFlags(&cu->stage[i].done, cudaEventDisableTiming)))
            return false;
    return CU_TRY_BLAS(be, cublasCreate(&cu->blas)) &&
           CU_TRY_BLAS(be, cublasSetStream(cu->blas, cu->stream)) &&
           CU_TRY_BLAS(be, cublasSetWorkspace(cu->blas, cu->workspace, CU_WORKSPACE)) &&
           CU_TRY_BLAS(be, cublasLtCreate(&cu->lt));
}

template <typename T> static void fill_ops(struct ops *op)
{
    cu_fill_input<T>(op);
    cu_fill_norm<T>(op);
    cu_fill_map<T>(op);
    cu_fill_conv<T>(op);
    cu_fill_scan<T>(op);
    cu_fill_scan_back<T>(op);
    cu_fill_hidden<T>(op);
    cu_fill_reduce<T>(op);
    cu_fill_vit<T>(op);
    cu_fill_lrp<T>(op);
    cu_fill_attention<T>(op);
    cu_fill_linear<T>(op);
    cu_fill_matmul<T>(op);
    cu_fill_methods<T>(op);
    cu_fill_heat(op);
    cu_fill_impute(op);
}

/* The part of a backend that its sister has, too; the state is one: device, stream, libraries,
 * scratch. */
static void fill_backend(struct backend *be, struct cu *cu, bool wide)
{
    be->impl = cu;
    cu_choices_text(cu->choice, false, be->kernels, sizeof be->kernels);
    cu_choices_text(cu->choice, true, be->other_kernels, sizeof be->other_kernels);
    be->real_size = wide ? sizeof(double) : sizeof(float);
    be->threads = 1;
    be->lanes = 1; /* one lane takes the whole batch: lane_images stays 0 */
    be->alloc = cu_alloc;
    be->free = cu_free;
    be->upload = cu_upload;
    be->download = cu_download;
    be->memory = cu_memory;
    be->sync = cu_sync;
    (wide ? fill_ops<double> : fill_ops<float>)(&be->op);
}

static void destroy_single(struct backend *be)
{
    free(be);
}

static enum status open_single(struct backend *be, struct backend **out, struct error *err)
{
    struct backend *sister = (struct backend *)calloc(1, sizeof *sister);
    if (sister == NULL)
        return fail(err, E_NOMEM, "out of memory: a backend");
    fill_backend(sister, cu_of(be), false);
    sister->precision = PRECISION_FP32;
    sister->destroy = destroy_single;
    *out = sister;
    return OK;
}

static enum status open_any(const struct backend_options *options, bool wide, struct backend **out,
                            struct error *err)
{
    int device = 0;
    enum status s = find_device(options, &device, err);
    if (s != OK)
        return s;
    struct cu_backend *self = (struct cu_backend *)calloc(1, sizeof *self);
    if (self == NULL)
        return fail(err, E_NOMEM, "out of memory: a backend");
    struct backend *be = &self->be;
    be->name = wide ? "cuda64" : "cuda";
    self->cu.device = device;
    s = cu_choose(getenv("EVALH_KERNELS"), self->cu.choice, err);
    if (s != OK) {
        free(self);
        return s;
    }
    fill_backend(be, &self->cu, wide);
    be->precision = wide ? PRECISION_DOUBLE : options->precision;
    be->narrow = be->precision == PRECISION_BF16;
    be->repeat = options->no_graphs ? NULL : cu_repeat;
    be->open_single = wide ? open_single : NULL;
    be->destroy = cu_destroy;
    if (!open_libraries(be)) {
        s = fail(err, be->failed.code, "GPU %d: %s", device, be->failed.text);
        cu_destroy(be);
        return s;
    }
    *out = be;
    return OK;
}

extern "C" enum status open_cuda(const struct backend_options *options, struct backend **out,
                                 struct error *err)
{
    if (options->precision == PRECISION_DOUBLE)
        return fail(err, E_CONFIG, "backend cuda computes in fp32, tf32 or bf16; double is cuda64");
    return open_any(options, false, out, err);
}

extern "C" enum status open_cuda64(const struct backend_options *options, struct backend **out,
                                   struct error *err)
{
    if (options->precision != PRECISION_FP32 && options->precision != PRECISION_DOUBLE)
        return fail(err, E_CONFIG, "backend cuda64 computes in double only");
    return open_any(options, true, out, err);
}
