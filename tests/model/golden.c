#include "golden.h"

#include <hdf5.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image.h"

const char *golden_shared(const char *source_root)
{
    static char path[1024];
    const char *given = getenv("EVALH_SHARED");
    snprintf(path, sizeof path, "%s", given != NULL ? given : "");
    if (given == NULL)
        snprintf(path, sizeof path, "%s/../shared", source_root);
    if (access(path, R_OK) != 0)
        snprintf(path, sizeof path, "/work/shared");
    return access(path, R_OK) == 0 ? path : NULL;
}

bool golden_no_device(const char *backend)
{
    struct error err;
    struct backend *be;
    enum status s = backend_open(backend, NULL, &be, &err);
    if (s == OK)
        backend_close(be);
    if (s == E_ABSENT)
        printf("SKIPPED %s: %s\n", backend, err.text);
    return s == E_ABSENT;
}

struct golden_test golden_arguments(int argc, char **argv)
{
    int i = 1;
    struct golden_test t = { .backend = "cpu" };
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--backend") == 0)
            t.backend = argv[i + 1];
        else if (strcmp(argv[i], "--model") == 0)
            t.only = argv[i + 1];
    }
    t.root = i < argc ? argv[i] : ".";
    t.shared = golden_shared(t.root);
    return t;
}

int golden_begin(struct golden_test *t, int argc, char **argv, const char *what)
{
    enum { SKIPPED = 77 };
    char path[1100];
    *t = golden_arguments(argc, argv);
    if (t->shared == NULL) {
        printf("SKIPPED: no ../shared/golden: %s not compared with golden numbers\n", what);
        return SKIPPED;
    }
    if (golden_no_device(t->backend))
        return SKIPPED;
    snprintf(path, sizeof path, "%s/golden/models.h5", t->shared);
    t->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    return t->file < 0;
}

static bool wanted(const struct golden_test *t, const char *model)
{
    if (t->only != NULL)
        return strcmp(t->only, model) == 0;
    bool full_size = golden_attribute(t->file, model, "image_size") > 100;
    return !full_size || strncmp(t->backend, "ref", 3) != 0;
}

int golden_end(struct golden_test *t)
{
    H5Fclose(t->file);
    printf("%d passed, %d failed\n", t->passed, t->failed);
    return t->failed > 0 || t->passed == 0;
}

void golden_report(struct golden_test *t, bool ok, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%s %s ", ok ? "ok    " : "FAILED", t->backend);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    t->passed += ok;
    t->failed += !ok;
}

void golden_judge(struct golden_test *t, const char *what, double error, double allowed)
{
    golden_report(t, error <= allowed, "%s: %.2e of %.2e allowed", what, error, allowed);
}

struct visitor {
    golden_visit *visit;
    void *arg;
};

static herr_t each_member(hid_t group, const char *name, const H5L_info_t *info, void *arg)
{
    const struct visitor *v = arg;
    (void)group;
    (void)info;
    v->visit(name, v->arg);
    return 0;
}

void golden_each(long long file, const char *group, golden_visit *visit, void *arg)
{
    struct visitor v = { visit, arg };
    hid_t g = H5Gopen2(file, group, H5P_DEFAULT);
    H5Literate(g, H5_INDEX_NAME, H5_ITER_INC, NULL, each_member, &v);
    H5Gclose(g);
}

struct names {
    char **names;
    int count, most;
};

static void add_name(const char *name, void *arg)
{
    struct names *n = arg;
    if (n->count < n->most)
        n->names[n->count++] = strdup(name);
}

int golden_names(long long file, const char *group, char **names, int most)
{
    struct names n = { names, 0, most };
    golden_each(file, group, add_name, &n);
    return n.count;
}

struct all_models {
    const struct golden_test *test;
    golden_visit *visit;
};

static void visit_wanted(const char *model, void *arg)
{
    const struct all_models *all = arg;
    if (wanted(all->test, model))
        all->visit(model, NULL);
}

int golden_main(struct golden_test *t, int argc, char **argv, const char *what, golden_visit *visit)
{
    struct all_models all = { t, visit };
    int code = golden_begin(t, argc, argv, what);
    if (code != 0)
        return code;
    golden_each(t->file, "/", visit_wanted, &all);
    return golden_end(t);
}

double *golden_read(long long file, const char *path, size_t *count)
{
    if (H5Lexists(file, path, H5P_DEFAULT) <= 0)
        return NULL;
    hid_t set = H5Dopen2(file, path, H5P_DEFAULT), space = H5Dget_space(set);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    double *a = malloc((size_t)n * sizeof *a);
    if (a != NULL && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, a) < 0) {
        free(a);
        a = NULL;
    }
    H5Sclose(space);
    H5Dclose(set);
    *count = (size_t)n;
    return a;
}

int golden_attribute(long long file, const char *group, const char *name)
{
    int value = 0;
    hid_t a = H5Aopen_by_name(file, group, name, H5P_DEFAULT, H5P_DEFAULT);
    H5Aread(a, H5T_NATIVE_INT, &value);
    H5Aclose(a);
    return value;
}

enum status golden_model(const char *shared, long long file, const char *name, struct model **out,
                         struct error *err)
{
    char path[1100];
    struct checkpoint *ck;
    snprintf(path, sizeof path, "%s/golden/%s.pth", shared, name);
    if (access(path, R_OK) != 0)
        snprintf(path, sizeof path, "%s/golden/%s.safetensors", shared, name);
    TRY(checkpoint_open(path, &ck, err));
    const struct model_options o = { .image_size = golden_attribute(file, name, "image_size"),
                                     .heads = golden_attribute(file, name, "heads") };
    return model_open(ck, &o, out, err);
}

unsigned char *golden_image(const char *shared, const char *name, int side, struct error *err)
{
    char path[1100];
    struct image image;
    snprintf(path, sizeof path, "%s/golden/images/%s", shared, name);
    if (image_read(path, &image, err) != OK)
        return NULL;
    unsigned char *rgb = malloc((size_t)side * (size_t)side * 3);
    if (rgb != NULL && image_preprocess(&image, PREPROCESS_STRETCH, side, rgb, err) != OK) {
        free(rgb);
        rgb = NULL;
    }
    image_free(&image);
    return rgb;
}

double golden_error(const float *a, const double *b, size_t count, double *size)
{
    double error = 0;
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double)a[i] - b[i]);
        error = d <= error ? error : d; /* a NaN stays */
        *size = fmax(*size, fabs(b[i]));
    }
    return error;
}
