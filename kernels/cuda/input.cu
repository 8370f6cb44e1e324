/* Images to tokens: normalised, masked patches, CLS and positions. */
#include "num.h"

enum { THREADS = 256, EMBED_THREADS = 128, VIEWS = 64 };

/* As many views as travel in a kernel's arguments (4 KiB): nothing to upload, nothing to wait for.
 */
struct views {
    struct view view[VIEWS];
};

/* The masked value of one pixel in [0, 1], a float (see ref_input.c). */
static __device__ __forceinline__ float pixel_value(const struct view *v, const float *fill_rgb,
                                                    size_t pixel, int c)
{
    if (v->rank == NULL || v->rank[pixel] >= v->removed)
        return v->rgb[pixel * 3 + c] / 255.0f;
    if (v->fill != NULL)
        return v->fill[pixel * 3 + c] / 255.0f;
    return fill_rgb[c];
}

/* A block makes patch blockIdx.x of image blockIdx.y; a.out is at the first of these images. */
template <typename T>
static __global__ void patchify_kernel(const __grid_constant__ struct patchify_args a,
                                       const __grid_constant__ struct views views)
{
    const unsigned size = a.patch, cols = 3 * size * size;
    const unsigned row = blockIdx.x / a.grid * a.stride, left = blockIdx.x % a.grid * a.stride;
    T *out = wr<T>(a.out) + ((size_t)blockIdx.y * gridDim.x + blockIdx.x) * cols;
    for (unsigned col = threadIdx.x; col < cols; col += THREADS) {
        const unsigned line = col / size, c = line / size; /* line: of the patch's three channels */
        const size_t pixel = (size_t)(row + line % size) * a.side + left + col % size;
        const double value = pixel_value(&views.view[blockIdx.y], a.fill_rgb, pixel, (int)c);
        out[col] = (T)((value - a.mean[c]) / a.std[c]);
    }
}

template <typename T> static void patchify(struct backend *be, const struct patchify_args *args)
{
    if (!cu_begin(be))
        return;
    struct patchify_args a = *args;
    const size_t count = (size_t)3 * a.patch * a.patch * a.grid * a.grid;
    for (int at = 0; at < args->n; at += VIEWS) {
        struct views views = {};
        a.n = args->n - at < VIEWS ? args->n - at : VIEWS;
        for (int i = 0; i < a.n; i++)
            views.view[i] = args->views[at + i];
        a.out = be_at(be, args->out, at * count);
        CU_LAUNCH(be, patchify_kernel<T>, dim3(a.grid * a.grid, a.n), THREADS, 0, a, views);
    }
}

/* A block makes a token. */
template <typename T>
static __global__ void embed_kernel(const __grid_constant__ struct embed_args a)
{
    const int image = blockIdx.x / a.len, t = blockIdx.x % a.len;
    int before = 0;
    while (before < a.others && a.other_at[before] < t)
        before++;
    const bool is_other = before < a.others && a.other_at[before] == t;
    const size_t patch = (size_t)image * (a.len - a.others) + t - before;
    const T *from =
        is_other ? rd<T>(a.other) + (size_t)before * a.width : rd<T>(a.patches) + patch * a.width;
    const T *pos = rd<T>(a.pos) + (size_t)t * a.width;
    T *out = wr<T>(a.out) + (size_t)blockIdx.x * a.width;
#pragma unroll 4
    for (int k = threadIdx.x; k < a.width; k += EMBED_THREADS)
        out[k] = from[k] + pos[k];
}

template <typename T> static void embed(struct backend *be, const struct embed_args *a)
{
    if (a->n > 0 && a->len > 0 && a->width > 0 && cu_begin(be))
        CU_LAUNCH(be, embed_kernel<T>, (unsigned)(a->n * a->len), EMBED_THREADS, 0, *a);
}

template <typename T> void cu_fill_input(struct ops *op)
{
    op->patchify = patchify<T>;
    op->embed = embed<T>;
}

template void cu_fill_input<float>(struct ops *);
template void cu_fill_input<double>(struct ops *);
