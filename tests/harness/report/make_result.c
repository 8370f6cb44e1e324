#include "make_result.h"

#include <hdf5.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 10, CLASSES = 1000, SIDE = 64 };

const struct make_result make_result_default = {
    .images = 200,
    .grid = 14,
    .seed = 1,
    .arch = "vim_tiny",
    .dataset = "demo",
    .protocol = "released",
    .checkpoint = "demo_vim.pth",
    .sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    .explain = "",
    .methods = "raw rollout attribution random",
    .top1 = 0.75,
    .skipped = 3,
    .labels = true,
    .perturbation = true,
    .segmentation = false,
    .extras = true,
};

struct maker {
    const struct make_result *o;
    hid_t file;
    uint64_t state;
    int failed;
    int32_t *label, *predicted;
    uint8_t *status;
};

static double uniform(struct maker *m)
{
    m->state = m->state * 6364136223846793005u + 1442695040888963407u;
    return (double)(m->state >> 11) / 9007199254740992.0;
}

/* --- writing --------------------------------------------------------------------------------- */

static void put(struct maker *m, const char *path, hid_t type, int rank, size_t columns,
                size_t depth, const void *data)
{
    hsize_t dims[] = { m->o->images, columns, depth };
    hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(rank, dims, NULL);
    H5Pset_create_intermediate_group(links, 1);
    hid_t set = H5Dcreate2(m->file, path, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    m->failed |= set < 0 || H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0;
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
}

static void put_text(struct maker *m, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    hid_t a = H5Acreate2(m->file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    m->failed |= a < 0 || H5Awrite(a, type, &text) < 0;
    H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
}

static void put_number(struct maker *m, const char *name, int32_t value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t a = H5Acreate2(m->file, name, H5T_NATIVE_INT32, space, H5P_DEFAULT, H5P_DEFAULT);
    m->failed |= a < 0 || H5Awrite(a, H5T_NATIVE_INT32, &value) < 0;
    H5Aclose(a);
    H5Sclose(space);
}

static void put_attributes(struct maker *m)
{
    char config[1024];
    snprintf(config, sizeof config,
             "[run]\nname = made\nprotocol = %s\n\n[explain]\nmethods = %s\naggregate = protocol\n"
             "discard = 0\n%s\n[task]\nfill = black\n\n[compute]\n%s\n",
             m->o->protocol, m->o->methods, m->o->explain,
             m->o->compute != NULL ? m->o->compute : "precision = fp32");
    put_number(m, "schema", 1);
    put_number(m, "complete", 1);
    if (m->o->controls != NULL) {
        put_text(m, "controls", m->o->controls);
        put_text(m, "model", "vim, width 192, 24 layers, weights unknown");
    }
    if (m->o->image_size > 0)
        put_number(m, "image_size", m->o->image_size);
    put_text(m, "evalh_version", "0.1.0");
    put_text(m, "git_commit", "0000000000000000000000000000000000000000");
    put_text(m, "config", config);
    put_text(m, "config_hash", "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00");
    put_text(m, "protocol", m->o->protocol);
    put_text(m, "arch", m->o->arch);
    put_text(m, "checkpoint", m->o->checkpoint);
    put_text(m, "checkpoint_sha256", m->o->sha256);
    put_text(m, "dataset", m->o->dataset);
    put_text(m, "dataset_fingerprint",
             m->o->fingerprint != NULL
                 ? m->o->fingerprint
                 : "feedbeeffeedbeeffeedbeeffeedbeeffeedbeeffeedbeeffeedbeeffeedbeef");
    put_text(m, "preprocess", "stretch");
    put_text(m, "device", "cpu");
    put_text(m, "precision", "fp32");
    put_text(m, "created_utc", "2026-01-02T03:04:05Z");
}

/* --- records --------------------------------------------------------------------------------- */

static void make_images(struct maker *m)
{
    size_t n = m->o->images;
    char(*id)[32] = calloc(n, sizeof *id);
    float *identity = calloc(n, sizeof *identity), *area = calloc(n, sizeof *area);
    for (size_t i = 0; i < n; i++) {
        m->status[i] = i < (size_t)m->o->skipped;
        m->predicted[i] = (int32_t)(uniform(m) * CLASSES);
        m->label[i] = uniform(m) < m->o->top1 ? m->predicted[i] : (m->predicted[i] + 1) % CLASSES;
        if (m->o->validation) {
            bool right = m->label[i] == m->predicted[i];
            snprintf(id[i], sizeof *id, "ILSVRC2012_val_%08u.JPEG", (unsigned)(i + 1) % 100000000u);
            m->label[i] = (int32_t)(i % CLASSES);
            m->predicted[i] = right ? m->label[i] : (m->label[i] + 1) % CLASSES;
        } else {
            snprintf(id[i], sizeof *id, "image_%05zu.JPEG", i);
        }
        if (!m->o->labels)
            m->label[i] = -1;
        identity[i] = (float)(1e-7 * uniform(m));
        area[i] = i % 10 == 9 ? 0 : 0.0625f + 0.001f * (float)(i % 7);
    }
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, sizeof *id);
    put(m, "/images/id", type, 1, 0, 0, id);
    put(m, "/images/label", H5T_NATIVE_INT32, 1, 0, 0, m->label);
    put(m, "/images/predicted", H5T_NATIVE_INT32, 1, 0, 0, m->predicted);
    put(m, "/images/status", H5T_NATIVE_UINT8, 1, 0, 0, m->status);
    if (m->o->extras)
        put(m, "/images/identity_error", H5T_NATIVE_FLOAT, 1, 0, 0, identity);
    if (m->o->shortcuts)
        put(m, "/images/shortcut_area", H5T_NATIVE_FLOAT, 1, 0, 0, area);
    H5Tclose(type);
    free(id);
    free(area);
    free(identity);
}

static void make_maps(struct maker *m, const char *at)
{
    size_t n = m->o->images, g = (size_t)m->o->grid;
    char path[256];
    float *map = calloc(n * g * g, sizeof *map);
    uint8_t *flag = calloc(n, 1);
    int32_t *tie = calloc(n, sizeof *tie);
    for (size_t i = 0; i < n; i++) {
        flag[i] = uniform(m) < 0.02;
        tie[i] = 500 + (int32_t)(100 * uniform(m));
        for (size_t p = 0; p < g * g; p++)
            map[i * g * g + p] = flag[i] ? 0 : (float)uniform(m);
    }
    snprintf(path, sizeof path, "/explain/%s/map", at);
    put(m, path, H5T_NATIVE_FLOAT, 3, g, g, map);
    snprintf(path, sizeof path, "/explain/%s/constant", at);
    if (m->o->extras)
        put(m, path, H5T_NATIVE_UINT8, 1, 0, 0, flag);
    float *sum = calloc(n, sizeof *sum);
    for (size_t i = 0; i < n; i++)
        sum[i] = 1e-6f * (float)(i + 1);
    snprintf(path, sizeof path, "/explain/%s/sum_error", at);
    if (m->o->extras && strncmp(at, "attribution/", strlen("attribution/")) == 0)
        put(m, path, H5T_NATIVE_FLOAT, 1, 0, 0, sum);
    free(sum);
    snprintf(path, sizeof path, "/explain/%s/largest_tie", at);
    if (m->o->extras)
        put(m, path, H5T_NATIVE_INT32, 1, 0, 0, tie);
    free(map);
    free(flag);
    free(tie);
}

/* A probability that falls from `start`, faster where more informative pixels go first. */
static void make_curve(struct maker *m, const char *at, const char *direction, double speed)
{
    size_t n = m->o->images;
    char path[256];
    uint8_t *hit = calloc(n * POINTS, 1);
    float *prob = calloc(n * POINTS, sizeof *prob);
    int32_t *predicted = calloc(n * POINTS, sizeof *predicted);
    for (size_t i = 0; i < n; i++) {
        double falls_at = speed * (0.3 + 1.2 * uniform(m)); /* when the label is lost */
        for (size_t k = 0; k < POINTS; k++) {
            bool right = m->label[i] >= 0 && m->predicted[i] == m->label[i];
            bool kept = k == 0 ? right : (right || uniform(m) < 0.05) && 0.1 * (double)k < falls_at;
            int32_t other = (m->label[i] + 1 + (int32_t)k) % CLASSES;
            hit[i * POINTS + k] = kept;
            predicted[i * POINTS + k] = k == 0 ? m->predicted[i] : (kept ? m->label[i] : other);
            prob[i * POINTS + k] = (float)((kept ? 0.8 : 0.1) * exp(-0.1 * (double)k / speed));
        }
    }
    snprintf(path, sizeof path, "/perturbation/%s/%s/hit", at, direction);
    put(m, path, H5T_NATIVE_UINT8, 2, POINTS, 0, hit);
    snprintf(path, sizeof path, "/perturbation/%s/%s/prob", at, direction);
    put(m, path, H5T_NATIVE_FLOAT, 2, POINTS, 0, prob);
    snprintf(path, sizeof path, "/perturbation/%s/%s/predicted", at, direction);
    put(m, path, H5T_NATIVE_INT32, 2, POINTS, 0, predicted);
    free(hit);
    free(prob);
    free(predicted);
}

static void make_scores(struct maker *m, const char *at, double skill)
{
    size_t n = m->o->images;
    char path[256];
    int32_t *correct = calloc(n, 4), *labelled = calloc(n, 4), *inter = calloc(n, 8),
            *united = calloc(n, 8);
    float *ap = calloc(n, sizeof *ap);
    for (size_t i = 0; i < n; i++) {
        int32_t pixels = SIDE * SIDE - m->o->void_pixels;
        int32_t fore = (int32_t)(pixels * (0.1 + 0.5 * uniform(m)));
        int32_t missed = (int32_t)(fore * (1 - skill) * uniform(m));
        int32_t extra = (int32_t)((pixels - fore) * (1 - skill) * uniform(m));
        correct[i] = pixels - missed - extra;
        labelled[i] = pixels;
        inter[2 * i] = pixels - fore - extra;
        united[2 * i] = pixels - fore + missed;
        inter[2 * i + 1] = fore - missed;
        united[2 * i + 1] = fore + extra;
        ap[i] = pixels > 0 ? (float)(skill + (1 - skill) * uniform(m) * 0.8) : NAN;
    }
    const struct {
        const char *name;
        const int32_t *data;
        int rank;
    } counts[] = { { "correct", correct, 1 },
                   { "labelled", labelled, 1 },
                   { "intersection", inter, 2 },
                   { "union", united, 2 } };
    for (int c = 0; c < 4; c++) {
        snprintf(path, sizeof path, "/segmentation/%s/%s", at, counts[c].name);
        put(m, path, H5T_NATIVE_INT32, counts[c].rank, 2, 0, counts[c].data);
    }
    snprintf(path, sizeof path, "/segmentation/%s/ap", at);
    put(m, path, H5T_NATIVE_FLOAT, 1, 0, 0, ap);
    free(correct);
    free(labelled);
    free(inter);
    free(united);
    free(ap);
}

static void make_shares(struct maker *m, const char *at, double skill)
{
    char path[256];
    float *share = calloc(m->o->images, sizeof *share);
    for (size_t i = 0; i < m->o->images; i++)
        share[i] = uniform(m) < 0.05 ? NAN : (float)(skill * uniform(m));
    snprintf(path, sizeof path, "/segmentation/%s/shortcut_share", at);
    put(m, path, H5T_NATIVE_FLOAT, 1, 0, 0, share);
    free(share);
}

/* A class-agnostic method's target is a hard link to its predicted. */
static void link_target(struct maker *m, const char *top, const char *method)
{
    char from[256], to[256];
    snprintf(from, sizeof from, "/%s/%s/predicted", top, method);
    snprintf(to, sizeof to, "/%s/%s/target", top, method);
    m->failed |= H5Lcreate_hard(m->file, from, m->file, to, H5P_DEFAULT, H5P_DEFAULT) < 0;
}

static void make_method(struct maker *m, const char *method, int index)
{
    bool by_class = strcmp(method, "attribution") == 0;
    for (int c = 0; c < (by_class && m->o->labels ? 2 : 1); c++) {
        char at[128];
        snprintf(at, sizeof at, "%s/%s", method, c == 0 ? "predicted" : "target");
        make_maps(m, at);
        if (m->o->perturbation) {
            make_curve(m, at, "positive", fmax(0.55 - 0.1 * index - 0.03 * c, 0.02));
            make_curve(m, at, "negative", 0.9 + 0.12 * index + 0.03 * c);
        }
        if (m->o->segmentation)
            make_scores(m, at, fmin(0.3 + 0.15 * index, 1));
        if (m->o->segmentation && m->o->shortcuts)
            make_shares(m, at, fmin(0.3 + 0.15 * index, 1));
    }
    if (by_class || !m->o->labels)
        return;
    link_target(m, "explain", method);
    if (m->o->perturbation)
        link_target(m, "perturbation", method);
    if (m->o->segmentation)
        link_target(m, "segmentation", method);
}

int make_result_file(const char *path, const struct make_result *o)
{
    struct maker m = { .o = o, .state = o->seed * 2654435761u + 99 };
    size_t n = o->images;
    char method[64];
    int length = 0;

    m.file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    if (m.file < 0)
        return -1;
    m.label = calloc(n, sizeof *m.label);
    m.predicted = calloc(n, sizeof *m.predicted);
    m.status = calloc(n, 1);
    put_attributes(&m);
    make_images(&m);
    const char *rest = o->methods;
    for (int index = 0; sscanf(rest, "%63s%n", method, &length) == 1; index++, rest += length)
        make_method(&m, method, strcmp(method, "random") == 0 ? 0 : index);
    free(m.label);
    free(m.predicted);
    free(m.status);
    H5Fclose(m.file);
    return m.failed ? -1 : 0;
}
