#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"

static const struct arch_type *const arch_types[] = { &vim_type, &vit_type, NULL };

/* Published architectures (SPEC 2): a name asks for this geometry. */
static const struct {
    const char *name, *arch;
    int image_size, patch, stride, width, depth, heads;
} published[] = {
    { "vim_tiny", "vim", 224, 16, 16, 192, 24, 0 },
    { "vim_small", "vim", 224, 16, 16, 384, 24, 0 },
    { "vim_base", "vim", 224, 16, 16, 768, 24, 0 },
    { "vim_tiny_s8", "vim", 224, 16, 8, 192, 24, 0 },
    { "vim_small_s8", "vim", 224, 16, 8, 384, 24, 0 },
    { "deit_tiny", "vit", 224, 16, 16, 192, 12, 3 },
    { "deit_small", "vit", 224, 16, 16, 384, 12, 6 },
    { "deit_base", "vit", 224, 16, 16, 768, 12, 12 },
};
enum { PUBLISHED_COUNT = sizeof published / sizeof published[0] };

const struct input_format input_imagenet = {
    .mean = { 0.485f, 0.456f, 0.406f },
    .std = { 0.229f, 0.224f, 0.225f },
};

void tensor_list_add(struct tensor_list *list, int64_t d0, int64_t d1, int64_t d2, int64_t d3,
                     const char *format, ...)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : 2 * list->room;
        void *grown = realloc(list->specs, room * sizeof *list->specs);
        if (grown == NULL) {
            list->out_of_memory = true;
            return;
        }
        list->specs = grown;
        list->room = room;
    }
    struct tensor_spec *s = &list->specs[list->count++];
    int64_t shape[4] = { d0, d1, d2, d3 };
    s->ndim = 0;
    while (s->ndim < 4 && shape[s->ndim] > 0) {
        s->shape[s->ndim] = shape[s->ndim];
        s->ndim++;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(s->name, sizeof s->name, format, args);
    va_end(args);
}

bool published_geometry(const char *name, struct geometry *g, const struct arch_type **type)
{
    for (int i = 0; i < PUBLISHED_COUNT; i++) {
        if (strcmp(published[i].name, name) != 0)
            continue;
        *g = (struct geometry){ .image_size = published[i].image_size,
                                .patch = published[i].patch,
                                .stride = published[i].stride,
                                .width = published[i].width,
                                .depth = published[i].depth,
                                .heads = published[i].heads,
                                .classes = 1000 };
        g->grid = (g->image_size - g->patch) / g->stride + 1;
        g->tokens = g->grid * g->grid + 1;
        *type = strcmp(published[i].arch, vim_type.name) == 0 ? &vim_type : &vit_type;
        if (*type == &vim_type) {
            g->inner = 2 * g->width;
            g->state = 16;
            g->taps = 4;
            g->rank = (g->width + 15) / 16;
        } else {
            g->mlp = 4 * g->width;
        }
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
    return fail(err, E_DATA, "%s: tensor '%s' has shape %s, but the other tensors of this %s ask "
                "for %s", ck->path, spec->name, have, arch, want);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tensor_spec *)a)->name, ((const struct tensor_spec *)b)->name);
}

/* Every tensor that should be there is, with its shape, and nothing else is. */
static enum status account(const struct checkpoint *ck, const struct arch_type *type,
                           const struct geometry *geo, struct error *err)
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
    for (size_t i = 0; i < ck->count && s == OK; i++) {
        struct tensor_spec key;
        snprintf(key.name, sizeof key.name, "%s", ck->tensors[i].name);
        if (strlen(ck->tensors[i].name) >= sizeof key.name ||
            bsearch(&key, list.specs, list.count, sizeof key, by_name) == NULL)
            s = fail(err, E_DATA, "%s: tensor '%s' is left over: a %s of depth %d has no such "
                     "tensor", ck->path, ck->tensors[i].name, type->name, geo->depth);
    }
    free(list.specs);
    return s;
}

static const struct arch_type *recognise(const struct checkpoint *ck)
{
    for (int i = 0; arch_types[i] != NULL; i++)
        if (checkpoint_find(ck, arch_types[i]->mark) != NULL)
            return arch_types[i];
    return NULL;
}

static enum status check_published(const struct model *m, const char *name, struct error *err)
{
    const struct geometry *g = &m->geo;
    for (int i = 0; i < PUBLISHED_COUNT; i++) {
        if (strcmp(published[i].name, name) != 0)
            continue;
        const struct {
            const char *what;
            int want, have;
        } checks[] = {
            { "image size", published[i].image_size, g->image_size },
            { "patch", published[i].patch, g->patch },
            { "stride", published[i].stride, g->stride },
            { "width", published[i].width, g->width },
            { "depth", published[i].depth, g->depth },
            { "heads", published[i].heads, g->heads },
        };
        for (size_t j = 0; j < sizeof checks / sizeof checks[0]; j++)
            if (checks[j].want != checks[j].have)
                return fail(err, E_CONFIG, "%s: model.arch = %s has %s %d, this checkpoint %d; use "
                            "arch = %s to take the geometry from the checkpoint",
                            m->checkpoint->path, name, checks[j].what, checks[j].want,
                            checks[j].have, m->arch);
    }
    return OK;
}

const char *model_name(const struct model *m)
{
    const struct geometry *g = &m->geo;
    for (int i = 0; i < PUBLISHED_COUNT; i++)
        if (strcmp(published[i].arch, m->arch) == 0 && published[i].image_size == g->image_size &&
            published[i].patch == g->patch && published[i].stride == g->stride &&
            published[i].width == g->width && published[i].depth == g->depth &&
            published[i].heads == g->heads)
            return published[i].name;
    return m->arch;
}

/* The family that the option asks for, NULL for any. */
static enum status wanted_family(const struct model_options *o, const char **family, char *names,
                                 size_t room, struct error *err)
{
    *family = NULL;
    if (o->arch == NULL || o->arch[0] == '\0')
        return OK;
    size_t used = 0;
    for (int i = 0; arch_types[i] != NULL; i++) {
        if (strcmp(o->arch, arch_types[i]->name) == 0)
            *family = arch_types[i]->name;
        used += (size_t)snprintf(names + used, room - used, "%s, ", arch_types[i]->name);
    }
    for (int i = 0; i < PUBLISHED_COUNT; i++) {
        if (strcmp(o->arch, published[i].name) == 0)
            *family = published[i].arch;
        used += (size_t)snprintf(names + used, room - used, "%s%s", published[i].name,
                                 i + 1 < PUBLISHED_COUNT ? ", " : "");
    }
    if (*family == NULL)
        return fail(err, E_CONFIG, "model.arch: '%s' is not known; choose one of %s", o->arch,
                    names);
    return OK;
}

static enum status fill_model(struct model *m, const struct model_options *o, struct error *err)
{
    const struct checkpoint *ck = m->checkpoint;
    char names[256];
    const char *family;
    TRY(wanted_family(o, &family, names, sizeof names, err));
    m->type = recognise(ck);
    if (m->type == NULL)
        return fail(err, E_DATA, "%s: neither a Vim ('%s') nor a ViT ('%s'): no such tensor among "
                    "its %zu", ck->path, vim_type.mark, vit_type.mark, ck->count);
    m->arch = m->type->name;
    if (family != NULL && strcmp(family, m->arch) != 0)
        return fail(err, E_CONFIG, "%s: model.arch = %s asks for a %s, but this checkpoint is a %s",
                    ck->path, o->arch, family, m->arch);
    TRY(m->type->read_geometry(ck, o, &m->geo, err));
    TRY(account(ck, m->type, &m->geo, err));
    if (o->arch != NULL)
        TRY(check_published(m, o->arch, err));
    for (size_t i = 0; i < ck->count; i++)
        m->parameters += ck->tensors[i].count;
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
    enum status s = fill_model(m, o, err);
    if (s != OK) {
        model_close(m);
        return s;
    }
    *out = m;
    return OK;
}

void model_close(struct model *m)
{
    if (m == NULL)
        return;
    checkpoint_close(m->checkpoint);
    free(m);
}
