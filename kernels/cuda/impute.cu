/* Removed pixels as their neighbours suggest (SPEC 14), by the method of kernels/ref/road.c:
 * conjugate gradients with a Jacobi preconditioner, in double. A block solves one channel of one
 * view. Every thread keeps to its own pixels, and sums go by block_reduce: their order is fixed.
 *
 * The matrix is never stored: what a pixel weighs follows from where it lies, and whether it is in
 * the hole from its rank. Outside the hole the fields are 0. */
#include "num.h"

extern "C" {
#include "draw.h"
}

enum { THREADS = 512, VIEWS = 64, FIELDS = 4 }; /* x, r, p, A p */

/* As many views as travel in a kernel's arguments, with their seeds. */
struct batch {
    struct view view[VIEWS];
    uint64_t seed[VIEWS];
};

/* 12 Σ_j w_ij over the neighbours in the image. */
static __device__ __forceinline__ double weight_of(int y, int x, int side)
{
    const int beside = (y > 0) + (y + 1 < side), across = (x > 0) + (x + 1 < side);
    return 2 * (beside + across) + beside * across;
}

/* 12 Σ_j w_ij v_j; `value` of a pixel's index is v. */
template <typename F>
static __device__ __forceinline__ double around(int y, int x, int side, F value)
{
    double sum = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            const int v = y + dy, u = x + dx;
            if ((dy == 0 && dx == 0) || v < 0 || v >= side || u < 0 || u >= side)
                continue;
            sum += (dy == 0 || dx == 0 ? 2 : 1) * value(v * side + u);
        }
    return sum;
}

struct solving {
    int side, pixels;
    const uint32_t *rank;
    uint32_t removed;
    double *x, *r, *p, *ap;
};

static __device__ __forceinline__ bool in_hole(const struct solving &s, int i)
{
    return s.rank[i] < s.removed;
}

/* x = 0, r = what the known neighbours put in, p = r / diagonal. */
static __device__ void set_up(const struct solving &s, const uint8_t *rgb, int channel)
{
    for (int i = threadIdx.x; i < s.pixels; i += THREADS) {
        const int y = i / s.side, x = i % s.side;
        double b = 0;
        if (in_hole(s, i))
            b = around(y, x, s.side, [&](int j) {
                return in_hole(s, j) ? 0.0 : rgb[3 * (size_t)j + channel] / 255.0;
            });
        s.x[i] = 0;
        s.r[i] = b;
        s.p[i] = in_hole(s, i) ? b / weight_of(y, x, s.side) : 0;
    }
}

/* r · r / diagonal; *square: r · r. */
static __device__ double weighted_square(const struct solving &s, double *square)
{
    double sum = 0, all = 0;
    for (int i = threadIdx.x; i < s.pixels; i += THREADS) {
        const double r = s.r[i];
        all += r * r;
        if (in_hole(s, i))
            sum += r * r / weight_of(i / s.side, i % s.side, s.side);
    }
    *square = block_reduce(all, add_op());
    return block_reduce(sum, add_op());
}

/* ap = A p, and p · A p. */
static __device__ double apply(const struct solving &s)
{
    double dot = 0;
    for (int i = threadIdx.x; i < s.pixels; i += THREADS) {
        const int y = i / s.side, x = i % s.side;
        double ap = 0;
        if (in_hole(s, i))
            ap = weight_of(y, x, s.side) * s.p[i] -
                 around(y, x, s.side, [&](int j) { return s.p[j]; });
        s.ap[i] = ap;
        dot += s.p[i] * ap;
    }
    return block_reduce(dot, add_op());
}

/* Returns |r| / |b|. */
static __device__ double solve(const struct solving &s, double tolerance, int most)
{
    double first, square, rho = weighted_square(s, &first);
    double residual = first > 0 ? 1 : 0;
    for (int n = 0; n < most && residual > tolerance; n++) {
        __syncthreads(); /* p is whole */
        const double alpha = rho / apply(s), before = rho;
        for (int i = threadIdx.x; i < s.pixels; i += THREADS) {
            s.x[i] += alpha * s.p[i];
            s.r[i] -= alpha * s.ap[i];
        }
        rho = weighted_square(s, &square);
        residual = sqrt(square / first);
        const double beta = rho / before;
        for (int i = threadIdx.x; i < s.pixels; i += THREADS)
            if (in_hole(s, i))
                s.p[i] = s.r[i] / weight_of(i / s.side, i % s.side, s.side) + beta * s.p[i];
    }
    return residual;
}

static __device__ void write(const struct solving &s, const struct impute_args &a,
                             const uint8_t *rgb, uint64_t seed, int image, int channel)
{
    for (int i = threadIdx.x; i < s.pixels; i += THREADS) {
        double v = in_hole(s, i) ? s.x[i] : rgb[3 * (size_t)i + channel] / 255.0;
        if (in_hole(s, i) && a.noise > 0)
            v += a.noise * draw_pixel_noise(seed, i, channel);
        const size_t at = 3 * ((size_t)image * s.pixels + i) + channel;
        const float level = (float)v * 255.0f;
        if (a.exact != NULL)
            a.exact[at] = (float)v;
        a.out[at] = level <= 0 ? 0 : level >= 255 ? 255 : (uint8_t)lrintf(level);
    }
}

/* Grid: (channels, views); a.out and a.exact are at the first of these views. room [views, 3,
 * FIELDS, S*S]; stuck [views, 3]: residuals above the tolerance, else 0. */
static __global__ void impute_kernel(const __grid_constant__ struct impute_args a,
                                     const __grid_constant__ struct batch batch, double *room,
                                     double *stuck)
{
    const int image = blockIdx.y, channel = blockIdx.x, place = image * 3 + channel;
    const struct view &view = batch.view[image];
    struct solving s = {};
    s.side = a.side;
    s.pixels = a.side * a.side;
    s.rank = view.rank;
    s.removed = view.removed;
    s.x = room + (size_t)place * FIELDS * s.pixels;
    s.r = s.x + s.pixels;
    s.p = s.r + s.pixels;
    s.ap = s.p + s.pixels;
    set_up(s, view.rgb, channel);
    const double residual = solve(s, a.tolerance, 20 * a.side + 1000);
    write(s, a, view.rgb, batch.seed[image], image, channel);
    if (threadIdx.x == 0)
        stuck[place] = residual <= a.tolerance ? 0 : residual;
}

/* Reports what did not converge, so that a run ends as it does on the host. */
static bool converged(struct backend *be, const double *stuck, int n)
{
    double host[3 * VIEWS];
    if (!CU_TRY(be, cudaMemcpyAsync(host, stuck, (size_t)n * 3 * sizeof *host,
                                    cudaMemcpyDeviceToHost, cu_of(be)->stream)) ||
        !CU_TRY(be, cudaStreamSynchronize(cu_of(be)->stream)))
        return false;
    for (int i = 0; i < 3 * n; i++)
        if (host[i] != 0) {
            fail(&be->failed, E_DATA, "linear imputation: a residual of %.2g is left", host[i]);
            return false;
        }
    return true;
}

static void impute(struct backend *be, const struct impute_args *args)
{
    const size_t pixels = (size_t)args->side * args->side;
    const size_t fields = round_up(3 * FIELDS * pixels * sizeof(double) * VIEWS, 256);
    if (args->n <= 0 || pixels == 0 || !cu_begin(be))
        return;
    char *memory = (char *)cu_scratch(be, SLOT_OP, fields + 3 * VIEWS * sizeof(double));
    for (int at = 0; memory != NULL && at < args->n; at += VIEWS) {
        struct impute_args a = *args;
        struct batch batch = {};
        a.n = args->n - at < VIEWS ? args->n - at : VIEWS;
        for (int i = 0; i < a.n; i++) {
            batch.view[i] = args->views[at + i];
            batch.seed[i] = args->seeds != NULL ? args->seeds[at + i] : 0;
            if (batch.view[i].removed >= pixels) {
                fail(&be->failed, E_DATA,
                     "no pixel is left from which the %zu removed ones could be filled in", pixels);
                return;
            }
        }
        a.out += 3 * pixels * at;
        a.exact = args->exact != NULL ? args->exact + 3 * pixels * at : NULL;
        CU_LAUNCH(be, impute_kernel, dim3(3, a.n), THREADS, 0, a, batch, (double *)memory,
                  (double *)(memory + fields));
        if (!converged(be, (const double *)(memory + fields), a.n))
            return;
    }
}

void cu_fill_impute(struct ops *op)
{
    op->impute = impute;
}
