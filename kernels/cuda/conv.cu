/* Depthwise causal convolution and SiLU, both directions (SPEC 2.2), its backward, and the row of
 * Zimerman et al. A thread takes one channel of RUN tokens; neighbours take neighbouring channels.
 */
#include "index.h"
#include "pair.h"

enum { THREADS = 128, RUN = 8, WINDOW_TAPS = 4 };

/* Where this thread works. */
struct place {
    int chan, token; /* the first of RUN */
    size_t row;      /* the image's first row of [n*L, .] */
};

static __device__ __forceinline__ struct place place_of_thread(int len)
{
    struct place p;
    p.chan = (int)(blockIdx.x * THREADS + threadIdx.x);
    p.token = (int)blockIdx.y * RUN;
    p.row = (size_t)blockIdx.z * len;
    return p;
}

static dim3 grid_of(int n, int len, int chan)
{
    return dim3(cu_blocks(chan, THREADS), cu_blocks(len, RUN), n);
}

/* ---- any number of taps: straight from memory ---- */

template <typename T, typename X> struct taps_any {
    const T *w; /* [K, E] at the channel */
    const X *x; /* at the channel and the image's token 0 */
    T bias;
    int taps, chans, len;
    size_t ldx;

    /* p[t] of direction dir, summed in S */
    template <typename S = T> __device__ __forceinline__ T at(int dir, int t) const
    {
        S p = bias;
        for (int k = 0; k < taps; k++) {
            const int s = tap_source(dir, t, taps, k);
            if (s >= 0 && s < len)
                p += S(w[(size_t)k * chans]) * S(T(x[s * ldx]));
        }
        return (T)p;
    }
};

/* X: the element of x and u. */
template <typename T, typename X>
static __global__ void conv_silu_any(const __grid_constant__ struct conv_silu_args a)
{
    const struct place at = place_of_thread(a.len);
    if (at.chan >= a.chan)
        return;
    const X *x = rd<X>(a.x) + at.row * a.ldx + at.chan;
    for (int dir = 0; dir < 2; dir++) {
        const struct conv_dir *d = &a.dir[dir];
        const taps_any<T, X> conv = {
            rd<T>(d->w) + at.chan, x, rd<T>(d->b)[at.chan], a.taps, a.chan, a.len, a.ldx
        };
        for (int t = at.token; t < min(at.token + RUN, a.len); t++) {
            const size_t out = (at.row + t) * a.chan + at.chan;
            const T p = conv.at(dir, t);
            wr<X>(d->u)[out] = (X)silu(p);
            if (d->pre != NULL)
                wr<T>(d->pre)[out] = p;
        }
    }
}

/* gx[s] sums over every output t that read x[s]. The ratio SiLU(p)/p~ falls to 0 within 1e-6 of p =
 * 0, so there p is summed in double: the rounding of a float sum would move it by half. */
template <typename T>
static __global__ void conv_back_any(const __grid_constant__ struct conv_silu_back_args a)
{
    const struct place at = place_of_thread(a.len);
    if (at.chan >= a.chan)
        return;
    const T *x = rd<T>(a.x) + at.row * a.ldx + at.chan;
    for (int s = at.token; s < min(at.token + RUN, a.len); s++) {
        T sum = 0;
        for (int dir = 0; dir < 2; dir++) {
            const T *w = rd<T>(a.dir[dir].w) + at.chan;
            const taps_any<T, T> conv = { w,     x,    rd<T>(a.dir[dir].b)[at.chan], a.taps, a.chan,
                                          a.len, a.ldx };
            for (int k = 0; k < a.taps; k++) {
                const int t = tap_source(1 - dir, s, a.taps, k);
                if (t < 0 || t >= a.len)
                    continue;
                const T p = a.silu_ratio ? conv.template at<double>(dir, t) : conv.at(dir, t);
                sum += w[(size_t)k * a.chan] *
                       rd<T>(a.dir[dir].gu)[(at.row + t) * a.chan + at.chan] *
                       silu_slope(p, a.silu_ratio);
            }
        }
        wr<T>(a.gx)[(at.row + s) * a.ldgx + at.chan] = sum;
    }
}

/* ---- up to WINDOW_TAPS taps: weights and a window of x in registers ----
 * Fewer taps are padded in front with weights of 0: tap k is then tap k + WINDOW_TAPS - K of
 * WINDOW_TAPS, and reads the same token. */

enum { REACH = WINDOW_TAPS - 1 };

template <typename T>
static __device__ __forceinline__ void load_taps(const real *w, int taps, int chans, int chan,
                                                 T (&out)[WINDOW_TAPS])
{
#pragma unroll
    for (int k = 0; k < WINDOW_TAPS; k++) {
        const int own = k - (WINDOW_TAPS - taps);
        out[k] = own >= 0 ? rd<T>(w)[(size_t)own * chans + chan] : T(0);
    }
}

/* Tokens [first, first + COUNT) of a channel, 0 outside the image. */
template <typename T, typename X, int COUNT>
static __device__ __forceinline__ void load_window(const X *x, size_t ld, int first, int len,
                                                   T (&out)[COUNT])
{
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        const int t = first + i;
        out[i] = t >= 0 && t < len ? T(x[t * ld]) : T(0);
    }
}

/* p at window position `at`, from the WINDOW_TAPS - 1 positions before (dir 0) or after it, summed
 * in S. */
template <typename S, typename T, int COUNT>
static __device__ __forceinline__ T conv_at(const T (&w)[WINDOW_TAPS], T bias,
                                            const T (&window)[COUNT], int dir, int at)
{
    S p = bias;
#pragma unroll
    for (int k = 0; k < WINDOW_TAPS; k++)
        p += S(w[k]) * S(window[tap_source(dir, at, WINDOW_TAPS, k)]);
    return (T)p;
}

template <typename T, typename X>
static __global__ void conv_silu_window(const __grid_constant__ struct conv_silu_args a)
{
    const struct place at = place_of_thread(a.len);
    if (at.chan >= a.chan)
        return;
    T window[RUN + 2 * REACH], w[WINDOW_TAPS];
    load_window(rd<X>(a.x) + at.row * a.ldx + at.chan, a.ldx, at.token - REACH, a.len, window);
    const size_t first = (at.row + at.token) * a.chan + at.chan;
    const int count = a.len - at.token;
#pragma unroll
    for (int dir = 0; dir < 2; dir++) {
        const struct conv_dir *d = &a.dir[dir];
        const T bias = rd<T>(d->b)[at.chan];
        T p[RUN];
        load_taps(d->w, a.taps, a.chan, at.chan, w);
#pragma unroll
        for (int i = 0; i < RUN; i++) {
            p[i] = conv_at<T>(w, bias, window, dir, i + REACH);
            if (i < count)
                wr<X>(d->u)[first + (size_t)(i * a.chan)] = (X)silu(p[i]);
        }
        if (d->pre == NULL)
            continue;
#pragma unroll
        for (int i = 0; i < RUN; i++)
            if (i < count)
                wr<T>(d->pre)[first + (size_t)(i * a.chan)] = p[i];
    }
}

/* The same for two channels a thread; conv_pairs says for which sizes, an odd number of channels
 * not among them. */
template <typename X>
static __global__ void __launch_bounds__(THREADS)
    conv_silu_pair(const __grid_constant__ struct conv_silu_args a)
{
    struct place at = place_of_thread(a.len);
    at.chan *= 2;
    if (at.chan >= a.chan)
        return;
    float window[2][RUN + 2 * REACH];
    const X *x = rd<X>(a.x) + (at.row + at.token) * a.ldx + at.chan;
#pragma unroll
    for (int i = 0; i < RUN + 2 * REACH; i++) {
        const int t = at.token + i - REACH;
        typename pair_of<X>::type both = {};
        if (t >= 0 && t < a.len)
            both = *pair_at(x + (i - REACH) * (ptrdiff_t)a.ldx);
        float v[2];
        unpack(both, v);
        window[0][i] = v[0];
        window[1][i] = v[1];
    }
    const size_t first = (at.row + at.token) * a.chan + at.chan;
    const int count = a.len - at.token;
#pragma unroll
    for (int dir = 0; dir < 2; dir++) {
        const struct conv_dir *d = &a.dir[dir];
        float w[2][WINDOW_TAPS];
#pragma unroll
        for (int c = 0; c < 2; c++)
            load_taps(d->w, a.taps, a.chan, at.chan + c, w[c]);
        const float bias[2] = { rd<float>(d->b)[at.chan], rd<float>(d->b)[at.chan + 1] };
        X *u = wr<X>(d->u) + first;
        float *pre = d->pre != NULL ? wr<float>(d->pre) + first : NULL;
#pragma unroll
        for (int i = 0; i < RUN; i++) {
            if (i >= count)
                break;
            float p[2];
#pragma unroll
            for (int c = 0; c < 2; c++)
                p[c] = conv_at<float>(w[c], bias[c], window[c], dir, i + REACH);
            pack_into(pair_at(u + i * a.chan), silu_pair<X>(p[0]), silu_pair<X>(p[1]));
            if (sizeof(X) == sizeof(float) && pre != NULL)
                *pair_at(pre + i * a.chan) = make_float2(p[0], p[1]);
        }
    }
}

/* Direction 0: x[s] was read for t in [s, s + REACH], which read x back to s - REACH; direction 1
 * mirrored. So x in [first - REACH, first + RUN + REACH) covers both. */
template <typename T>
static __global__ void conv_back_window(const __grid_constant__ struct conv_silu_back_args a)
{
    const struct place at = place_of_thread(a.len);
    if (at.chan >= a.chan)
        return;
    T window[RUN + 2 * REACH], w[WINDOW_TAPS], sum[RUN];
    load_window(rd<T>(a.x) + at.row * a.ldx + at.chan, a.ldx, at.token - REACH, a.len, window);
#pragma unroll
    for (int i = 0; i < RUN; i++)
        sum[i] = 0;
#pragma unroll
    for (int dir = 0; dir < 2; dir++) {
        const T bias = rd<T>(a.dir[dir].b)[at.chan];
        const T *gu = rd<T>(a.dir[dir].gu) + at.row * a.chan + at.chan;
        load_taps(a.dir[dir].w, a.taps, a.chan, at.chan, w);
        const int from = dir == 0 ? 0 : -REACH; /* first output, counted from at.token */
#pragma unroll
        for (int i = 0; i < RUN + REACH; i++) {
            const int t = at.token + from + i;
            if (t < 0 || t >= a.len)
                continue;
            const T p = a.silu_ratio ? conv_at<double>(w, bias, window, dir, from + i + REACH)
                                     : conv_at<T>(w, bias, window, dir, from + i + REACH);
            const T gp = gu[(size_t)t * a.chan] * silu_slope(p, a.silu_ratio);
#pragma unroll
            for (int k = 0; k < WINDOW_TAPS; k++) {
                const int s = tap_source(dir, from + i, WINDOW_TAPS, k);
                if (s >= 0 && s < RUN)
                    sum[s] += w[k] * gp;
            }
        }
    }
#pragma unroll
    for (int i = 0; i < RUN; i++)
        if (at.token + i < a.len)
            wr<T>(a.gx)[(at.row + at.token + i) * a.ldgx + at.chan] = sum[i];
}

/* ---- r = convᵀ(a), a[j] = v[j] σ(p[j]), times SiLU(z) of the row's token ---- */

template <typename T>
static __global__ void unified_row_kernel(const __grid_constant__ struct unified_row_args a)
{
    const struct place at = place_of_thread(a.len);
    if (at.chan >= a.chan)
        return;
    const T *v = rd<T>(a.v) + at.row * a.chan + at.chan, *w = rd<T>(a.w) + at.chan;
    const T *pre = rd<T>(a.pre) + at.row * a.chan + at.chan;
    const T gate = silu(rd<T>(a.z)[(at.row + a.row) * a.ldz + at.chan]);
    for (int s = at.token; s < min(at.token + RUN, a.len); s++) {
        T r = 0;
        for (int k = 0; k < a.taps; k++) {
            const int t = tap_source(1 - a.direction, s, a.taps, k);
            if (t >= 0 && t < a.len)
                r += w[(size_t)k * a.chan] * v[(size_t)t * a.chan] *
                     sigmoid(pre[(size_t)t * a.chan]);
        }
        T *out = wr<T>(a.out) + (at.row + s) * a.chan + at.chan;
        *out = a.accumulate ? *out + r * gate : r * gate;
    }
}

/* ---- launching ---- */

static bool is_empty(int n, int len, int chan)
{
    return n <= 0 || len <= 0 || chan <= 0;
}

/* False: sizes for the kernels of one channel a thread. */
static bool conv_pairs(struct backend *be, const struct conv_silu_args *a)
{
    const size_t pair = 2 * (a->narrow ? sizeof(uint16_t) : sizeof(float));
    uintptr_t all = (uintptr_t)a->x;
    for (int i = 0; i < 2; i++)
        all |= (uintptr_t)a->dir[i].u | (uintptr_t)a->dir[i].pre;
    if (cu_of(be)->choice[CHOICE_CONV] != 0 || a->taps > WINDOW_TAPS || a->chan % 2 != 0 ||
        a->ldx % 2 != 0 || all % pair != 0)
        return false;
    const auto conv_pair = a->narrow ? conv_silu_pair<__nv_bfloat16> : conv_silu_pair<float>;
    CU_LAUNCH(be, conv_pair, grid_of(a->n, a->len, a->chan / 2), THREADS, 0, *a);
    return true;
}

template <typename T> static void conv_silu(struct backend *be, const struct conv_silu_args *a)
{
    if (is_empty(a->n, a->len, a->chan) || !cu_begin(be) ||
        (sizeof(T) == sizeof(float) && conv_pairs(be, a)))
        return;
    typedef typename narrow_of<T>::type N;
    const bool window = a->taps <= WINDOW_TAPS;
    const auto wide = window ? conv_silu_window<T, T> : conv_silu_any<T, T>;
    const auto narrow = window ? conv_silu_window<T, N> : conv_silu_any<T, N>;
    const auto conv_single = a->narrow ? narrow : wide;
    CU_LAUNCH(be, conv_single, grid_of(a->n, a->len, a->chan), THREADS, 0, *a);
}

template <typename T>
static void conv_silu_back(struct backend *be, const struct conv_silu_back_args *a)
{
    if (is_empty(a->n, a->len, a->chan) || !cu_begin(be))
        return;
    const dim3 grid = grid_of(a->n, a->len, a->chan);
    if (a->taps <= WINDOW_TAPS)
        CU_LAUNCH(be, conv_back_window<T>, grid, THREADS, 0, *a);
    else
        CU_LAUNCH(be, conv_back_any<T>, grid, THREADS, 0, *a);
}

template <typename T> static void unified_row(struct backend *be, const struct unified_row_args *a)
{
    if (!is_empty(a->n, a->len, a->chan) && cu_begin(be))
        CU_LAUNCH(be, unified_row_kernel<T>, grid_of(a->n, a->len, a->chan), THREADS, 0, *a);
}

template <typename T> void cu_fill_conv(struct ops *op)
{
    op->conv_silu = conv_silu<T>;
    op->conv_silu_back = conv_silu_back<T>;
    op->unified_row = unified_row<T>;
}

template void cu_fill_conv<float>(struct ops *);
template void cu_fill_conv<double>(struct ops *);
