/* Every operation of every variant against the reference: `checkops` runs all backends of this
 * build; --backend NAME (or --device) one of them, --op NAME one operation, --bench times instead.
 */
#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkops.h"

enum { SKIPPED = 77 }; /* as meson counts it */

struct options {
    const char *backend, *op;
    bool bench, list;
};

/* The options that backends are opened with. A backend that this machine cannot have is skipped,
 * with a message. */
struct variant {
    const char *prefix; /* of the backends that have it */
    const char *label;
    struct backend_options options;
};

static const struct variant variants[] = {
    { "", "", { .precision = PRECISION_FP32, .simd = "" } },
    { "cpu", " 1 thread", { .threads = 1, .simd = "" } },
    { "cpu", " avx2", { .simd = "avx2" } },
    { "cpu", " c", { .simd = "c" } },
    { "cpu", " bf16", { .precision = PRECISION_BF16, .simd = "" } },
    { "cuda", " tf32", { .precision = PRECISION_TF32, .simd = "" } },
    { "cuda", " bf16", { .precision = PRECISION_BF16, .simd = "" } },
};

static const struct {
    const char *name;
    check_fn *check;
} checks[] = {
#define CHECK_ROW(name, args) { #name, check_##name },
    OP_LIST(CHECK_ROW)
#undef CHECK_ROW
};

/* The machine's ceilings, through the same backend: a large product, a copy of 2 x 256 MiB. */
static void measure_ceilings(struct check *c)
{
    enum { SIDE = 2048 };
    bool naive = strncmp(c->be[OWN]->name, "ref", 3) == 0;
    int m = naive ? SIDE / 8 : SIDE;
    size_t square = (size_t)m * (size_t)m, count = (size_t)64 << 20;
    c->op = "(ceiling)";
    CASE(c, "linear %d x %d x %d", m, m, m);
    struct pair *w = weight(c, m, m, WEIGHT_FORWARD), *x = uniform(c, square, -1, 1);
    struct pair *y = output(c, square);
    c->flops = 2.0 * m * (double)square;
    RUN(c, linear, .rows = m, .w = weight_of(c, w), .x = at(c, x), .ldx = (size_t)m, .y = at(c, y),
        .ldy = (size_t)m);
    CASE(c, "copy of %zu Mi elements", count >> 20);
    x = uniform(c, count, 0, 0);
    y = uniform(c, count, 0, 0);
    RUN(c, map2, .f = MAP_COPY, .count = count, .a = at(c, x), .scale = 1, .out = at(c, y));
}

static void set_eps(struct check *c)
{
    static const double product[] = { [PRECISION_FP32] = 0x1p-24,
                                      [PRECISION_TF32] = 0x1p-11,
                                      [PRECISION_BF16] = 0x1p-8,
                                      [PRECISION_DOUBLE] = 0x1p-53 };
    const struct backend *own = c->be[OWN];
    c->eps = own->real_size == sizeof(float) ? 0x1p-24 : 0x1p-53;
    c->product_eps = fmax(c->eps, product[own->precision]);
}

/* Runs the operations that were asked for; returns how many. */
static int run_ops(struct check *c, const struct options *o)
{
    int ops = 0;
    set_eps(c);
    if (o->bench)
        measure_ceilings(c);
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        if (o->op != NULL && strcmp(o->op, checks[i].name) != 0)
            continue;
        c->op = checks[i].name;
        c->bench = o->bench;
        int before = c->compared;
        checks[i].check(c);
        if (c->compared == before) {
            printf("FAIL %s %s: nothing was compared\n", c->variant, c->op);
            c->failed++;
        }
        ops++;
    }
    CASE(c, "end"); /* frees the last case's arrays */
    return ops;
}

/* Opens one variant and its reference: ref for float arrays, ref64 for double ones and for ref
 * itself. Returns false when it could not be had. */
static bool open_both(struct check *c, const char *name, const struct variant *v, bool must)
{
    struct error err;
    if (backend_open(name, &v->options, &c->be[OWN], &err) != OK) {
        printf("%s %s%s: %s\n", must ? "FAIL" : "SKIP", name, v->label, err.text);
        return false;
    }
    bool plain = c->be[OWN]->real_size == sizeof(float) && strcmp(name, "ref") != 0;
    if (backend_open(plain ? "ref" : "ref64", NULL, &c->be[REF], &err) != OK) {
        printf("FAIL %s\n", err.text);
        exit(1);
    }
    snprintf(c->variant, sizeof c->variant, "%s%s", name, v->label);
    return true;
}

static int run_backend(const char *name, const struct options *o, bool must)
{
    int failed = 0;
    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        struct check c = { .bench = o->bench };
        const struct variant *v = &variants[i];
        bool first = v->prefix[0] == '\0';
        bool coarse = v->options.precision != PRECISION_FP32; /* nothing that double arrays have */
        if (strncmp(name, v->prefix, strlen(v->prefix)) != 0 ||
            (coarse && strcmp(backend_double_name(name), name) == 0))
            continue;
        if (!open_both(&c, name, v, must && first)) {
            failed += must && first;
            continue;
        }
        int ops = run_ops(&c, o);
        failed += c.failed + (ops == 0);
        printf("%s: %d operations, %d %s, %d failed\n", c.variant, ops, c.compared,
               o->bench ? "timings" : "comparisons", c.failed);
        backend_close(c.be[REF]);
        backend_close(c.be[OWN]);
    }
    return failed;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'b':
        o->backend = arg;
        return 0;
    case 'o':
        o->op = arg;
        return 0;
    case 't':
        o->bench = true;
        return 0;
    case 'l':
        o->list = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool known_op(const char *op)
{
    for (size_t i = 0; i < COUNT_OF(checks); i++)
        if (strcmp(checks[i].name, op) == 0)
            return true;
    return false;
}

/* True, after printing the reason, where the backend needs a device that this machine lacks. */
static bool no_device(const char *name)
{
    struct error err;
    struct backend *be;
    enum status s = backend_open(name, NULL, &be, &err);
    if (s == OK)
        backend_close(be);
    if (s == E_ABSENT)
        printf("SKIPPED %s: %s\n", name, err.text);
    return s == E_ABSENT;
}

int main(int argc, char **argv)
{
    static const struct argp_option table[] = {
        { "backend", 'b', "NAME", 0, "this backend only (default: all of this build)", 0 },
        { "device", 0, NULL, OPTION_ALIAS, NULL, 0 },
        { "op", 'o', "NAME", 0, "this operation only", 0 },
        { "list", 'l', NULL, 0, "lists the operations, and stops", 0 },
        { "bench", 't', NULL, 0, "time each operation at a DeiT-S / Vim-S size", 0 },
        { 0 }
    };
    static const struct argp argp = { .options = table,
                                      .parser = parse,
                                      .doc = "Holds every operation to the reference." };
    struct options o = { 0 };
    argp_parse(&argp, argc, argv, 0, NULL, &o);
    for (size_t i = 0; o.list && i < COUNT_OF(checks); i++)
        puts(checks[i].name);
    if (o.list)
        return 0;
    if (o.op != NULL && !known_op(o.op)) {
        fprintf(stderr, "checkops: no operation '%s'; the list is OP_LIST in ops.h\n", o.op);
        return 2;
    }
    if (o.backend != NULL && no_device(o.backend))
        return SKIPPED;
    int failed = 0;
    for (const char *const *name = backend_names(); *name != NULL; name++) {
        /* ref64 is what all others are held to: test_gradients and test_reference hold it */
        if (o.backend == NULL && strcmp(*name, "ref64") != 0)
            failed += run_backend(*name, &o, false);
    }
    if (o.backend != NULL)
        failed = run_backend(o.backend, &o, true);
    printf("checkops: %s\n", failed == 0 ? "all passed" : "FAILED");
    return failed != 0;
}
