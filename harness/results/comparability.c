#include "comparability.h"

#include <ini.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

/* Values under which a key leaves the published setting alone. */
static const struct {
    const char *section, *name;
    const char *same[3];
    bool variant; /* an ablation that has published figures of its own */
} plain[] = {
    { "explain", "aggregate", { "protocol", "mean" }, true },
    { "explain", "discard", { "0", "0.0" }, true },
    { "explain", "negatives", { "protocol", "clamp" }, true },
    { "explain", "precision", { "auto", "double" }, false },
    { "explain", "ties", { "index" }, false },
    { "explain", "start_layer", { "protocol" }, false },
    { "explain", "own_decay", { "protocol" }, false },
    { "explain", "diagonal", { "protocol" }, false },
    { "explain", "full_matrix", { "protocol" }, false },
    { "explain", "row_norm", { "protocol" }, false },
    { "explain", "gated_gradient", { "protocol" }, false },
    { "explain", "minmax", { "protocol" }, false },
    { "explain", "randomise_layers", { "off" }, false },
    { "task", "fill", { "black" }, false },
};

static int on_key(void *context, const char *section, const char *name, const char *value)
{
    struct comparability *s = context;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strcmp(section, plain[i].section) != 0 || strcmp(name, plain[i].name) != 0)
            continue;
        for (int k = 0; k < 3 && plain[i].same[k]; k++)
            if (strcmp(value, plain[i].same[k]) == 0)
                return 1;
        if (plain[i].variant && s->variant[0] == '\0')
            snprintf(s->variant, sizeof s->variant, "%s=%s", name, value);
        else
            add_reason(s, "%s.%s = %s", section, name, value);
    }
    return 1;
}

/* --- data and weights ------------------------------------------------------------------------ */

static void judge_data(const struct result *r, const struct published *p, const char *kind,
                       size_t images, struct comparability *s)
{
    bool segmentation = strcmp(kind, "segmentation") == 0;
    const char *want = segmentation ? "imagenet_seg" : "imagenet";
    const char *have = r->attribute[ATTR_DATASET];
    /* ImageNet validation comes as a folder, a tar or a list: imagenet, imagenet_tar, ... */
    bool is_seg = strcmp(have, "imagenet_seg") == 0;
    if (is_seg != segmentation || strncmp(have, "imagenet", 8) != 0) {
        s->comparable = false;
        add_reason(s, "the data set is %s, not %s", have,
                   segmentation ? "ImageNet-Segmentation" : "ImageNet validation");
        return;
    }
    const struct published_entry *set = published_find(p, "dataset", want, "", "");
    if (set && (double)images != set->images)
        add_reason(s, "%zu of %.0f images", images, set->images);
    if (strcmp(r->attribute[ATTR_PREPROCESS], "stretch") != 0)
        add_reason(s, "preprocess = %s, not stretch", r->attribute[ATTR_PREPROCESS]);
}

static void judge_weights(const struct result *r, const struct published *p, double top1,
                          struct comparability *s)
{
    const char *name = r->attribute[ATTR_CHECKPOINT], *hash = r->attribute[ATTR_CHECKPOINT_SHA256];
    const struct published_entry *m = published_find(p, "model", r->attribute[ATTR_ARCH], "", "");
    if (!m)
        return;
    /* Another preprocessing costs a few points, a subset a few more; half means other weights. */
    if (!isnan(top1) && top1 < m->top1 / 2) {
        s->comparable = false;
        add_reason(s, "top-1 is %.1f %% where the released weights reach %.1f %%: other weights",
                   top1, m->top1);
    } else if (m->sha256[0]) {
        if (strncmp(hash, m->sha256, strlen(m->sha256)) != 0)
            add_reason(s,
                       "the checkpoint's hash does not begin with %s as the released file's does",
                       m->sha256);
    } else if (m->file[0] && !strstr(name, m->file)) {
        add_reason(s, "the checkpoint is not known by its name as the released %s", m->file);
    }
}

static bool anything_published(const struct published *p, const char *kind, const char *arch)
{
    for (size_t i = 0; i < p->entries; i++)
        if (strcmp(p->entry[i].kind, kind) == 0 && strcmp(p->entry[i].name, arch) == 0)
            return true;
    return false;
}

void comparability_judge(const struct result *r, const struct published *p, const char *kind,
                         size_t images, double top1, struct comparability *out)
{
    const char *arch = r->attribute[ATTR_ARCH];

    *out = (struct comparability){ .comparable = true };
    if (!anything_published(p, kind, arch)) {
        out->comparable = false;
        add_reason(out, "nothing was published for %s", *arch ? arch : "this model");
        return;
    }
    judge_data(r, p, kind, images, out);
    judge_weights(r, p, top1, out);
    if (strcmp(r->attribute[ATTR_PROTOCOL], "released") != 0)
        add_reason(out, "protocol = %s: the published figures come from the released code",
                   r->attribute[ATTR_PROTOCOL]);
    if (!r->complete)
        add_reason(out, "the run is not complete");
    if (ini_parse_string(r->attribute[ATTR_CONFIG], on_key, out) != 0)
        add_reason(out, "the stored config cannot be read");
}
