#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quote.h"
#include "randomise.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor *)a)->name, ((const struct tensor *)b)->name);
}

void checkpoint_sort(struct checkpoint *ck)
{
    qsort(ck->tensors, ck->count, sizeof *ck->tensors, by_name);
}

void checkpoint_remove(struct checkpoint *ck, const struct tensor *t)
{
    if (t == NULL)
        return;
    size_t at = (size_t)(t - ck->tensors);
    free(ck->tensors[at].name);
    free(ck->tensors[at].data);
    memmove(&ck->tensors[at], &ck->tensors[at + 1], (ck->count - at - 1) * sizeof *ck->tensors);
    ck->count--;
}

bool tensor_rename(struct tensor *t, const char *name)
{
    char *copy = strdup(name);
    if (copy == NULL)
        return false;
    free(t->name);
    t->name = copy;
    return true;
}

bool checkpoint_add_zeros(struct checkpoint *ck, const char *name, int ndim, const int64_t *shape)
{
    struct tensor *grown = realloc(ck->tensors, (ck->count + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    ck->tensors = grown;
    struct tensor *t = &ck->tensors[ck->count];
    *t = (struct tensor){ .name = strdup(name), .ndim = ndim, .count = 1 };
    for (int i = 0; i < ndim; i++) {
        t->shape[i] = shape[i];
        t->count *= (size_t)shape[i];
    }
    t->data = calloc(t->count, sizeof *t->data);
    if (t->name == NULL || t->data == NULL) {
        free(t->name);
        free(t->data);
        return false;
    }
    ck->count++;
    return true;
}

enum status names_all_or_none(const struct checkpoint *ck, const char *prefix, int count,
                              const char *part, bool *all, struct error *err)
{
    int first_gap = -1, first_held = -1;
    char name[100];
    for (int i = count; i-- > 0;) {
        snprintf(name, sizeof name, "%s.%d.%s", prefix, i, part);
        *(checkpoint_find(ck, name) == NULL ? &first_gap : &first_held) = i;
    }
    *all = first_held >= 0;
    if (first_gap < 0 || first_held < 0)
        return OK;
    return fail(err, E_DATA,
                "%s: tensor '%s.%d.%s' is missing, and '%s.%d.%s' is there: all of them have it, "
                "or none",
                ck->path, prefix, first_gap, part, prefix, first_held, part);
}

/* ---- the prefix ---- */

/* The length of the prefix before a stem in this name; -1: the name is no stem's. */
static int prefix_of_stem(const char *name)
{
    for (int i = 0; arch_types[i] != NULL; i++)
        for (const char *const *stem = arch_types[i]->tensors.stems; stem != NULL && *stem != NULL;
             stem++) {
            if (!ends_with(name, *stem))
                continue;
            size_t n = strlen(name) - strlen(*stem);
            if (n == 0 || name[n - 1] == '.')
                return (int)n;
        }
    return -1;
}

/* The only stem, or the one of several that model.prefix names. NULL: there is none. */
static enum status find_stem(const struct checkpoint *ck, const char *wanted,
                             const struct tensor **out, struct error *err)
{
    size_t length = wanted != NULL ? strlen(wanted) : 0;
    const struct tensor *found = NULL, *second = NULL, *any = NULL;
    for (size_t i = 0; i < ck->count; i++) {
        const char *name = ck->tensors[i].name;
        int n = prefix_of_stem(name);
        if (n < 0)
            continue;
        any = &ck->tensors[i];
        /* "teacher" leads to teacher.backbone.patch_embed...; it may have led to a dict before */
        if (length > 0 && !(strncmp(name, wanted, length) == 0 &&
                            (name[length] == '.' || wanted[length - 1] == '.')))
            continue;
        second = found != NULL ? &ck->tensors[i] : second;
        found = found != NULL ? found : &ck->tensors[i];
    }
    *out = found != NULL ? found : any;
    if (second == NULL)
        return OK;
    return fail_key(
        err, E_DATA, "model.prefix",
        "%s: two models, at '%s' and '%s'; say which is meant, by what its names begin with",
        ck->path, quote(found->name).text, quote(second->name).text);
}

/* ---- the class head ---- */

/* What code calls it; the longer of two that begin alike first. */
static const char *const heads[] = {
    "heads.head", "heads",  "head",        "head_dist",      "classifier",
    "fc",         "linear", "linear_head", "cls_classifier", "distillation_classifier"
};
enum { HEADS = sizeof heads / sizeof *heads };

/* What follows the name of this head and a dot; NULL: another tensor. */
static const char *part_of(const char *name, const char *head)
{
    size_t n = strlen(head);
    return strncmp(name, head, n) == 0 && name[n] == '.' ? name + n + 1 : NULL;
}

/* A class head may lie beside the model for which it was made. */
static bool is_head(const char *name)
{
    for (int i = 0; i < HEADS; i++)
        if (part_of(name, heads[i]) != NULL)
            return true;
    return false;
}

/* The number of the only part of a head that has tensors, a weight and a bias; -1: it has others.
 * A batch norm without weights before it, as in MAE's probe, is *probe. */
static int only_part(const struct checkpoint *ck, const char *head, bool *probe)
{
    int only = -1;
    *probe = false;
    for (size_t i = 0; i < ck->count; i++) {
        const char *part = part_of(ck->tensors[i].name, head);
        int index = -1, used = 0;
        if (part == NULL)
            continue;
        if (strncmp(part, "0.running_", 10) == 0 || strcmp(part, "0.num_batches_tracked") == 0) {
            *probe = true;
            continue;
        }
        if (sscanf(part, "%3d.%n", &index, &used) != 1 || used == 0 || index < 0 ||
            (only >= 0 && index != only) ||
            (strcmp(part + used, "weight") != 0 && strcmp(part + used, "bias") != 0))
            return -1;
        only = index;
    }
    return only;
}

enum status names_unwrap_head(struct checkpoint *ck, struct notes *notes, struct error *err)
{
    for (int h = 0; h < HEADS; h++) {
        char from[80], to[80];
        bool probe;
        int only = only_part(ck, heads[h], &probe);
        if (only < 0 || (probe && only == 0))
            continue;
        for (int k = 0; k < 2; k++) {
            snprintf(from, sizeof from, "%s.%d.%s", heads[h], only, k == 0 ? "weight" : "bias");
            snprintf(to, sizeof to, "%s.%s", heads[h], k == 0 ? "weight" : "bias");
            struct tensor *t = (struct tensor *)(uintptr_t)checkpoint_find(ck, from);
            if (t != NULL && !tensor_rename(t, to))
                return fail(err, E_NOMEM, "out of memory");
            checkpoint_sort(ck);
        }
        if (!probe)
            note(notes,
                 "head: '%s.%d', as it alone of '%s' has tensors; that what stands beside it "
                 "(dropout?) changes nothing, no tensor says",
                 heads[h], only, heads[h]);
    }
    return OK;
}

enum status names_no_head(const struct checkpoint *ck, const char *without, struct error *err)
{
    for (size_t i = 0; i < ck->count; i++)
        if (is_head(ck->tensors[i].name))
            return fail(err, E_DATA,
                        "%s: a class head that is not one linear layer, which is not supported "
                        "(told by '%s'); 'head.weight' [classes, width] is due",
                        ck->path, quote(ck->tensors[i].name).text);
    return fail(err, E_DATA, "%s: %s: it classifies nothing", ck->path, without);
}

/* ---- the prefix, once more ---- */

enum status names_strip_prefix(struct checkpoint *ck, const struct model_options *o,
                               struct notes *notes, struct error *err)
{
    const struct tensor *stem;
    TRY(find_stem(ck, o->prefix, &stem, err));
    int n = stem != NULL ? prefix_of_stem(stem->name) : 0;
    if (n <= 0)
        return OK;
    char *prefix = strndup(stem->name, (size_t)n);
    if (prefix == NULL)
        return fail(err, E_NOMEM, "out of memory");
    size_t dropped = 0;
    bool chosen = o->prefix != NULL && o->prefix[0] != '\0';
    for (size_t i = ck->count; i-- > 0;) {
        char *name = ck->tensors[i].name;
        if (strncmp(name, prefix, (size_t)n) == 0 && name[n] != '\0') {
            memmove(name, name + n, strlen(name + n) + 1);
        } else if (chosen && !is_head(name)) {
            checkpoint_remove(ck, &ck->tensors[i]); /* the other model */
            dropped++;
        }
    }
    checkpoint_sort(ck);
    note(notes, "names: the model stands under '%s'%s", quote(prefix).text,
         dropped > 0 ? ", as model.prefix says; what is beside it was left out" : "");
    free(prefix);
    for (size_t i = 0; i + 1 < ck->count; i++)
        if (strcmp(ck->tensors[i].name, ck->tensors[i + 1].name) == 0)
            return fail(err, E_DATA, "%s: two tensors are called '%s' without their prefix",
                        ck->path, quote(ck->tensors[i].name).text);
    return OK;
}
