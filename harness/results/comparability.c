#include "comparability.h"

#include <ini.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "free_all.h"
#include "result_config.h"

static void add_reason(struct comparability *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_reason(struct comparability *s, const char *format, ...)
{
    size_t at = strlen(s->why);
    if (at > 0 && at + 3 < sizeof s->why)
        at += (size_t)snprintf(s->why + at, sizeof s->why - at, "; ");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s->why + at, sizeof s->why - at, format, arguments);
    va_end(arguments);
}

/* --- the config ------------------------------------------------------------------------------ */

/* Every key that shapes results must have its default or a value that means the same. Exceptions
 * are the keys of key_scopes, and switches of [explain] whose value is what the protocol does or
 * has published figures of its own, as their rows say. */

#define NEVER "" /* judged elsewhere in this file, or no published figure can depend on it */

static const struct key_scope {
    const char *section, *name;
    const char *only; /* the one test, or preprocessing, whose figures the key can change */
} key_scopes[] = {
    /* the file has it as an attribute, or as the number of its images */
    { "run", "protocol", NEVER },
    { "run", "limit", NEVER },
    { "data", "kind", NEVER },
    { "data", "preprocess", NEVER },
    /* judge_geometry */
    { "model", "image_size", NEVER },
    { "model", "heads", NEVER },
    /* controls, and the order of ties, of which random is no published one */
    { "run", "seed", NEVER },
    { "explain", "randomise_layers", NEVER },
    /* which rows there are, not what stands in them */
    { "explain", "methods", NEVER },
    { "explain", "class", NEVER },
    { "task", "kind", NEVER },
    { "task", "directions", NEVER },
    /* the demo set alone, beside which nothing was published */
    { "data", "split", NEVER },
    { "data", "images", NEVER },
    { "data", "seed", NEVER },
    { "data", "size", NEVER },
    /* tests for which nothing was published */
    { "task", "groups", NEVER },
    { "task", "tiles", NEVER },
    { "task", "subsets", NEVER },
    { "task", "samples", NEVER },
    { "task", "radius", NEVER },
    { "task", "fill", "perturbation" },
    { "task", "steps", "perturbation" },
    { "task", "upto", "perturbation" },
    { "explain", "ties", "perturbation" },
    { "data", "mask_order", "segmentation" },
    { "data", "crop", "eval" },
    { "data", "interpolation", "eval" },
};

/* Values that say what is so of the published models or data in any case, in the form of the
 * switches' rows. */
static const struct explain_switch_info meanings[] = {
    { "model.eps", "0", "vim:1e-5 vit:1e-6", false },
    { "model.cls", "auto", "vim:middle", false },
    { "model.pool", "auto", "vit:cls", false },
    { "model.activation", "auto", "vit:gelu", false },
    { "data.mean", "imagenet", "0.485,0.456,0.406", false },
    { "data.std", "imagenet", "0.229,0.224,0.225", false },
    { "data.mask_order", "auto", "wh", false }, /* as MATLAB stores, which wrote gtsegs_ijcv.mat */
};

struct reading {
    struct comparability *to;
    const char *arch; /* of the published model; "": not a published one */
    const char *kind, *preprocess;
    const struct published *published;
};

static const struct config_key *find_key(const char *section, const char *name)
{
    for (size_t i = 0; i < config_key_count; i++)
        if (strcmp(config_keys[i].section, section) == 0 && strcmp(config_keys[i].name, name) == 0)
            return &config_keys[i];
    return NULL;
}

/* Whether a method whose maps come from a file has the name of one with published figures. */
static bool takes_published_place(const struct reading *r, const char *method)
{
    for (size_t i = 0; i < r->published->entries; i++)
        if (strcmp(r->published->entry[i].kind, r->kind) == 0 &&
            strcmp(r->published->entry[i].method, method) == 0)
            return true;
    return false;
}

static bool is_in_scope(const struct reading *r, const char *section, const char *name)
{
    if (strcmp(section, "maps") == 0)
        return takes_published_place(r, name);
    for (size_t i = 0; i < sizeof key_scopes / sizeof *key_scopes; i++) {
        const struct key_scope *s = &key_scopes[i];
        if (strcmp(section, s->section) == 0 && strcmp(name, s->name) == 0)
            return *s->only != '\0' &&
                   (strcmp(s->only, r->kind) == 0 || strcmp(s->only, r->preprocess) == 0);
    }
    return true;
}

/* A switch of [explain], or a row of `meanings`; NULL: neither. */
static const struct explain_switch_info *find_row(const char *section, const char *name)
{
    char full[80];
    for (int i = 0; strcmp(section, "explain") == 0 && i < EXPLAIN_SWITCH_COUNT; i++)
        if (strcmp(explain_switch_infos[i].key, name) == 0)
            return &explain_switch_infos[i];
    snprintf(full, sizeof full, "%s.%s", section, name);
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strcmp(meanings[i].key, full) == 0)
            return &meanings[i];
    return NULL;
}

/* As results/published/ writes a variant: 0.20 is 0.2 there. */
static void name_variant(struct comparability *s, const struct config_key *key, const char *value)
{
    if (key->type == KEY_REAL)
        snprintf(s->variant, sizeof s->variant, "%s=%.6g", key->name, strtod(value, NULL));
    else
        snprintf(s->variant, sizeof s->variant, "%s=%s", key->name, value);
}

static int on_key(void *context, const char *section, const char *name, const char *value)
{
    const struct reading *r = context;
    struct comparability *s = r->to;
    const struct config_key *key = find_key(section, name);
    const struct explain_switch_info *info = find_row(section, name);
    bool is_default =
        key != NULL && key->initial != NULL && explain_same_value(key->initial, value);
    if ((key != NULL && key->shapes_result == KEY_SHAPES_NOTHING) || is_default ||
        !is_in_scope(r, section, name) ||
        (info != NULL && explain_switch_published(info, value, r->arch)))
        return 1;
    if (key != NULL && info != NULL && info->ablation && s->variant[0] == '\0')
        name_variant(s, key, value);
    else
        add_reason(s, "%s.%s = %s", section, name, value);
    return 1;
}

/* A number of the geometry that the config or the file says, beside the published model's own. */
static void judge_number(const char *key, double have, double own, struct comparability *s)
{
    if (have > 0 && isnan(own))
        add_reason(s, "%s = %.0f", key, have);
    else if (have > 0 && have != own)
        add_reason(s, "%s = %.0f, not %.0f", key, have, own);
}

/* m: the published model, or NULL. */
static void judge_geometry(const struct result *r, const struct published_entry *m,
                           struct comparability *s)
{
    char size[32], heads[32];
    result_config_value(r, "model", "image_size", size, sizeof size);
    result_config_value(r, "model", "heads", heads, sizeof heads);
    double set = strtod(size, NULL), side = r->image_size > 0 ? r->image_size : set; /* auto: 0 */
    if (m != NULL && (set > 0 || !isnan(m->image_size)))
        judge_number("model.image_size", side, m->image_size, s);
    if (m != NULL)
        judge_number("model.heads", strtod(heads, NULL), m->heads, s);
}

/* --- data and weights ------------------------------------------------------------------------ */

bool comparability_same_data(const struct result *r, const char *kind)
{
    /* ImageNet validation comes as a folder, a tar or a list: imagenet, imagenet_tar, ... */
    const char *have = r->attribute[ATTR_DATASET];
    bool is_segmentation = strcmp(have, "imagenet_seg") == 0;
    return strncmp(have, "imagenet", 8) == 0 &&
           is_segmentation == (strcmp(kind, "segmentation") == 0);
}

enum { VALIDATION_IMAGES = 50000, VALIDATION_CLASSES = 1000, IMAGES_A_CLASS = 50 };

/* The number in "n01440764/ILSVRC2012_val_00000293.JPEG", or 0. */
static long validation_number(const char *id)
{
    static const char stem[] = "ILSVRC2012_val_";
    const char *at = strstr(id, stem);
    char *end;
    if (at == NULL)
        return 0;
    long number = strtol(at + sizeof stem - 1, &end, 10);
    return end - at == (long)sizeof stem - 1 + 8 && number <= VALIDATION_IMAGES ? number : 0;
}

/* Whether the records are those of ImageNet's validation images, each once, 50 per class. No other
 * list of this many pictures has that form. */
static bool is_validation_set(const struct result *r)
{
    if (r->images != VALIDATION_IMAGES)
        return false;
    bool *seen = calloc(VALIDATION_IMAGES + 1, sizeof *seen);
    int *in_class = calloc(VALIDATION_CLASSES, sizeof *in_class);
    bool good = seen != NULL && in_class != NULL;
    for (size_t i = 0; good && i < r->images; i++) {
        long number = validation_number(r->id[i]);
        int32_t label = r->label[i];
        good = number > 0 && !seen[number] && label >= 0 && label < VALIDATION_CLASSES &&
               in_class[label]++ < IMAGES_A_CLASS;
        if (good)
            seen[number] = true;
    }
    FREE_ALL(seen, in_class);
    return good;
}

/* ImageNet-Segmentation is known by its fingerprint, which holds its file's size. */
static void judge_fingerprint(const struct result *r, const struct published_entry *set,
                              struct comparability *s)
{
    if (*set->fingerprint == '\0' || isnan(set->bytes))
        add_reason(s, "the data set is known by its count alone");
    else if (strcmp(r->attribute[ATTR_DATASET_FINGERPRINT], set->fingerprint) != 0)
        add_reason(s,
                   "the data set is known by its count alone: its fingerprint is not that of %s "
                   "(%.0f bytes)",
                   set->file, set->bytes);
}

static void judge_data(const struct result *r, const struct published *p, const char *kind,
                       size_t images, struct comparability *s)
{
    bool segmentation = strcmp(kind, "segmentation") == 0;
    if (!comparability_same_data(r, kind)) {
        s->comparable = false;
        add_reason(s, "the data set is %s, not %s", r->attribute[ATTR_DATASET],
                   segmentation ? "ImageNet-Segmentation" : "ImageNet validation");
        return;
    }
    const struct published_entry *set =
        published_find(p, "dataset", segmentation ? "imagenet_seg" : "imagenet", "", "");
    if (set && (double)images != set->images)
        add_reason(s, "%zu of %.0f images", images, set->images);
    else if (set && segmentation)
        judge_fingerprint(r, set, s);
    else if (!segmentation && !is_validation_set(r))
        add_reason(s, "the images are not named ILSVRC2012_val_00000001 to 00050000, 50 a class, "
                      "as those of ImageNet validation are");
    if (strcmp(r->attribute[ATTR_PREPROCESS], "stretch") != 0)
        add_reason(s, "preprocess = %s, not stretch", r->attribute[ATTR_PREPROCESS]);
}

static void judge_accuracy(const struct published_entry *m, double top1, size_t labelled,
                           struct comparability *s)
{
    double expected = published_top1(m, "imagenet", false) / 100, n = (double)labelled;
    double chance = 3 * sqrt(expected * (1 - expected) / fmax(n, 1)); /* 3 standard errors */
    if (isnan(top1) || top1 / 100 >= expected - chance)
        return;
    s->comparable = false;
    add_reason(s,
               "top-1 is %.1f %% where the released weights reach %.1f %%: other weights, or "
               "labels in another order",
               top1, m->top1);
}

static size_t count_labelled(const struct result *r)
{
    size_t count = 0;
    for (size_t i = 0; i < r->images; i++)
        count += r->status[i] == 0 && r->label[i] >= 0;
    return count;
}

/* Finds out which published model the checkpoint is, never by its shapes. */
static const struct published_entry *judge_weights(const struct result *r,
                                                   const struct published *p, double top1,
                                                   struct comparability *s)
{
    enum weights_known how;
    const struct published_entry *m = published_weights(p, r->attribute[ATTR_CHECKPOINT_SHA256],
                                                        r->attribute[ATTR_CHECKPOINT], &how);
    if (m == NULL) {
        s->comparable = false;
        add_reason(s, "the weights are none of the published ones (sha256 %.12s…)",
                   r->attribute[ATTR_CHECKPOINT_SHA256]);
        return NULL;
    }
    snprintf(s->model, sizeof s->model, "%s", m->name);
    if (how == WEIGHTS_BY_NAME && isnan(top1))
        add_reason(s, "the weights are known by the file's name alone");
    judge_accuracy(m, top1, count_labelled(r), s);
    return m;
}

static bool anything_published(const struct published *p, const char *kind, const char *model)
{
    for (size_t i = 0; i < p->entries; i++)
        if (strcmp(p->entry[i].kind, kind) == 0 && strcmp(p->entry[i].name, model) == 0)
            return true;
    return false;
}

void comparability_judge(const struct result *r, const struct published *p, const char *kind,
                         size_t images, double top1, struct comparability *out)
{
    *out = (struct comparability){ .comparable = true };
    const struct published_entry *m = judge_weights(r, p, top1, out);
    if (m != NULL && !anything_published(p, kind, m->name)) {
        out->comparable = false;
        add_reason(out, "nothing was published for %s", m->name);
    }
    judge_data(r, p, kind, images, out);
    if (strcmp(r->attribute[ATTR_PROTOCOL], "released") != 0)
        add_reason(out, "protocol = %s: the published figures come from the released code",
                   r->attribute[ATTR_PROTOCOL]);
    if (!r->complete)
        add_reason(out, "the run is not complete");
    judge_geometry(r, m, out);
    struct reading reading = { .to = out,
                               .arch = m != NULL ? m->arch : "",
                               .kind = kind,
                               .preprocess = r->attribute[ATTR_PREPROCESS],
                               .published = p };
    if (ini_parse_string(r->attribute[ATTR_CONFIG], on_key, &reading) != 0)
        add_reason(out, "the stored config cannot be read");
}
