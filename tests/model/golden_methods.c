/* Holds every further method to the numbers of scripts/reference_methods.py, in methods.h5: maps of
 * the demo models, which are here, and of the golden ones, where there is a shared folder. usage:
 * golden_methods [--backend NAME] [--model NAME] [--most N] SOURCE_ROOT
 *
 * --most: methods that go through the model more than N times do so on the smallest models alone.
 */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draw.h"
#include "explain.h"
#include "golden.h"

enum { MAX_IMAGES = 4, TARGET_GOLDEN = 3, TARGET_DEMO = 5, SKIPPED = 77 };
static const uint64_t SEED = 20240229;
static const double TOLERANCE = 1e-4;     /* of the map's largest value */
static const double SUM_TOLERANCE = 1e-4; /* of what should add up to the score */
/* Of `ig`, whose sum is as good as its rule of integration: with 50 steps trained models are off by
 * 1e-6, random ViTs by up to 6e-4, random Vims, whose scores jump on the way, by up to 5e-2. Fewer
 * steps are off by more; test_sampling shows that the sum approaches the score with more of them.
 * */
static const double PATH_TOLERANCE = 1e-3, PATH_TOLERANCE_VIM = 1e-1;
static const int PATH_STEPS = 50;

static struct golden_test test;
static int skipped, most = 1000;

/* ---- cases: "method key=value .." -------------------------------------------------------- */

static bool choose(const char *const *names, const char *value, int first, int *out)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], value) == 0) {
            *out = i + first;
            return true;
        }
    return false;
}

static bool set(struct explain_options *o, const char *key, const char *value)
{
#define SET_CHOICE(NAME, field, initial, number, words, first, ...)                                \
    if (strcmp(key, #field) == 0)                                                                  \
        return choose(words, value, first, &o->field);
#define SET_WHOLE(NAME, field, ...)                                                                \
    if (strcmp(key, #field) == 0)                                                                  \
        return (o->field = strtol(value, NULL, 10)) > 0;
#define SET_REAL(NAME, field, ...)                                                                 \
    if (strcmp(key, #field) == 0)                                                                  \
        return (o->field = strtod(value, NULL)) >= 0;
#define SET_SWITCH(NAME, field, ...)                                                               \
    if (strcmp(key, #field) == 0)                                                                  \
        return choose(tristate_names, value, BY_PROTOCOL, &o->field);
    EXPLAIN_SWITCHES(SET_CHOICE, SET_WHOLE, SET_REAL, SET_SWITCH)
    return false;
}

/* The method of a case, and its options; NULL: unknown, or a key is. */
static const struct explain_method *parse(const char *name, struct explain_options *o)
{
    char text[200], *save = NULL;
    *o = explain_defaults;
    o->seed = SEED;
    snprintf(text, sizeof text, "%s", name);
    const struct explain_method *m = explain_find(strtok_r(text, " ", &save));
    for (char *pair; m != NULL && (pair = strtok_r(NULL, " ", &save)) != NULL;) {
        char *value = strchr(pair, '=');
        *value++ = '\0';
        if (!set(o, pair, value))
            return NULL;
    }
    return m;
}

/* ---- comparing --------------------------------------------------------------------------- */

struct fixture {
    const char *name; /* the model's */
    hid_t file;
    struct model *model;
    int images, target;
    char *image_names[MAX_IMAGES];
    struct backend *be;
    uint8_t *rgb[MAX_IMAGES];        /* on its device */
    const uint8_t *host[MAX_IMAGES]; /* the same */
};

/* [largest, sum, every step-th value], as reference_methods.py keeps it. */
static void compare(const char *path, const float *ours, size_t count, const double *want,
                    size_t kept, bool pixels)
{
    size_t step = !pixels ? 1 : count < 10000 ? 7 : 61;
    double error = 0, sum = 0, allowed = TOLERANCE;
    if (kept != 2 + (count + step - 1) / step) {
        golden_report(&test, false, "%s: the map has another size than the reference's", path);
        return;
    }
    for (size_t i = 0; i < count; i++)
        sum += (double)ours[i];
    for (size_t i = 0; 2 + i < kept; i++) {
        double d = fabs((double)ours[i * step] - want[2 + i]);
        error = d <= error ? error : d; /* a NaN stays */
    }
    /* a map of zeros alone comes back as it is */
    golden_judge(&test, path,
                 want[0] > 0 ? error / want[0]
                 : error > 0 ? INFINITY
                             : error,
                 allowed);
    if (fabs(sum - want[1]) > allowed * want[0] * sqrt((double)count))
        golden_report(&test, false, "%s: its sum is another one", path);
}

static void compare_images(const struct fixture *f, const char *choice, const char *name,
                           const struct explainer *ex, const float *maps)
{
    enum class_choice c = strcmp(choice, "target") == 0 ? CLASS_TARGET : CLASS_PREDICTED;
    size_t side = (size_t)explainer_side(ex, 0);
    for (int i = 0; i < f->images; i++) {
        char path[400];
        size_t kept = 0;
        snprintf(path, sizeof path, "%s/%s/%s/%s", f->name, f->image_names[i], choice, name);
        double *want = golden_read(f->file, path, &kept);
        if (want != NULL)
            compare(path, maps + explainer_map_at(ex, i, 0, c), side * side, want, kept,
                    (int)side != f->model->geo.grid);
        free(want);
    }
}

static void check_sums(const struct fixture *f, const char *name, const struct explain_options *o,
                       const float *sum_error, int count)
{
    double allowed = SUM_TOLERANCE;
    if (strncmp(name, "ig ", 3) == 0) {
        bool random_vim = strncmp(f->name, "vim", 3) == 0 && strstr(f->name, "_demo") == NULL;
        allowed = o->steps < PATH_STEPS ? 1 : random_vim ? PATH_TOLERANCE_VIM : PATH_TOLERANCE;
    }
    for (int i = 0; i < count; i++)
        if (!isnan(sum_error[i]))
            golden_judge(&test, name, (double)sum_error[i], allowed);
}

/* Takes longer than this run has time for. */
static bool too_long(const struct fixture *f, const struct explain_method *m,
                     const struct explain_options *o)
{
    bool smallest = strstr(f->name, "_micro") != NULL || strstr(f->name, "_odd") != NULL;
    int64_t passes = strcmp(m->name, "ig") == 0 ? o->steps : o->samples;
    return explain_takes_samples(m) && !smallest && passes > most;
}

static void check_case(const struct fixture *f, const char *choice, const char *name)
{
    struct explain_options o;
    struct error err = { 0 };
    struct explainer *ex = NULL;
    const struct explain_method *m = parse(name, &o);
    const bool classes[CLASS_CHOICES] = { strcmp(choice, "predicted") == 0,
                                          strcmp(choice, "target") == 0 };
    const struct backend_options bo = { .simd = "" };
    struct explain_image images[MAX_IMAGES];
    int32_t predicted[MAX_IMAGES];
    float identity[MAX_IMAGES];
    uint8_t zero[MAX_IMAGES];
    if (m == NULL) {
        golden_report(&test, false, "%s: no such method, or no such key", name);
        return;
    }
    if (too_long(f, m, &o))
        return;
    for (int i = 0; i < f->images; i++)
        images[i] = (struct explain_image){
            .rgb = f->rgb[i], .label = f->target, .predicted = -1, .id_hash = (uint64_t)i + 1
        };
    enum status s = explainer_open(f->model, test.backend, &bo, &input_imagenet, &o, &m, 1, classes,
                                   f->images, &ex, &err);
    float *maps =
        s == OK ? calloc((size_t)f->images * explainer_map_values(ex), sizeof *maps) : NULL;
    if (s == OK && explain_needs_references(m))
        s = explainer_references(ex, f->host, f->images, &err);
    float sum_error[MAX_IMAGES * CLASS_CHOICES];
    const struct explain_result r = { predicted, maps, identity, zero, sum_error };
    if (s == OK)
        s = explainer_run(ex, images, f->images, &r, &err);
    if (s == OK)
        compare_images(f, choice, name, ex, maps);
    else
        golden_report(&test, false, "%s: %s", name, err.text);
    if (s == OK)
        check_sums(f, name, &o, sum_error, f->images * CLASS_CHOICES);
    explainer_close(ex);
    free(maps);
}

/* ---- going through the file -------------------------------------------------------------- */

struct walk {
    const struct fixture *f;
    const char *choice;
};

static void check_walked_case(const char *name, void *arg)
{
    const struct walk *w = arg;
    check_case(w->f, w->choice, name);
}

/* The picture of reference_methods.py: blocks of 8 x 8 pixels, and noise of 5 bits. */
static unsigned char *made_picture(int number, int side)
{
    unsigned char *rgb = malloc((size_t)side * (size_t)side * 3), *p = rgb;
    for (int y = 0; rgb != NULL && y < side; y++)
        for (int x = 0; x < side; x++)
            for (int c = 0; c < 3; c++) {
                uint64_t at = (uint64_t)(y / 8 * (side / 8) + x / 8) * 3 + (uint64_t)c;
                uint64_t pixel = (uint64_t)(y * side + x) * 3 + (uint64_t)c;
                uint64_t block = draw_bits((uint64_t)number, at) & 255;
                *p++ = (unsigned char)(block - block / 8 +
                                       (draw_bits((uint64_t)number + 1000, pixel) & 31));
            }
    return rgb;
}

static enum status open_demo(struct fixture *f, struct error *err)
{
    char path[1100];
    struct checkpoint *ck;
    snprintf(path, sizeof path, "%s/model/demo/%s.safetensors", test.root, f->name);
    TRY(checkpoint_open(path, &ck, err));
    const struct model_options o = { .image_size = 64, .heads = 3, .heads_if_any = true };
    return model_open(ck, &o, &f->model, err);
}

static enum status open_golden(struct fixture *f, struct error *err)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/golden/models.h5", test.shared);
    hid_t golden = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    enum status s = golden_model(test.shared, golden, f->name, &f->model, err);
    H5Fclose(golden);
    return s;
}

static bool load(struct fixture *f, bool demo, struct error *err)
{
    if ((demo ? open_demo : open_golden)(f, err) != OK ||
        backend_open(test.backend, NULL, &f->be, err) != OK)
        return false;
    for (int i = 0; i < f->images; i++) {
        int side = f->model->geo.image_size;
        size_t bytes = (size_t)side * (size_t)side * 3;
        unsigned char *host =
            demo ? made_picture(i, side) : golden_image(test.shared, f->image_names[i], side, err);
        f->rgb[i] = host != NULL ? f->be->alloc(f->be, bytes) : NULL;
        if (f->rgb[i] != NULL)
            f->be->upload(f->be, f->rgb[i], host, bytes);
        f->host[i] = host;
        if (f->rgb[i] == NULL)
            return false;
    }
    return true;
}

static void check_model(const char *name, bool demo)
{
    hid_t file = test.file;
    static const char *const choices[] = { "predicted", "target" };
    struct error err = { 0 };
    struct fixture f = { .name = name, .file = file, .target = demo ? TARGET_DEMO : TARGET_GOLDEN };
    f.images = golden_names(file, name, f.image_names, MAX_IMAGES);
    bool ok = load(&f, demo, &err);
    if (!ok)
        golden_report(&test, false, "%s: %s", name, err.text);
    for (int c = 0; ok && c < 2; c++) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s/%s", name, f.image_names[0], choices[c]);
        if (H5Lexists(file, path, H5P_DEFAULT) <= 0)
            continue; /* of a full-size model the predicted class alone */
        struct walk w = { &f, choices[c] };
        golden_each(file, path, check_walked_case, &w);
    }
    for (int i = 0; i < f.images; i++) {
        free(f.image_names[i]);
        if (f.rgb[i] != NULL)
            f.be->free(f.be, f.rgb[i]);
        free((void *)(uintptr_t)f.host[i]);
    }
    backend_close(f.be);
    model_close(f.model);
}

static void visit_model(const char *name, void *arg)
{
    bool demo = strstr(name, "_demo") != NULL, tiny = strstr(name, "_tiny") != NULL;
    (void)arg;
    if (test.only != NULL ? strcmp(test.only, name) != 0
                          : tiny && strncmp(test.backend, "ref", 3) == 0)
        return;
    if (demo || test.shared != NULL) {
        check_model(name, demo);
    } else {
        printf("SKIPPED %s: no ../shared/golden\n", name);
        skipped++;
    }
}

int main(int argc, char **argv)
{
    char path[1100];
    test = golden_arguments(argc, argv);
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "--most") == 0)
            most = (int)strtol(argv[i + 1], NULL, 10);
    if (golden_no_device(test.backend))
        return SKIPPED;
    snprintf(path, sizeof path, "%s/tests/model/methods.h5", test.root);
    test.file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (test.file < 0)
        return 1;
    golden_each(test.file, "/", visit_model, NULL);
    H5Fclose(test.file);
    printf("%d passed, %d failed, %d skipped\n", test.passed, test.failed, skipped);
    if (test.failed == 0 && test.passed == 0)
        return SKIPPED;
    return test.failed > 0;
}
