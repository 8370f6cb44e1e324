/* The two operations of a Vim block that PyTorch has no fast form of on a CPU, with their
 * backward: the causal depthwise conv with SiLU, and the selective scan with softplus. Built and
 * called by train_demo.py alone; SPEC 2.2 has the equations.
 *
 * Arrays are row-major [B images, L tokens, E channels] float. `reverse` runs the tokens from
 * last to first, so the backward direction needs no flipped copies. Gradients of weights are added
 * to what their arrays hold. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct shape {
    int images, tokens, channels, states, taps, reverse;
};

/* Offset of the token that comes t-th in the direction's own order, in rows. */
static size_t row(const struct shape *s, int image, int t)
{
    return (size_t)image * s->tokens + (s->reverse ? s->tokens - 1 - t : t);
}

/* e^x to 3e-7 of itself, in a form that compilers vectorise whole: 2^n 2^f, |f| <= 1/2, the latter
 * by its Taylor series. */
static inline float exponential(float x)
{
    float t = fminf(fmaxf(x * 1.44269504f, -126.0f), 126.0f), n = rintf(t), f = t - n;
    float p = 1.54035304e-4f;
    p = p * f + 1.33335581e-3f;
    p = p * f + 9.61812911e-3f;
    p = p * f + 5.55041087e-2f;
    p = p * f + 2.40226507e-1f;
    p = p * f + 6.93147181e-1f;
    p = p * f + 1.0f;
    union {
        int bits;
        float value;
    } power = { ((int)n + 127) << 23 };
    return p * power.value;
}

static inline float sigmoid(float x)
{
    return 1.0f / (1.0f + exponential(-x));
}

/* p[t] = bias + sum_k w[k] x[t-K+1+k]. w is [K, E] here, so that channels are contiguous. */
static void conv_row(const struct shape *s, const float *x, const float *w, const float *bias,
                     int image, int t, float *p)
{
    memcpy(p, bias, s->channels * sizeof *p);
    for (int k = 0; k < s->taps; k++) {
        int from = t - s->taps + 1 + k;
        if (from < 0)
            continue;
        const float *xr = x + row(s, image, from) * s->channels, *wk = w + (size_t)k * s->channels;
        for (int e = 0; e < s->channels; e++)
            p[e] += wk[e] * xr[e];
    }
}

/* u = SiLU(conv(x)) */
void demo_conv_forward(const struct shape *s, const float *x, const float *w, const float *bias,
                       float *u)
{
#pragma omp parallel for
    for (int i = 0; i < s->images; i++)
        for (int t = 0; t < s->tokens; t++) {
            float *ur = u + row(s, i, t) * s->channels;
            conv_row(s, x, w, bias, i, t, ur);
            for (int e = 0; e < s->channels; e++)
                ur[e] *= sigmoid(ur[e]);
        }
}

void demo_conv_backward(const struct shape *s, const float *x, const float *w, const float *bias,
                        const float *du, float *dx, float *dw, float *dbias)
{
    const int E = s->channels, nw = s->taps * E;
#pragma omp parallel for reduction(+ : dw[:nw], dbias[:E])
    for (int i = 0; i < s->images; i++) {
        float *p = malloc(E * sizeof *p);
        for (int t = 0; t < s->tokens; t++) {
            const float *dur = du + row(s, i, t) * E;
            conv_row(s, x, w, bias, i, t, p);
#pragma omp simd
            for (int e = 0; e < E; e++) {
                float g = sigmoid(p[e]);
                p[e] = dur[e] * g * (1 + p[e] * (1 - g)); /* now dp */
                dbias[e] += p[e];
            }
            for (int k = 0; k < s->taps; k++) {
                int from = t - s->taps + 1 + k;
                if (from < 0)
                    continue;
                size_t at = row(s, i, from) * E;
#pragma omp simd
                for (int e = 0; e < E; e++) {
                    dx[at + e] += w[k * E + e] * p[e];
                    dw[k * E + e] += x[at + e] * p[e];
                }
            }
        }
        free(p);
    }
}

/* step = softplus(d + bias) */
static void step_row(int E, const float *d, const float *bias, float *step)
{
    for (int e = 0; e < E; e++) {
        float v = d[e] + bias[e];
        step[e] = (v > 0 ? v : 0) + log1pf(exponential(v > 0 ? -v : v));
    }
}

/* s_t = exp(step A) s_{t-1} + step B u; y = C s + D u. A is [N, E]; B and C [images, tokens, N]. */
void demo_scan_forward(const struct shape *s, const float *u, const float *d, const float *bias,
                       const float *A, const float *B, const float *C, const float *D, float *y)
{
    const int E = s->channels, N = s->states;
#pragma omp parallel for
    for (int i = 0; i < s->images; i++) {
        float *state = calloc((size_t)N * E, sizeof *state), *step = malloc(E * sizeof *step);
        for (int t = 0; t < s->tokens; t++) {
            size_t r = row(s, i, t);
            const float *ur = u + r * E;
            float *yr = y + r * E;
            step_row(E, d + r * E, bias, step);
            for (int e = 0; e < E; e++)
                yr[e] = D[e] * ur[e];
            for (int n = 0; n < N; n++) {
                float b = B[r * N + n], c = C[r * N + n], *sn = state + (size_t)n * E;
                const float *An = A + (size_t)n * E;
#pragma omp simd
                for (int e = 0; e < E; e++) {
                    sn[e] = exponential(step[e] * An[e]) * sn[e] + step[e] * ur[e] * b;
                    yr[e] += c * sn[e];
                }
            }
        }
        free(state);
        free(step);
    }
}

/* States and decays are computed again, for one image at a time: that is cheaper than keeping
 * them. */
void demo_scan_backward(const struct shape *s, const float *u, const float *d, const float *bias,
                        const float *A, const float *B, const float *C, const float *D,
                        const float *dy, float *du, float *dd, float *dA, float *dB, float *dC,
                        float *dD)
{
    const int E = s->channels, N = s->states, L = s->tokens, NE = N * E;
#pragma omp parallel for reduction(+ : dA[:NE], dD[:E])
    for (int i = 0; i < s->images; i++) {
        float *states = calloc((size_t)(L + 1) * NE, sizeof *states); /* before each token */
        float *decays = malloc((size_t)L * NE * sizeof *decays);
        float *step = malloc((size_t)L * E * sizeof *step);
        float *ds = calloc(NE, sizeof *ds), *dstep = malloc(E * sizeof *dstep);
        for (int t = 0; t < L; t++) {
            size_t r = row(s, i, t);
            step_row(E, d + r * E, bias, step + (size_t)t * E);
            for (int n = 0; n < N; n++) {
                const float *before = states + (size_t)t * NE + n * E;
                float *after = states + (size_t)(t + 1) * NE + n * E;
                float *decay = decays + (size_t)t * NE + n * E, b = B[r * N + n];
                const float *st = step + (size_t)t * E, *ur = u + r * E, *An = A + (size_t)n * E;
#pragma omp simd
                for (int e = 0; e < E; e++) {
                    decay[e] = exponential(st[e] * An[e]);
                    after[e] = decay[e] * before[e] + st[e] * ur[e] * b;
                }
            }
        }
        for (int t = L - 1; t >= 0; t--) {
            size_t r = row(s, i, t);
            const float *st = step + (size_t)t * E, *ur = u + r * E, *dyr = dy + r * E;
            float *dur = du + r * E, *ddr = dd + r * E;
#pragma omp simd
            for (int e = 0; e < E; e++) {
                dur[e] = dyr[e] * D[e];
                dD[e] += dyr[e] * ur[e];
                dstep[e] = 0;
            }
            for (int n = 0; n < N; n++) {
                const float *before = states + (size_t)t * NE + n * E, *after = before + NE;
                const float *decay = decays + (size_t)t * NE + n * E, *An = A + (size_t)n * E;
                float b = B[r * N + n], c = C[r * N + n], db = 0, dc = 0;
                float *dsn = ds + (size_t)n * E, *dAn = dA + (size_t)n * E;
#pragma omp simd reduction(+ : db, dc)
                for (int e = 0; e < E; e++) {
                    float g = dsn[e] + c * dyr[e], h = g * before[e] * decay[e];
                    dc += after[e] * dyr[e];
                    db += g * st[e] * ur[e];
                    dur[e] += g * st[e] * b;
                    dstep[e] += g * ur[e] * b + h * An[e];
                    dAn[e] += h * st[e];
                    dsn[e] = g * decay[e];
                }
                dB[r * N + n] = db;
                dC[r * N + n] = dc;
            }
            for (int e = 0; e < E; e++)
                ddr[e] = dstep[e] * sigmoid(d[r * E + e] + bias[e]);
        }
        free(states);
        free(decays);
        free(step);
        free(ds);
        free(dstep);
    }
}
