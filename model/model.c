#include "model.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "quote.h"
#include "randomise.h"

/* The published model of this name, with ImageNet's 1,000 classes; false: there is none. */
static bool find_published(const char *name, struct geometry *g, const struct arch_type **type)
{
    for (int i = 0; arch_types[i] != NULL; i++)
        for (const struct published_model *p = arch_types[i]->published;
             p != NULL && p->name != NULL; p++) {
            if (strcmp(p->name, name) != 0)
                continue;
            *g = p->geo;
            g->grid = (g->image_size - g->patch) / g->stride + 1;
            g->tokens = g->grid * g->grid + 1;
            g->classes = 1000;
            g->others = 1;
            arch_types[i]->complete(g);
            g->other_at[0] = g->cls_at;
            *type = arch_types[i];
            return true;
        }
    return false;
}

static void print_shape(char *to, size_t room, const int64_t *shape, int ndim)
{
    size_t used = (size_t)snprintf(to, room, "[");
    for (int i = 0; i < ndim && used < room; i++)
        used += (size_t)snprintf(to + used, room - used, i == 0 ? "%lld" : ", %lld",
                                 (long long)shape[i]);
    if (used < room)
        snprintf(to + used, room - used, "]");
}

static enum status check_tensor(const struct checkpoint *ck, const struct tensor_spec *spec,
                                const char *arch, struct error *err)
{
    const struct tensor *t = checkpoint_find(ck, spec->name);
    char want[100], have[200];
    print_shape(want, sizeof want, spec->shape, spec->ndim);
    if (t == NULL)
        return fail(err, E_DATA, "%s: tensor '%s' %s is missing from this %s checkpoint", ck->path,
                    spec->name, want, arch);
    bool same = t->ndim == spec->ndim;
    for (int i = 0; same && i < t->ndim; i++)
        same = t->shape[i] == spec->shape[i];
    if (same)
        return OK;
    print_shape(have, sizeof have, t->shape, t->ndim);
    return fail(err, E_DATA,
                "%s: tensor '%s' has shape %s, but the other tensors of this %s ask "
                "for %s",
                ck->path, spec->name, have, arch, want);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor_spec *)a)->name, ((const struct tensor_spec *)b)->name);
}

/* Whether a tensor is a counter of the training code: a single whole number (num_batches_tracked,
 * n_averaged). */
static bool is_counter(const struct tensor *t)
{
    return t->ndim == 0 && t->whole;
}

static bool is_listed(const struct tensor_list *list, const char *name)
{
    struct tensor_spec key;
    if (strlen(name) >= sizeof key.name)
        return false;
    snprintf(key.name, sizeof key.name, "%s", name);
    return bsearch(&key, list->specs, list->count, sizeof key, by_name) != NULL;
}

/* Checks that all tensors are there with their shapes, and no others; counters are ignored.
 */
static enum status account(struct checkpoint *ck, const struct arch_type *type,
                           const struct geometry *geo, struct notes *notes, struct error *err)
{
    struct tensor_list list = { 0 };
    type->list_tensors(geo, &list);
    enum status s = OK;
    if (list.out_of_memory)
        s = fail(err, E_NOMEM, "%s: out of memory while checking tensors", ck->path);
    for (size_t i = 0; i < list.count && s == OK; i++)
        s = check_tensor(ck, &list.specs[i], type->name, err);
    if (s == OK)
        qsort(list.specs, list.count, sizeof *list.specs, by_name);
    for (size_t i = ck->count; s == OK && i-- > 0;) {
        const struct tensor *t = &ck->tensors[i];
        if (is_listed(&list, t->name))
            continue;
        if (is_counter(t)) {
            note(notes, "left out: %s, a counter", quote(t->name).text);
            checkpoint_remove(ck, t);
            continue;
        }
        s = fail(err, E_DATA, "%s: tensor '%s' is left over: a %s of depth %d has no such tensor",
                 ck->path, quote(t->name).text, type->name, geo->depth);
    }
    free(list.specs);
    return s;
}

static const struct arch_type *recognise(const struct checkpoint *ck)
{
    for (int i = 0; arch_types[i] != NULL; i++)
        for (const char *const *mark = arch_types[i]->tensors.marks; *mark != NULL; mark++)
            if (checkpoint_find(ck, *mark) != NULL)
                return arch_types[i];
    return NULL;
}

static enum status not_recognised(const struct checkpoint *ck, struct error *err)
{
    char marks[400] = "";
    for (size_t i = 0, used = 0; arch_types[i] != NULL && used < sizeof marks; i++)
        used += (size_t)snprintf(marks + used, sizeof marks - used, "%sa %s ('%s')",
                                 i == 0              ? ""
                                 : arch_types[i + 1] ? ", "
                                                     : " nor ",
                                 arch_types[i]->title, arch_types[i]->tensors.marks[0]);
    return fail(err, E_DATA, "%s: neither %s: no such tensor among its %zu", ck->path, marks,
                ck->count);
}

static int size_at(const struct geometry *g, size_t offset)
{
    return *(const int *)(const void *)((const char *)g + offset);
}

/* Finds the first size in which two geometries of an architecture differ: its name and both values,
 * or NULL. */
static const char *first_difference(const struct arch_type *type, const struct geometry *a,
                                    const struct geometry *b, int values[2])
{
    static const struct own_size common[] = {
        { "image size", offsetof(struct geometry, image_size) },
        { "patch", offsetof(struct geometry, patch) },
        { "stride", offsetof(struct geometry, stride) },
        { "width", offsetof(struct geometry, width) },
        { "depth", offsetof(struct geometry, depth) },
        { NULL, 0 },
    };
    const struct own_size *const lists[] = { common, type->own_sizes };
    for (int k = 0; k < 2; k++)
        for (const struct own_size *o = lists[k]; o != NULL && o->word != NULL; o++) {
            values[0] = size_at(a, o->offset);
            values[1] = size_at(b, o->offset);
            if (values[0] != values[1])
                return o->word;
        }
    return NULL;
}

static enum status check_published(const struct model *m, const char *name, struct error *err)
{
    const struct arch_type *type;
    struct geometry want;
    int values[2];
    if (!find_published(name, &want, &type))
        return OK;
    const char *what = first_difference(type, &want, &m->geo, values);
    if (what == NULL)
        return OK;
    return fail_key(err, E_CONFIG, "model.arch",
                    "%s: %s has %s %d, this checkpoint %d; use arch = %s to "
                    "take the geometry from the checkpoint",
                    m->checkpoint->path, name, what, values[0], values[1], m->arch);
}

const char *model_title(const struct model *m)
{
    return m->type->title;
}

const char *model_tokens(const struct model *m, char *text, size_t size)
{
    const struct geometry *g = &m->geo;
    int more = g->others - (g->cls_at >= 0);
    char cls[40] = "no CLS", rest[60] = "";
    if (g->cls_at >= 0)
        snprintf(cls, sizeof cls, "CLS at %d", g->cls_at);
    if (more > 0)
        snprintf(rest, sizeof rest, ", %d more that %s no patch%s", more, more == 1 ? "is" : "are",
                 more == 1 ? "" : "es");
    snprintf(text, size, "%d tokens (%s%s)", g->tokens, cls, rest);
    return text;
}

const char *model_describe(const struct model *m, bool all, char *text, size_t size)
{
    text[0] = '\0';
    m->type->describe(&m->geo, all, text, size);
    return text;
}

/* The architecture that the option asks for, NULL for any. */
static enum status wanted_arch(const struct model_options *o, const struct arch_type **wanted,
                               struct error *err)
{
    char names[400] = "";
    size_t used = 0;
    struct geometry g;
    *wanted = NULL;
    if (o->arch == NULL || o->arch[0] == '\0' || find_published(o->arch, &g, wanted))
        return OK;
    for (int i = 0; arch_types[i] != NULL; i++) {
        const struct arch_type *t = arch_types[i];
        if (strcmp(o->arch, t->name) == 0)
            *wanted = t;
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                                     t->name);
        for (const struct published_model *p = t->published; p != NULL && p->name != NULL; p++)
            if (used < sizeof names)
                used += (size_t)snprintf(names + used, sizeof names - used, ", %s", p->name);
    }
    if (*wanted == NULL)
        return fail_key(err, E_CONFIG, "model.arch", "'%s' is not known; choose one of %s", o->arch,
                        names);
    return OK;
}

static enum status fill_model(struct model *m, const struct model_options *o, struct error *err)
{
    struct checkpoint *ck = m->checkpoint;
    const struct arch_type *wanted;
    TRY(wanted_arch(o, &wanted, err));
    TRY(names_strip_prefix(ck, o, &m->notes, err));
    TRY(names_refuse_families(ck, err));
    TRY(names_unwrap_head(ck, &m->notes, err));
    m->type = recognise(ck);
    if (m->type == NULL)
        return not_recognised(ck, err);
    m->arch = m->type->name;
    if (wanted != NULL && wanted != m->type)
        return fail_key(err, E_CONFIG, "model.arch",
                        "%s: %s asks for a %s, but this checkpoint is a %s", ck->path, o->arch,
                        wanted->name, m->arch);
    if (m->type->adopt != NULL)
        TRY(m->type->adopt(ck, o, &m->geo, &m->notes, err));
    TRY(m->type->read_geometry(ck, o, &m->geo, &m->notes, err));
    TRY(account(ck, m->type, &m->geo, &m->notes, err));
    if (o->arch != NULL)
        TRY(check_published(m, o->arch, err));
    for (size_t i = 0; i < ck->count; i++)
        m->parameters += ck->tensors[i].count;
    if (m->notes.out_of_memory)
        return fail(err, E_NOMEM, "out of memory");
    return OK;
}

enum status model_open(struct checkpoint *ck, const struct model_options *o, struct model **out,
                       struct error *err)
{
    struct model *m = calloc(1, sizeof *m);
    if (m == NULL) {
        checkpoint_close(ck);
        return fail(err, E_NOMEM, "out of memory");
    }
    m->checkpoint = ck;
    notes_copy(&m->notes, &ck->notes);
    enum status s = fill_model(m, o, err);
    return OPENED(s, m, model_close, out);
}

void model_close(struct model *m)
{
    if (m == NULL)
        return;
    checkpoint_close(m->checkpoint);
    notes_free(&m->notes);
    free(m);
}

const char *model_published_name(int index)
{
    for (int i = 0; arch_types[i] != NULL; i++)
        for (const struct published_model *p = arch_types[i]->published;
             p != NULL && p->name != NULL; p++)
            if (index-- == 0)
                return p->name;
    return NULL;
}

static enum status no_such_geometry(const char *name, struct error *err)
{
    char names[300] = "";
    size_t used = 0;
    for (int i = 0; model_published_name(i) != NULL && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                                 model_published_name(i));
    return fail(err, E_CONFIG, "'%s' is no published geometry; those are %s", name, names);
}

enum status model_synthesise(const char *name, uint64_t seed, struct model **out, struct error *err)
{
    struct geometry g;
    const struct arch_type *type;
    if (!find_published(name, &g, &type))
        return no_such_geometry(name, err);
    struct checkpoint *ck = checkpoint_blank(type, &g);
    if (ck == NULL)
        return fail(err, E_NOMEM, "out of memory for a model like %s", name);
    uint64_t state = seed;
    for (size_t i = 0; i < ck->count; i++)
        tensor_initialise(type, &ck->tensors[i], &state);
    const struct model_options o = {
        .arch = name, .heads = g.heads, .image_size = g.image_size, .heads_if_any = true
    };
    return model_open(ck, &o, out, err);
}
