/* make_model vim|vit OUT.safetensors [drop NAME | add NAME | reshape NAME | huge NAME | classes N]:
 * a small random checkpoint, or one with a fault (huge: 1e36 times as large). 32 x 32 pixels,
 * 8-pixel patches; the ViT has 2 heads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "vim.h"
#include "vit.h"

/* What both have. */
#define TOKENS                                                                                     \
    .image_size = 32, .patch = 8, .stride = 8, .grid = 4, .tokens = 17, .others = 1, .width = 24,  \
    .classes = 10

static const struct geometry vim = { TOKENS,     .cls_at = 8, .depth = 4, .inner = 48,
                                     .state = 4, .taps = 4,   .rank = 2 };
static const struct geometry vit = { TOKENS, .cls_at = 0, .depth = 3, .heads = 2, .mlp = 48 };

static uint64_t state = 1;

static double uniform(void) /* -1 to 1 */
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 4503599627370496.0 - 1;
}

/* Values of the size that training leaves. */
static double value(const struct tensor *t, size_t i)
{
    const char *n = t->name;
    if (strstr(n, "norm") != NULL && strstr(n, "weight") != NULL)
        return 1 + 0.1 * uniform();
    if (strstr(n, "_log") != NULL) /* A = -(1 ... N) */
        return log(1 + (double)(i % (size_t)t->shape[t->ndim - 1]));
    if (strstr(n, "dt_proj") != NULL && strstr(n, "bias") != NULL)
        return -3 + uniform();
    return (t->ndim > 1 ? 1.5 / sqrt((double)t->count / (double)t->shape[0]) : 0.3) * uniform();
}

static void add_tensor(struct checkpoint *c, const char *name, int ndim, const int64_t *shape,
                       double scale)
{
    struct tensor *t = &c->tensors[c->count++];
    t->name = strdup(name);
    t->ndim = ndim;
    t->count = 1;
    for (int i = 0; i < ndim; i++) {
        t->shape[i] = shape[i];
        t->count *= (size_t)shape[i];
    }
    t->data = malloc(t->count * sizeof *t->data);
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)(scale * value(t, i));
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const char *fault = argc > 4 ? argv[3] : "", *which = argc > 4 ? argv[4] : "";
    bool is_vim = strcmp(argv[1], "vim") == 0;
    struct geometry geo = is_vim ? vim : vit;
    if (strcmp(fault, "classes") == 0)
        geo.classes = atoi(which);
    struct tensor_list list = { 0 };
    (is_vim ? &vim_type : &vit_type)->list_tensors(&geo, &list);
    struct checkpoint c = { .tensors = calloc(list.count + 1, sizeof *c.tensors) };
    for (size_t i = 0; i < list.count; i++) {
        struct tensor_spec *s = &list.specs[i];
        bool meant = strcmp(s->name, which) == 0;
        if (meant && strcmp(fault, "drop") == 0)
            continue;
        if (meant && strcmp(fault, "reshape") == 0)
            s->shape[0]++;
        add_tensor(&c, s->name, s->ndim, s->shape, meant && strcmp(fault, "huge") == 0 ? 1e36 : 1);
    }
    if (strcmp(fault, "add") == 0)
        add_tensor(&c, which, 1, (const int64_t[]){ 3 }, 1);
    struct error err;
    if (checkpoint_write_safetensors(argv[2], &c, CHECKPOINT_FP32, &err) != OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    for (size_t i = 0; i < c.count; i++) {
        free(c.tensors[i].name);
        free(c.tensors[i].data);
    }
    free(c.tensors);
    free(list.specs);
    return 0;
}
