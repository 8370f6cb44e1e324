/* evalh precision: how far fp32 and mixed explanations lie from double ones, and what fp32 does to
 * scores (SPEC 6). The same images run four times: in each precision, and once more in double with
 * an input that lies one rounding away, which says how much of the distance is the map's own
 * sensitivity. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "free_all.h"
#include "metrics.h"
#include "plan.h"
#include "progress.h"
#include "runner.h"
#include "stop.h"
#include "task.h"

enum { FP32, DOUBLE, MIXED, MOVED, VARIANTS };

struct arguments {
    struct cli_list settings;
    const char *config, *images;
};

struct variant {
    struct config *config;
    struct plan *plan;
    struct runner *runner;
};

/* ---- maps ------------------------------------------------------------------------------------ */

/* For one method and class, over images: the distance between maps as a share of the largest value,
 * and the share of the hottest pixels that is the same, as a mean over the nine cuts of the
 * perturbation test. */
struct distance {
    double largest, mean, overlap, lowest_overlap;
    size_t images;
};

/* The order in which a map of a method removes pixels: rank [S*S]. */
static enum status rank_map(const struct plan *p, int method, const float *map, uint32_t *rank,
                            struct error *err)
{
    struct engine *e = p->engine;
    int side = p->methods[method]->side;
    size_t cells = (size_t)side * (size_t)side, pixels = pixel_count(p);
    float *d_map = engine_alloc(e, cells, sizeof *d_map);
    float *d_heat = engine_alloc(e, pixels, sizeof *d_heat);
    uint32_t *d_rank = engine_alloc(e, pixels, sizeof *d_rank);
    const struct rank_args r = { .n = 1, .pixels = (int)pixels, .heat = d_heat, .rank = d_rank };
    enum status status = OK;
    if (d_map == NULL || d_heat == NULL || d_rank == NULL) {
        status = fail(err, E_NOMEM, "%s: no memory for a heat map of %zu pixels", e->info.device,
                      pixels);
    } else {
        engine_upload(e, d_map, map, cells * sizeof *map);
        engine_heat(e, d_map, 1, side, d_heat);
        engine_rank(e, &r);
        engine_download(e, rank, d_rank, pixels * sizeof *rank);
        status = engine_sync(e, err);
    }
    engine_free(e, d_map);
    engine_free(e, d_heat);
    engine_free(e, d_rank);
    return status;
}

static double overlap(const uint32_t *a, const uint32_t *b, size_t pixels)
{
    const struct curve_axis *axis = &curve_axis_published;
    double sum = 0;
    for (int k = 1; k <= axis->steps; k++) {
        uint32_t cut = (uint32_t)((double)pixels * curve_share(axis, k));
        size_t both = 0;
        for (size_t i = 0; i < pixels; i++)
            both += a[i] < cut && b[i] < cut;
        sum += (double)both / cut;
    }
    return sum / axis->steps;
}

/* The distance of the maps of run `one` from those in double. */
static enum status measure_maps(const struct variant *s, int one, int method, int columns[VARIANTS],
                                size_t images, struct distance *out, struct error *err)
{
    size_t pixels = pixel_count(s[one].plan);
    size_t map_side = (size_t)s[one].plan->methods[method]->side, cells = map_side * map_side;
    uint32_t *rank[2] = { malloc(pixels * sizeof *rank[0]), malloc(pixels * sizeof *rank[0]) };
    *out = (struct distance){ .lowest_overlap = 1 };
    enum status status = OK;
    if (rank[0] == NULL || rank[1] == NULL)
        status = fail(err, E_NOMEM, "out of memory");
    for (size_t i = 0; status == OK && i < images; i++) {
        const float *a = records_f32(runner_records(s[one].runner), columns[one], i);
        const float *b = records_f32(runner_records(s[DOUBLE].runner), columns[DOUBLE], i);
        double error = 0, size = 0;
        for (size_t k = 0; k < cells; k++) {
            error = fmax(error, fabs((double)a[k] - (double)b[k]));
            size = fmax(size, fabs((double)b[k]));
        }
        if (!(size > 0)) /* an unreadable image, or a map of zeros */
            continue;
        status = rank_map(s[one].plan, method, a, rank[0], err);
        if (status == OK)
            status = rank_map(s[DOUBLE].plan, method, b, rank[1], err);
        if (status != OK)
            break;
        double same = overlap(rank[0], rank[1], pixels);
        out->largest = fmax(out->largest, error / size);
        out->mean += error / size;
        out->overlap += same;
        out->lowest_overlap = fmin(out->lowest_overlap, same);
        out->images++;
    }
    out->mean /= (double)out->images;
    out->overlap /= (double)out->images;
    FREE_ALL(rank[0], rank[1]);
    return status;
}

static enum status print_maps(const struct variant *s, size_t images, struct error *err)
{
    const struct plan *p = s[FP32].plan;
    printf("| method | class | images | fp32 off by, mean | at most | rank overlap, mean | least | "
           "mixed: off by, mean | at most | double, input rounded: off by, mean | at most |\n"
           "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int m = 0; m < p->method_count; m++)
        for (int c = 0; c < CLASS_CHOICES; c++) {
            char path[160];
            int columns[VARIANTS];
            struct distance d, mixed, moved;
            if (!p->classes[c] || !plan_has_own(p, m, (enum class_choice)c))
                continue;
            snprintf(path, sizeof path, "explain/%s/%s/map", p->methods[m]->name,
                     class_choice_names[c]);
            for (int k = 0; k < VARIANTS; k++)
                columns[k] = records_find(runner_records(s[k].runner), path);
            TRY(measure_maps(s, FP32, m, columns, images, &d, err));
            TRY(measure_maps(s, MIXED, m, columns, images, &mixed, err));
            TRY(measure_maps(s, MOVED, m, columns, images, &moved, err));
            printf("| %s | %s | %zu | %.3g %% | %.3g %% | %.2f %% | %.2f %% | %.3g %% | %.3g %% | "
                   "%.3g %% | %.3g %% |\n",
                   p->methods[m]->name, class_choice_names[c], d.images, 100 * d.mean,
                   100 * d.largest, 100 * d.overlap, 100 * d.lowest_overlap, 100 * mixed.mean,
                   100 * mixed.largest, 100 * moved.mean, 100 * moved.largest);
        }
    printf(
        "\nmixed: in double where a method needs it and nowhere else, as explain.precision = auto "
        "has it; a method that has no such gradient runs as with auto\ninput rounded: the mean "
        "colour that is taken off the input is the next fp32 number, a "
        "step of some 3e-8; a map that this moves is ill-conditioned, in any precision\n");
    return OK;
}

/* ---- scores ---------------------------------------------------------------------------------- */

/* Perturbation: both AUCs, and the number of masked images whose hit or predicted class differs. */
static void print_curves(const struct variant *s, const char *path, size_t images,
                         const uint8_t *use)
{
    const struct curve_axis axis = task_axis(s[FP32].plan);
    size_t points = (size_t)axis.steps + 1;
    double auc[DOUBLE + 1], curve[CURVE_MOST_POINTS];
    const uint8_t *hit[DOUBLE + 1];
    const int32_t *class[DOUBLE + 1];
    size_t differ = 0, other = 0, n = 0;
    char name[200];
    snprintf(name, sizeof name, "%.*spredicted", (int)(strlen(path) - strlen("hit")), path);
    for (int k = 0; k <= DOUBLE; k++) {
        const struct records *r = runner_records(s[k].runner);
        hit[k] = records_u8(r, records_find(r, path), 0);
        class[k] = records_i32(r, records_find(r, name), 0);
        n = accuracy_curve(hit[k], use, images, (int)points, curve);
        auc[k] = curve_auc(&axis, curve, AUC_TRAPEZOID);
    }
    for (size_t i = 0; i < images * points; i++) {
        differ += use[i / points] && (hit[FP32][i] != 0) != (hit[DOUBLE][i] != 0);
        other += use[i / points] && class[FP32][i] != class[DOUBLE][i];
    }
    printf("| %.*s | %.3f | %.3f | %+.3f | %zu | %zu | %zu |\n",
           (int)(strlen(path) - strlen("/hit")), path, auc[FP32], auc[DOUBLE],
           auc[FP32] - auc[DOUBLE], differ, other, n * points);
}

/* Segmentation: pixels classified right, and average precision. */
static void print_counts(const struct variant *s, const char *path, size_t images,
                         const uint8_t *use)
{
    char name[200];
    size_t stem = strlen(path) - strlen("correct");
    double accuracy[DOUBLE + 1] = { 0 }, ap[DOUBLE + 1] = { 0 }, labelled = 0, n = 0;
    for (int k = 0; k <= DOUBLE; k++) {
        const struct records *r = runner_records(s[k].runner);
        snprintf(name, sizeof name, "%.*slabelled", (int)stem, path);
        int all = records_find(r, name);
        snprintf(name, sizeof name, "%.*sap", (int)stem, path);
        int aps = records_find(r, name), right = records_find(r, path);
        for (size_t i = 0; i < images; i++) {
            if (!use[i])
                continue;
            accuracy[k] += *records_i32(r, right, i);
            ap[k] += (double)*records_f32(r, aps, i);
            labelled += k == FP32 ? *records_i32(r, all, i) : 0;
            n += k == FP32;
        }
    }
    for (int k = 0; k <= DOUBLE; k++) {
        accuracy[k] *= 100 / labelled;
        ap[k] *= 100 / n;
    }
    printf("| %.*spixel accuracy | %.3f | %.3f | %+.3f | | | |\n", (int)stem, path, accuracy[FP32],
           accuracy[DOUBLE], accuracy[FP32] - accuracy[DOUBLE]);
    printf("| %.*smAP | %.3f | %.3f | %+.3f | | | |\n", (int)stem, path, ap[FP32], ap[DOUBLE],
           ap[FP32] - ap[DOUBLE]);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static enum status print_scores(const struct variant *s, size_t images, struct error *err)
{
    const struct records *k = runner_records(s[FP32].runner);
    uint8_t *use = malloc(images + 1);
    if (use == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (size_t i = 0; i < images; i++)
        use[i] = *records_u8(k, records_find(k, "images/status"), i) == 0;
    printf(
        "\n| score | fp32 | double | difference | hits that differ | predictions that differ | of "
        "masked images |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int i = 0; i < k->count; i++) {
        const char *path = k->columns[i].path;
        if (k->columns[i].same_as >= 0)
            continue;
        if (strncmp(path, "perturbation/", 13) == 0 && ends_with(path, "/hit"))
            print_curves(s, path, images, use);
        else if (strncmp(path, "segmentation/", 13) == 0 && ends_with(path, "/correct"))
            print_counts(s, path, images, use);
    }
    free(use);
    return OK;
}

/* ---- the two runs ---------------------------------------------------------------------------- */

/* data.mean with each channel moved to the next fp32 number. */
static void name_moved_mean(const struct plan *p, char *out, size_t size)
{
    const float *mean = p->engine->info.format.mean;
    snprintf(out, size, "data.mean=%.9g %.9g %.9g", (double)nextafterf(mean[0], 2),
             (double)nextafterf(mean[1], 2), (double)nextafterf(mean[2], 2));
}

static enum status open_variant(const struct arguments *a, const char *precision, const char *mean,
                                struct variant *s, struct error *err)
{
    char limit[64];
    snprintf(limit, sizeof limit, "run.limit=%s", a->images != NULL ? a->images : "16");
    TRY(config_new(&s->config, err));
    TRY(config_read(s->config, a->config, err));
    TRY(cli_apply_settings(&a->settings, s->config, err));
    TRY(config_set(s->config, limit, err));
    TRY(config_set(s->config, precision, err));
    if (mean != NULL)
        TRY(config_set(s->config, mean, err));
    TRY(config_finish(s->config, err));
    return plan_open(s->config, &s->plan, err);
}

static enum status run_variant(struct variant *s, const char *name, struct error *err)
{
    struct progress progress;
    TRY(runner_open(s->plan, s->plan->images, &s->runner, err));
    progress_begin(&progress, name, s->plan->images, 0);
    enum status status =
        runner_shard(s->runner, 0, s->plan->images, progress_report, &progress, err);
    progress_break(&progress);
    return status;
}

static enum status measure_precision(void *options, bool *begun, struct error *err)
{
    const struct arguments *a = options;
    static const char *const settings[VARIANTS] = { "explain.precision=fp32",
                                                    "explain.precision=double",
                                                    "explain.precision=mixed",
                                                    "explain.precision=double" };
    static const char *const names[VARIANTS] = { "fp32", "double", "mixed",
                                                 "double, input rounded" };
    char mean[200];
    struct variant s[VARIANTS] = { 0 };
    enum status status = OK;
    for (int k = 0; k < VARIANTS && status == OK; k++) {
        if (k == MOVED)
            name_moved_mean(s[DOUBLE].plan, mean, sizeof mean);
        status = open_variant(a, settings[k], k == MOVED ? mean : NULL, &s[k], err);
    }
    *begun = status == OK;
    if (*begun)
        stop_listen();
    for (int k = 0; k < VARIANTS && status == OK; k++)
        status = run_variant(&s[k], names[k], err);
    if (status == OK) {
        size_t images = s[FP32].plan->images;
        printf("fp32 and mixed against double explanations: %s, %zu images\n\n", a->config, images);
        status = print_maps(s, images, err);
        if (status == OK)
            status = print_scores(s, images, err);
    }
    for (int k = 0; k < VARIANTS; k++) {
        runner_close(s[k].runner);
        plan_close(s[k].plan);
        config_free(s[k].config);
    }
    return status;
}

static int run_precision(void *options)
{
    return cli_run(measure_precision, options);
}

/* ---- the command line ------------------------------------------------------------------------ */

static const struct argp_option option_table[] = {
    CLI_SET_OPTION("a key of the config, over what its file says"),
    { "images", 'i', "N", 0, "the first N images (default 16)", 0 },
    CLI_HELP_OPTION,
};

#define AT(field) offsetof(struct arguments, field)
static const struct cli_place places[] = {
    { CLI_LIST, 's', AT(settings), 0, 0, NULL },
    { CLI_TEXT, 'i', AT(images), 0, 0, NULL },
    CLI_ONE_ARGUMENT(AT(config), "config", "evalh precision configs/perturb_deit_t.ini"),
    { 0 },
};

static const struct argp argp = CLI_ARGP(
    option_table, cli_option, "CONFIG",
    "Runs the first images of CONFIG with explanations in fp32, in double and mixed, and in "
    "double with an input that is rounded otherwise, and says how far the maps lie apart "
    "and what that does to the scores. Writes nothing.");

static const struct arguments defaults = { .config = NULL };

const struct command command_precision = { "precision",
                                           "how far fp32 explanations lie from double ones", &argp,
                                           CLI_OPTIONS(places, defaults), run_precision };
