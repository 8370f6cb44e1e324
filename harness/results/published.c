#include "published.h"

#include <ini.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "open_file.h"
#include "published_paths.h"

static const char *const files[] = { "models.ini", "perturbation.ini", "segmentation.ini" };

/* The folder of an installation, located relative to the running program, so that an installed tree
 * may be moved or lie in a package's DESTDIR. NULL: there is none. */
static const char *beside_program(char *path, size_t size)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return NULL;
    program[length] = '\0';
    *strrchr(program, '/') = '\0';
    int n = snprintf(path, size, "%s/%s", program, PUBLISHED_BESIDE);
    return n < (int)size && access(path, R_OK) == 0 ? path : NULL;
}

const char *published_directory(char path[PUBLISHED_PATH])
{
    const char *set = getenv("EVALH_PUBLISHED");
    if (set && *set)
        return set;
    if (beside_program(path, PUBLISHED_PATH))
        return path;
    return access(PUBLISHED_INSTALLED, R_OK) == 0 ? PUBLISHED_INSTALLED : PUBLISHED_SOURCE;
}

/* --- parsing --------------------------------------------------------------------------------- */

struct parsing {
    struct published *to;
    char section[64]; /* of the last entry */
    char problem[256];
};

static int refuse(struct parsing *p, const char *what, const char *about)
{
    snprintf(p->problem, sizeof p->problem, "%s: '%.80s'", what, about);
    return 0;
}

/* "KIND NAME [METHOD [VARIANT]]". Widths are one less than the arrays of published_entry. */
static int start_entry(struct parsing *p, const char *section)
{
    struct published *to = p->to;
    struct published_entry *grown = realloc(to->entry, (to->entries + 1) * sizeof *grown);
    if (!grown)
        return refuse(p, "no memory for", section);
    to->entry = grown;
    struct published_entry *e = &grown[to->entries];
    *e = (struct published_entry){ .positive = NAN,
                                   .negative = NAN,
                                   .pixel_accuracy = NAN,
                                   .map = NAN,
                                   .miou = NAN,
                                   .top1 = NAN,
                                   .images = NAN,
                                   .bytes = NAN,
                                   .image_size = NAN,
                                   .heads = NAN };
    int length = 0, fields = sscanf(section, "%15s %31s %31s %31s%n", e->kind, e->name, e->method,
                                    e->variant, &length);
    int score = strcmp(e->kind, "perturbation") == 0 || strcmp(e->kind, "segmentation") == 0;
    int about = strcmp(e->kind, "model") == 0 || strcmp(e->kind, "dataset") == 0;
    if ((!score && !about) || fields < (score ? 3 : 2) || (about && fields > 2) ||
        (fields == 4 && section[length] != '\0'))
        return refuse(p,
                      "a section is [model ARCH], [dataset KIND], [perturbation ARCH METHOD] or "
                      "[segmentation ARCH METHOD [KEY=VALUE]]",
                      section);
    snprintf(p->section, sizeof p->section, "%s", section);
    to->entries++;
    return 1;
}

static int set_number(struct parsing *p, double *to, const char *value)
{
    char *end;
    *to = strtod(value, &end);
    return *value && !*end && isfinite(*to) ? 1 : refuse(p, "a number is expected", value);
}

static int set_text(struct parsing *p, char *to, size_t size, const char *value)
{
    int length = snprintf(to, size, "%s", value);
    return length > 0 && (size_t)length < size ? 1 : refuse(p, "empty or too long", value);
}

static int on_key(void *context, const char *section, const char *name, const char *value)
{
    struct parsing *p = context;
    if (strcmp(section, p->section) != 0 && !start_entry(p, section))
        return 0;
    struct published_entry *e = &p->to->entry[p->to->entries - 1];
    const struct {
        const char *name;
        double *to;
    } numbers[] = {
        { "positive", &e->positive },
        { "negative", &e->negative },
        { "pixel_accuracy", &e->pixel_accuracy },
        { "map", &e->map },
        { "miou", &e->miou },
        { "top1", &e->top1 },
        { "images", &e->images },
        { "bytes", &e->bytes },
        { "image_size", &e->image_size },
        { "heads", &e->heads },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(name, numbers[i].name) == 0)
            return set_number(p, numbers[i].to, value);
    const struct {
        const char *name;
        char *to;
        size_t size;
    } texts[] = {
        { "file", e->file, sizeof e->file },
        { "sha256", e->sha256, sizeof e->sha256 },
        { "arch", e->arch, sizeof e->arch },
        { "norm", e->norm, sizeof e->norm },
        { "resize", e->resize, sizeof e->resize },
        { "fingerprint", e->fingerprint, sizeof e->fingerprint },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(name, texts[i].name) == 0)
            return set_text(p, texts[i].to, texts[i].size, value);
    if (strcmp(name, "table") == 0) {
        double number;
        int good = set_number(p, &number, value);
        e->table = good ? (int)number : 0;
        return good;
    }
    return refuse(p, "unknown key", name);
}

enum status published_load(const char *directory, struct published *out, struct error *err)
{
    *out = (struct published){ 0 };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct parsing p = { .to = out };
        char path[4096];
        if (snprintf(path, sizeof path, "%s/%s", directory, files[i]) >= (int)sizeof path) {
            published_free(out);
            return fail(err, E_CONFIG, "%.100s...: the path is too long", directory);
        }
        FILE *f;
        enum status status = open_file(
            path, "a table of published figures (EVALH_PUBLISHED names another folder)", &f, err);
        int line = status == OK ? ini_parse_file(f, on_key, &p) : 0;
        if (status == OK)
            fclose(f);
        if (status == OK && line == 0)
            continue;
        published_free(out);
        TRY(status);
        return fail(err, E_CONFIG, "%s:%d: %s", path, line,
                    *p.problem ? p.problem : "neither [section] nor key = value");
    }
    return OK;
}

void published_free(struct published *p)
{
    free(p->entry);
    *p = (struct published){ 0 };
}

const struct published_entry *published_find(const struct published *p, const char *kind,
                                             const char *name, const char *method,
                                             const char *variant)
{
    for (size_t i = 0; i < p->entries; i++) {
        const struct published_entry *e = &p->entry[i];
        if (strcmp(e->kind, kind) == 0 && strcmp(e->name, name) == 0 &&
            strcmp(e->method, method) == 0 && strcmp(e->variant, variant) == 0)
            return e;
    }
    return NULL;
}

const struct published_entry *published_weights(const struct published *p, const char *sha256,
                                                const char *file, enum weights_known *how)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    *how = WEIGHTS_UNKNOWN;
    for (size_t i = 0; i < p->entries; i++) {
        const struct published_entry *e = &p->entry[i];
        bool model = strcmp(e->kind, "model") == 0;
        if (model && e->sha256[0] && strncmp(sha256, e->sha256, strlen(e->sha256)) == 0)
            *how = WEIGHTS_BY_HASH;
        else if (model && !e->sha256[0] && e->file[0] && strstr(name, e->file))
            *how = WEIGHTS_BY_NAME;
        else
            continue;
        return e;
    }
    return NULL;
}

void published_title(const struct published_entry *entry, enum weights_known how, const char *arch,
                     int width, int depth, char *out, size_t size)
{
    if (entry == NULL)
        snprintf(out, size, "%s, width %d, %d layers, weights unknown", arch, width, depth);
    else
        snprintf(out, size, "%s, known by %s", entry->name,
                 how == WEIGHTS_BY_HASH ? "its hash" : "its file's name alone");
}

/* Percentage points that the tests' own preprocessing may cost beside the published accuracy's. */
enum { PREPROCESSING_COST = 10 };

double published_top1(const struct published_entry *known, const char *dataset_kind, bool eval)
{
    bool imagenet =
        strncmp(dataset_kind, "imagenet", 8) == 0 && strcmp(dataset_kind, "imagenet_seg") != 0;
    if (known == NULL || !imagenet || !(known->top1 > 0))
        return NAN;
    return known->top1 - (eval ? 0 : PREPROCESSING_COST);
}
