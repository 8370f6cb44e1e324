#include "road.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "draw.h"

/* Fields have a border of one pixel of zeros, so that every pixel has 8 neighbours. */
static size_t padded(int side)
{
    return (size_t)(side + 2) * (size_t)(side + 2);
}

enum { FIELDS = 7 };

struct fields {
    size_t width, count; /* of a padded field */
    double *hole;        /* 1 in the hole, 0 elsewhere */
    double *weight;      /* 12 Σ_j w_ij in the hole, 1 elsewhere: the diagonal */
    double *x, *r, *p, *ap, *b;
};

size_t road_scratch(int side)
{
    return FIELDS * padded(side);
}

static struct fields lay_out(int side, double *scratch)
{
    size_t n = padded(side);
    memset(scratch, 0, FIELDS * n * sizeof *scratch);
    return (struct fields){ .width = (size_t)side + 2,
                            .count = n,
                            .hole = scratch,
                            .weight = scratch + n,
                            .x = scratch + 2 * n,
                            .r = scratch + 3 * n,
                            .p = scratch + 4 * n,
                            .ap = scratch + 5 * n,
                            .b = scratch + 6 * n };
}

static size_t at(const struct fields *f, int y, int x)
{
    return (size_t)(y + 1) * f->width + (size_t)(x + 1);
}

/* 12 Σ_j w_ij v_j of one pixel. */
static double around(const double *v, size_t i, size_t width)
{
    return 2 * (v[i - 1] + v[i + 1] + v[i - width] + v[i + width]) + v[i - width - 1] +
           v[i - width + 1] + v[i + width - 1] + v[i + width + 1];
}

static void dig(struct fields *f, const struct road *in)
{
    for (int y = 0; y < in->side; y++)
        for (int x = 0; x < in->side; x++) {
            size_t pixel = (size_t)y * (size_t)in->side + (size_t)x;
            int beside = (y > 0) + (y + 1 < in->side), across = (x > 0) + (x + 1 < in->side);
            f->hole[at(f, y, x)] = in->rank[pixel] < in->removed;
            f->weight[at(f, y, x)] = 2 * (beside + across) + beside * across;
        }
}

/* b = what the known neighbours of the hole put in; x = 0, r = b, p = r / diagonal. */
static void set_up(struct fields *f, const struct road *in, int channel)
{
    for (int y = 0; y < in->side; y++)
        for (int x = 0; x < in->side; x++) {
            size_t pixel = (size_t)y * (size_t)in->side + (size_t)x, i = at(f, y, x);
            f->ap[i] = (1 - f->hole[i]) * in->rgb[3 * pixel + (size_t)channel] / 255.0;
        }
    for (size_t i = f->width; i < f->count - f->width; i++) {
        f->b[i] = f->hole[i] * around(f->ap, i, f->width);
        f->x[i] = 0;
        f->r[i] = f->b[i];
        f->p[i] = f->weight[i] > 0 ? f->r[i] / f->weight[i] : 0;
    }
}

/* ap = A p in the hole, and p · A p. */
static double apply(struct fields *f)
{
    double dot = 0;
    for (size_t i = f->width; i < f->count - f->width; i++)
        f->ap[i] = f->hole[i] * (f->weight[i] * f->p[i] - around(f->p, i, f->width));
    for (size_t i = f->width; i < f->count - f->width; i++)
        dot += f->p[i] * f->ap[i];
    return dot;
}

/* r · r / diagonal; *square: r · r. */
static double weighted_square(const struct fields *f, double *square)
{
    double sum = 0, all = 0;
    for (size_t i = f->width; i < f->count - f->width; i++) {
        all += f->r[i] * f->r[i];
        sum += f->weight[i] > 0 ? f->r[i] * f->r[i] / f->weight[i] : 0;
    }
    *square = all;
    return sum;
}

/* Conjugate gradients on the hole. Returns the iterations; *residual: |r| / |b|. */
static int solve(struct fields *f, double tolerance, int most, double *residual)
{
    double first, square, rho = weighted_square(f, &first);
    *residual = first > 0 ? 1 : 0;
    for (int n = 0; n < most; n++) {
        if (*residual <= tolerance)
            return n;
        double alpha = rho / apply(f), before = rho;
        for (size_t i = f->width; i < f->count - f->width; i++) {
            f->x[i] += alpha * f->p[i];
            f->r[i] -= alpha * f->ap[i];
        }
        rho = weighted_square(f, &square);
        *residual = sqrt(square / first);
        double beta = rho / before;
        for (size_t i = f->width; i < f->count - f->width; i++)
            f->p[i] = (f->weight[i] > 0 ? f->r[i] / f->weight[i] : 0) + beta * f->p[i];
    }
    return most;
}

static void write_channel(const struct fields *f, const struct road *in, int channel, float *out)
{
    for (int y = 0; y < in->side; y++)
        for (int x = 0; x < in->side; x++) {
            size_t pixel = (size_t)y * (size_t)in->side + (size_t)x, i = at(f, y, x);
            double known = in->rgb[3 * pixel + (size_t)channel] / 255.0;
            double v = f->hole[i] == 0 ? known : f->x[i];
            if (f->hole[i] != 0 && in->noise > 0)
                v += in->noise * draw_pixel_noise(in->seed, pixel, channel);
            out[3 * pixel + (size_t)channel] = (float)v;
        }
}

enum status road_impute(const struct road *in, double *scratch, float *out,
                        struct road_report *report, struct error *err)
{
    size_t pixels = (size_t)in->side * (size_t)in->side;
    struct fields f = lay_out(in->side, scratch);
    *report = (struct road_report){ 0 };
    if (in->removed >= pixels)
        return fail(err, E_DATA,
                    "no pixel is left from which the %zu removed ones could be filled in", pixels);
    dig(&f, in);
    for (int channel = 0; channel < 3; channel++) {
        double residual;
        set_up(&f, in, channel);
        int n = solve(&f, in->tolerance, 20 * in->side + 1000, &residual);
        if (!(residual <= in->tolerance))
            return fail(err, E_DATA,
                        "linear imputation: a residual of %.2g is left after %d iterations",
                        residual, n);
        report->iterations = n > report->iterations ? n : report->iterations;
        report->residual = residual > report->residual ? residual : report->residual;
        write_channel(&f, in, channel, out);
    }
    return OK;
}
