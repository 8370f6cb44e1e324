/* Passes that be_repeat replays as CUDA graphs, beside the same passes launched operation by
 * operation: the same bits, whatever comes between them and whatever fails. On a GPU, and on the
 * emulated one, where failures can be had. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "micro.h"
#include "profile.h"

#include "run_tests.h"

enum { CLASSES = 6, BATCH = 4, MOST = 2 * BATCH, SIDE = 20 };

static const struct micro models[] = { { MICRO_VIM_5, .depth = 3 },
                                       { .type = &vit_type,
                                         .width = 24,
                                         .depth = 2,
                                         .grid = 5,
                                         .patch = 4,
                                         .classes = CLASSES,
                                         .heads = 3,
                                         .mlp = 40 } };

#ifdef EMULATED
/* The emulator's switches, beside those that the test was started with. */
static void set_switch(const char *text)
{
    static char first[200];
    static bool known;
    char both[300];
    if (!known && getenv("EVALH_EMULATED") != NULL)
        snprintf(first, sizeof first, "%s", getenv("EVALH_EMULATED"));
    known = true;
    snprintf(both, sizeof both, "%s,%s", first, text);
    setenv("EVALH_EMULATED", both, 1);
}
#endif

struct rig { /* a backend and a model on it, with images of its own */
    struct backend *be;
    struct net *net;
    uint8_t *rgb;
    uint32_t *rank; /* [SIDE * SIDE] */
};

static struct net *open_net(struct backend *be, const struct model *m)
{
    struct error err = { 0 };
    struct net *net = NULL;
    if (net_open(m, be, &input_imagenet, BATCH, &net, &err) != OK)
        fail_msg("%s", err.text);
    return net;
}

static struct rig open_rig(const char *name, enum precision precision, bool no_graphs,
                           const struct model *m)
{
    const struct backend_options o = { .precision = precision, .simd = "", .no_graphs = no_graphs };
    enum { PIXELS = SIDE * SIDE };
    uint8_t rgb[PIXELS * 3];
    uint32_t rank[PIXELS];
    struct error err = { 0 };
    struct rig r = { 0 };
    if (backend_open(name, &o, &r.be, &err) != OK)
        fail_msg("%s", err.text);
    for (uint32_t i = 0; i < PIXELS * 3; i++)
        rgb[i] = (uint8_t)(i * 37 % 251);
    for (uint32_t i = 0; i < PIXELS; i++)
        rank[i] = i * 7 % PIXELS;
    r.rgb = r.be->alloc(r.be, sizeof rgb);
    r.rank = r.be->alloc(r.be, sizeof rank);
    r.be->upload(r.be, r.rgb, rgb, sizeof rgb);
    r.be->upload(r.be, r.rank, rank, sizeof rank);
    r.net = m != NULL ? open_net(r.be, m) : NULL;
    return r;
}

static void close_rig(struct rig *r)
{
    net_close(r->net);
    r->be->free(r->be, r->rgb);
    r->be->free(r->be, r->rank);
    backend_close(r->be);
}

/* n images that no other turn has. */
static void forward(const struct rig *r, struct net *net, int turn, int n, float *logits)
{
    struct view views[MOST];
    struct error err = { 0 };
    for (int i = 0; i < n; i++)
        views[i] = (struct view){ .rgb = r->rgb,
                                  .rank = r->rank,
                                  .removed = (uint32_t)(turn * MOST + i) % (SIDE * SIDE) };
    if (net_forward(net, views, (size_t)n, logits, &err) != OK)
        fail_msg("turn %d, %d images: %s", turn, n, err.text);
}

/* The same images through both; logits are the same to the last bit. */
static void same(const struct rig *eager, const struct rig *graphs, int turn, int n)
{
    float a[MOST * CLASSES], b[MOST * CLASSES];
    forward(eager, eager->net, turn, n, a);
    forward(graphs, graphs->net, turn, n, b);
    assert_memory_equal(a, b, (size_t)n * CLASSES * sizeof *a);
}

/* Pairs of rigs, in every type and precision; `what` compares one. */
static void for_each_rig(void (*what)(const struct rig *eager, const struct rig *graphs))
{
    static const struct {
        const char *backend;
        enum precision precision;
    } kinds[] = { { "cuda", PRECISION_FP32 },
                  { "cuda", PRECISION_TF32 },
                  { "cuda", PRECISION_BF16 },
                  { "cuda64", PRECISION_DOUBLE } };
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 4; i++) {
            struct model *m = micro_model(&models[k], 5);
            struct rig eager = open_rig(kinds[i].backend, kinds[i].precision, true, m);
            struct rig graphs = open_rig(kinds[i].backend, kinds[i].precision, false, m);
            assert_null(eager.be->repeat);
            what(&eager, &graphs);
            close_rig(&eager);
            close_rig(&graphs);
            model_close(m);
        }
}

static void sizes_case(const struct rig *eager, const struct rig *graphs)
{
    /* batches of 4; 4 and 2; 1; ...: sizes 4 and 2 come often enough, 3 comes once, 1 twice */
    static const int counts[] = { 4, 4, 6, 4, 6, 1, 8, 6, 3, 1, 4 };
    const struct pass_counts *p = &graphs->be->pass_counts;
    for (int t = 0; t < 11; t++)
        same(eager, graphs, t, counts[t]);
    assert_int_equal(p->passes, 15);
    assert_int_equal(p->recorded, 3); /* 4, 2, 1 */
    assert_int_equal(p->replayed, 8); /* the third time of 4 and later, of 2 */
    assert_int_equal(p->given_up.code, OK);
}

static void test_sizes(void **state)
{
    (void)state;
    for_each_rig(sizes_case);
}

/* A product that takes scratch: for what it adds to y; with bf16 for x, too, as the stem's does. */
struct product {
    struct backend *be;
    struct linear_args a;
};

static void run_product(void *context)
{
    const struct product *p = context;
    p->be->op.linear(p->be, &p->a);
}

static struct product open_product(struct backend *be, int rows)
{
    enum { WIDTH = 40 };
    size_t bytes = (size_t)rows * WIDTH * sizeof(double);
    float w[WIDTH * WIDTH] = { 1 };
    void *zeros = calloc(1, bytes);
    struct product p = {
        be, { .rows = rows, .ldx = WIDTH, .ldy = WIDTH, .accumulate = true, .act = ACT_GELU }
    };
    real *x = be->alloc(be, bytes);
    p.a.w = be->op.weight_new(be, w, WIDTH, WIDTH, WEIGHT_FORWARD);
    p.a.y = be->alloc(be, bytes);
    be->upload(be, x, zeros, bytes);
    be->upload(be, p.a.y, zeros, bytes);
    p.a.x = x;
    free(zeros);
    return p;
}

static void close_product(struct product *p)
{
    p->be->op.weight_free(p->be, (struct weight *)(uintptr_t)p->a.w);
    p->be->free(p->be, (void *)(uintptr_t)p->a.x);
    p->be->free(p->be, p->a.y);
}

/* Graphs are made anew when scratch moves and when memory is freed. */
static void memory_case(const struct rig *eager, const struct rig *graphs)
{
    const struct pass_counts *p = &graphs->be->pass_counts;
    struct product large = open_product(graphs->be, 1000), larger = open_product(graphs->be, 5000);
    run_product(&large);
    for (int t = 0; t < 3; t++)
        same(eager, graphs, t, 4);
    assert_int_equal(p->replayed, 1);
    run_product(&larger); /* SLOT_OP and, with bf16, SLOT_GEMM move */
    for (int t = 3; t < 6; t++)
        same(eager, graphs, t, 4);
    assert_int_equal(p->recorded, 2);
    assert_int_equal(p->replayed, 2);
    run_product(&larger); /* fits by now */
    same(eager, graphs, 6, 4);
    assert_int_equal(p->replayed, 3);
    close_product(&large);
    for (int t = 7; t < 10; t++)
        same(eager, graphs, t, 4);
    assert_int_equal(p->recorded, 3);
    assert_int_equal(p->replayed, 4);
    close_product(&larger);
    assert_int_equal(graphs->be->sync(graphs->be, NULL), OK);
}

static void test_memory(void **state)
{
    (void)state;
    for_each_rig(memory_case);
}

/* Two models on one backend; one closed and another opened, at the same place as often as not. */
static void test_models(void **state)
{
    struct model *m[3];
    float want[3][4 * CLASSES], got[4 * CLASSES];
    (void)state;
    for (int k = 0; k < 3; k++) {
        m[k] = micro_model(&models[k == 1], 5 + (uint64_t)k);
        struct rig eager = open_rig("cuda", PRECISION_FP32, true, m[k]);
        forward(&eager, eager.net, 0, 4, want[k]);
        close_rig(&eager);
    }
    struct rig r = open_rig("cuda", PRECISION_FP32, false, m[0]);
    struct net *other = open_net(r.be, m[1]);
    for (int t = 0; t < 4; t++) {
        forward(&r, r.net, 0, 4, got);
        assert_memory_equal(got, want[0], sizeof got);
        forward(&r, other, 0, 4, got);
        assert_memory_equal(got, want[1], sizeof got);
    }
    assert_int_equal(r.be->pass_counts.recorded, 2);
    assert_int_equal(r.be->pass_counts.replayed, 4);
    net_close(other);
    net_close(r.net);
    r.net = open_net(r.be, m[2]);
    for (int t = 0; t < 4; t++) {
        forward(&r, r.net, 0, 4, got);
        assert_memory_equal(got, want[2], sizeof got);
    }
    assert_int_equal(r.be->pass_counts.recorded, 3);
    close_rig(&r);
    for (int k = 0; k < 3; k++)
        model_close(m[k]);
}

#ifdef EMULATED
/* Whatever fails, the run gets its results and never another failure. */
static void test_failures(void **state)
{
    static const char *const switches[] = { "capture=1", "capture=9", "graphs=0" };
    (void)state;
    for (int k = 0; k < 6; k++) {
        struct model *m = micro_model(&models[k % 2], 5);
        struct rig eager = open_rig("cuda", PRECISION_BF16, true, m);
        struct rig graphs = open_rig("cuda", PRECISION_BF16, false, m);
        const struct pass_counts *p = &graphs.be->pass_counts;
        same(&eager, &graphs, 0, 4);
        set_switch(switches[k / 2]);
        for (int t = 1; t < 4; t++)
            same(&eager, &graphs, t, 4);
        assert_non_null(strstr(p->given_up.text, k < 4 ? "launch failure" : "out of memory"));
        set_switch("capture=0");
        for (int t = 4; t < 7; t++) /* for good */
            same(&eager, &graphs, t, 4);
        assert_int_equal(p->passes, 7);
        assert_int_equal(p->recorded + p->replayed, 0);
        close_rig(&eager);
        close_rig(&graphs);
        model_close(m);
    }
}
#endif

/* A pass that breaks its promise and asks for more scratch under the same key is run all the same.
 */
static void test_growth(void **state)
{
    struct rig r = open_rig("cuda", PRECISION_FP32, false, NULL);
    struct product small = open_product(r.be, 1), large = open_product(r.be, 3000);
    const struct pass_key key = { &r, 0, 1 };
    (void)state;
    be_repeat(r.be, &key, run_product, &small);
    be_repeat(r.be, &key, run_product, &large);
    assert_non_null(strstr(r.be->pass_counts.given_up.text, "scratch grows"));
    assert_int_equal(r.be->sync(r.be, NULL), OK);
    close_product(&small);
    close_product(&large);
    assert_int_equal(r.be->sync(r.be, NULL), OK);
    close_rig(&r);
}

enum { NUMBERS = 5 };

struct sisters {
    struct backend *be;
    real *x, *y; /* [NUMBERS] of double, of float */
};

static void run_sisters(void *context)
{
    const struct sisters *s = context;
    const struct to_single_args round = { .count = NUMBERS, .x = s->x, .out = s->y };
    const struct map2_args triple = {
        .f = MAP_COPY, .count = NUMBERS, .a = s->y, .scale = 3, .out = s->y
    };
    s->be->op.to_single(s->be, &round);
    s->be->single->op.map2(s->be->single, &triple);
}

/* A pass in which a backend and its sister take turns is recorded whole, and in its order. */
static void test_sister(void **state)
{
    struct rig r = open_rig("cuda64", PRECISION_FP32, false, NULL);
    const struct pass_key key = { &r, 0, 1 };
    float x[NUMBERS] = { 0 }, y[NUMBERS];
    (void)state;
    assert_int_equal(backend_single(r.be, NULL), OK);
    struct sisters s = { r.be, be_upload_floats(r.be, x, NUMBERS),
                         be_upload_floats(r.be->single, x, NUMBERS) };
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 0; i < NUMBERS; i++)
            x[i] = (float)(turn + 1) / (float)(i + 1);
        be_write_floats(r.be, s.x, x, NUMBERS);
        be_repeat(r.be, &key, run_sisters, &s);
        be_read_floats(r.be->single, y, s.y, NUMBERS);
        for (int i = 0; i < NUMBERS; i++)
            assert_true(y[i] == 3 * x[i]);
    }
    assert_int_equal(r.be->pass_counts.recorded, 1);
    assert_int_equal(r.be->pass_counts.replayed, 3);
    assert_int_equal(be_sync(r.be, NULL), OK);
    r.be->single->free(r.be->single, s.y);
    r.be->free(r.be, s.x);
    close_rig(&r);
}

static void count_calls(void *context)
{
    ++*(int *)context;
}

/* Graphs in use stay while odd sizes come and go; nothing runs after an error. */
static void test_many_keys(void **state)
{
    struct rig r = open_rig("cuda", PRECISION_FP32, false, NULL);
    struct pass_key main_key = { &r, 0, 0 };
    int calls = 0, odd_calls = 0;
    (void)state;
    for (int i = 1; i <= 100; i++) {
        const struct pass_key odd = { &r, 1, i };
        be_repeat(r.be, &main_key, count_calls, &calls);
        be_repeat(r.be, &odd, count_calls, &odd_calls);
    }
    assert_int_equal(calls, 2); /* the pass itself, and its recording */
    assert_int_equal(odd_calls, 100);
    assert_int_equal(r.be->pass_counts.replayed, 98);
    r.be->failed.code = E_DEVICE;
    main_key.count = 1;
    be_repeat(r.be, &main_key, count_calls, &calls);
    assert_int_equal(calls, 2);
    assert_int_equal(r.be->sync(r.be, NULL), E_DEVICE);
    close_rig(&r);
}

/* Operations that are timed are run one by one. */
static void test_profile(void **state)
{
    struct model *m = micro_model(&models[0], 5);
    struct rig r = open_rig("cuda", PRECISION_FP32, false, NULL);
    struct error err;
    struct profile_row rows[PROFILE_ROWS];
    float logits[4 * CLASSES];
    uint64_t scans = 0;
    (void)state;
    assert_int_equal(profile_begin(r.be, &err), OK);
    r.net = open_net(r.be, m);
    for (int t = 0; t < 3; t++)
        forward(&r, r.net, t, 4, logits);
    profile_read(r.be, rows);
    for (int i = 0; i < PROFILE_ROWS; i++)
        scans += strcmp(rows[i].op, "scan") == 0 ? rows[i].calls : 0;
    assert_int_equal(scans, 3 * m->geo.depth);
    assert_int_equal(r.be->pass_counts.passes, 0);
    profile_end(r.be);
    close_rig(&r);
    model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_memory),
        cmocka_unit_test(test_models),    cmocka_unit_test(test_growth),
        cmocka_unit_test(test_many_keys), cmocka_unit_test(test_profile),
        cmocka_unit_test(test_sister),
#ifdef EMULATED
        cmocka_unit_test(test_failures),
#endif
    };
    struct backend *be;
    struct error err = { 0 };
    if (backend_open("cuda", NULL, &be, &err) == E_ABSENT) {
        fprintf(stderr, "SKIPPED: %s\n", err.text);
        return 77;
    }
    backend_close(be);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
