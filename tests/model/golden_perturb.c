/* Logits under perturbation, fed golden's heat maps, against golden/models.h5; and evalh's own heat
 * maps against golden's.
 *
 * Golden ranked pixels by heat in double and stored it in fp32, where some distinct values have
 * become one: a pixel or two at a cut, and that moves logits. So the order fed here is that of the
 * double heat, made again from golden's double maps, after checking that its rounding is the stored
 * heat. The operation `rank` on the stored heat must remove the same pixels but for such ties.
 * usage: golden_perturb [--backend NAME] [--model NAME] SOURCE_ROOT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

enum { STEPS = 10 };

static const double LOGIT_TOLERANCE = 1e-4; /* of max |logit| */

static struct golden_test test;

struct job {
    const char *model_name, *image, *path; /* path: model/image */
    struct model *model;
    struct backend *be;
    struct net *net;
    const unsigned char *rgb; /* host */
};

/* ---- golden's order ---- */

/* SPEC 6 in double: bilinear with half-pixel centres, then min-max. Sums run and are
 * fused as in the PyTorch build that made golden, since its order of pixels that are equal but for
 * rounding hangs on the last bit. */
static void heat_in_double(const double *map, int grid, int side, double *heat)
{
    double low = INFINITY, high = -INFINITY;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            double scale = (double)grid / side;
            double fy = fmax(scale * (y + 0.5) - 0.5, 0), fx = fmax(scale * (x + 0.5) - 0.5, 0);
            int y0 = (int)fy, x0 = (int)fx;
            int y1 = y0 + 1 < grid ? y0 + 1 : y0, x1 = x0 + 1 < grid ? x0 + 1 : x0;
            double wy = fy - y0, wx = fx - x0;
            double v = (1 - wy) * wx * map[y0 * grid + x1];
            v = fma((1 - wy) * (1 - wx), map[y0 * grid + x0], v);
            v = fma(wy * (1 - wx), map[y1 * grid + x0], v);
            v = fma(wy * wx, map[y1 * grid + x1], v);
            heat[y * side + x] = v;
            low = fmin(low, v);
            high = fmax(high, v);
        }
    for (int i = 0; i < side * side; i++)
        heat[i] = (heat[i] - low) / (high - low);
}

struct pixel {
    double heat;
    uint32_t index;
};

static int highest_first(const void *a, const void *b)
{
    const struct pixel *p = a, *q = b;
    if (p->heat != q->heat)
        return p->heat < q->heat ? 1 : -1;
    return (p->index > q->index) - (p->index < q->index);
}

static void rank_in_double(const double *heat, size_t pixels, bool ascending, uint32_t *rank)
{
    struct pixel *order = malloc(pixels * sizeof *order);
    for (size_t i = 0; i < pixels; i++)
        order[i] = (struct pixel){ ascending ? -heat[i] : heat[i], (uint32_t)i };
    qsort(order, pixels, sizeof *order, highest_first);
    for (size_t i = 0; i < pixels; i++)
        rank[order[i].index] = (uint32_t)i;
    free(order);
}

/* ---- logits ---- */

/* SPEC 7: at step k the first int(S·S·k/10) pixels are removed. */
static uint32_t removed_at(size_t pixels, int k)
{
    return (uint32_t)((double)pixels * (k / 10.0));
}

static bool forward_masked(const struct job *j, const uint32_t *order, float *logits,
                           struct error *err)
{
    struct backend *be = j->be;
    int side = j->model->geo.image_size;
    size_t pixels = (size_t)side * (size_t)side;
    uint32_t *rank = be->alloc(be, pixels * sizeof *rank);
    uint8_t *rgb = be->alloc(be, pixels * 3);
    struct view views[STEPS];
    be->upload(be, rank, order, pixels * sizeof *order);
    be->upload(be, rgb, j->rgb, pixels * 3);
    for (int k = 0; k < STEPS; k++)
        views[k] = (struct view){ .rgb = rgb, .rank = rank, .removed = removed_at(pixels, k) };
    enum status s = net_forward(j->net, views, STEPS, logits, err);
    be->free(be, rank);
    be->free(be, rgb);
    return s == OK;
}

/* The operation on golden's stored heat: which pixels it removes otherwise than golden, at any
 * step, must tie with a removed one in fp32. */
static void check_rank(const struct job *j, const char *path, const float *heat,
                       const uint32_t *order, bool ascending)
{
    struct backend *be = j->be;
    int side = j->model->geo.image_size, wrong = 0;
    size_t pixels = (size_t)side * (size_t)side;
    float *d_heat = be->alloc(be, pixels * sizeof *d_heat);
    uint32_t *d_rank = be->alloc(be, pixels * sizeof *d_rank),
             *rank = malloc(pixels * sizeof *rank);
    be->upload(be, d_heat, heat, pixels * sizeof *heat);
    const struct rank_args r = {
        .n = 1, .pixels = side * side, .heat = d_heat, .ascending = ascending, .rank = d_rank
    };
    be->op.rank(be, &r);
    be->download(be, rank, d_rank, pixels * sizeof *rank);
    be_wait(be);
    for (int k = 1; k < STEPS; k++) {
        uint32_t cut = removed_at(pixels, k);
        float edge = 0; /* the value at which golden's cut falls */
        for (size_t i = 0; i < pixels; i++)
            edge = order[i] == cut - 1 ? heat[i] : edge;
        for (size_t i = 0; i < pixels; i++)
            wrong += (rank[i] < cut) != (order[i] < cut) && heat[i] != edge;
    }
    golden_judge(&test, path, wrong, 0);
    be->free(be, d_heat);
    be->free(be, d_rank);
    free(rank);
}

static void check_direction(const struct job *j, const char *method, const float *heat,
                            const double *exact, bool ascending)
{
    char path[256];
    struct error err;
    size_t count = 0, classes = (size_t)j->model->geo.classes;
    size_t pixels = (size_t)j->model->geo.image_size * (size_t)j->model->geo.image_size;
    double size = 0;
    snprintf(path, sizeof path, "%s/perturb/%s/%s/logits", j->path, method,
             ascending ? "negative" : "positive");
    double *want = golden_read(test.file, path, &count);
    if (want == NULL)
        return;
    float *logits = calloc(STEPS * classes, sizeof *logits);
    uint32_t *order = malloc(pixels * sizeof *order);
    rank_in_double(exact, pixels, ascending, order);
    bool ok = count == STEPS * classes && forward_masked(j, order, logits, &err);
    double error = ok ? golden_error(logits, want, count, &size) : INFINITY;
    golden_judge(&test, path, error / size, LOGIT_TOLERANCE);
    snprintf(path, sizeof path, "%s/rank of stored heat/%s %s", j->path, method,
             ascending ? "negative" : "positive");
    check_rank(j, path, heat, order, ascending);
    free(order);
    free(logits);
    free(want);
}

/* Our heat map of golden's g×g map. */
static void check_heat(const struct job *j, const char *method, const double *map, size_t cells,
                       const double *want, size_t pixels)
{
    char path[256];
    double size;
    struct backend *be = j->be;
    float *small = malloc(cells * sizeof *small), *heat = malloc(pixels * sizeof *heat);
    for (size_t i = 0; i < cells; i++)
        small[i] = (float)map[i];
    float *d_map = be->alloc(be, cells * sizeof *d_map);
    float *d_heat = be->alloc(be, pixels * sizeof *d_heat);
    be->upload(be, d_map, small, cells * sizeof *small);
    const struct heat_args h = { .n = 1,
                                 .grid = j->model->geo.grid,
                                 .side = j->model->geo.image_size,
                                 .maps = d_map,
                                 .heat = d_heat };
    be->op.heat(be, &h);
    be->download(be, heat, d_heat, pixels * sizeof *heat);
    be_wait(be);
    /* Rounding the map to fp32 moves it by 6e-8 of its largest value, and so the heat by that much
     * of the map's largest value over its range. */
    double low = map[0], high = map[0];
    for (size_t i = 1; i < cells; i++) {
        low = fmin(low, map[i]);
        high = fmax(high, map[i]);
    }
    double allowed = 2e-7 * (1 + fmax(fabs(low), fabs(high)) / (high - low));
    snprintf(path, sizeof path, "%s/heat/%s", j->path, method);
    double error = golden_error(heat, want, pixels, &size);
    golden_judge(&test, path, error, allowed);
    be->free(be, d_map);
    be->free(be, d_heat);
    free(small);
    free(heat);
}

static void check_method(const char *method, void *arg)
{
    const struct job *j = arg;
    char path[256];
    size_t pixels = 0, cells = 0;
    double size;
    snprintf(path, sizeof path, "%s/heat/%s", j->path, method);
    double *want = golden_read(test.file, path, &pixels);
    snprintf(path, sizeof path, "%s/predicted/%s", j->path, method);
    double *map = golden_read(test.file, path, &cells);
    float *heat = malloc(pixels * sizeof *heat);
    double *exact = malloc(pixels * sizeof *exact);
    for (size_t i = 0; i < pixels; i++)
        heat[i] = (float)want[i];
    heat_in_double(map, j->model->geo.grid, j->model->geo.image_size, exact);
    snprintf(path, sizeof path, "%s/stored heat is the double one, rounded/%s", j->path, method);
    double error = golden_error(heat, exact, pixels, &size);
    golden_judge(&test, path, error, 6e-8);
    check_direction(j, method, heat, exact, false);
    check_direction(j, method, heat, exact, true);
    check_heat(j, method, map, cells, want, pixels);
    free(exact);
    free(heat);
    free(map);
    free(want);
}

static void check_image(const char *name, void *arg)
{
    struct job *j = arg;
    struct error err = { 0 };
    char path[160], heat[170];
    unsigned char *rgb = golden_image(test.shared, name, j->model->geo.image_size, &err);
    if (rgb == NULL) {
        golden_report(&test, false, "%s", err.text);
        return;
    }
    snprintf(path, sizeof path, "%s/%s", j->model_name, name);
    snprintf(heat, sizeof heat, "%s/heat", path);
    j->path = path;
    j->rgb = rgb;
    golden_each(test.file, heat, check_method, j);
    free(rgb);
}

static void check_model(const char *name, void *arg)
{
    struct error err = { 0 };
    struct job j = { .model_name = name };
    (void)arg;
    if (golden_model(test.shared, test.file, name, &j.model, &err) == OK &&
        backend_open(test.backend, NULL, &j.be, &err) == OK &&
        net_open(j.model, j.be, &input_imagenet, 4, &j.net, &err) == OK)
        golden_each(test.file, name, check_image, &j);
    else
        golden_report(&test, false, "%s: %s", name, err.text);
    net_close(j.net);
    backend_close(j.be);
    model_close(j.model);
}

int main(int argc, char **argv)
{
    return golden_main(&test, argc, argv, "masked images were", check_model);
}
