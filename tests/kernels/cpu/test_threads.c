/* The CPU backends give the same bits for any number of threads, and inside a lane; they refuse
 * options that they cannot honour. */
#include <stdlib.h>
#include <string.h>

#include "call.h"

#include "run_tests.h"

/* Odd sizes, several row blocks, several channel blocks, a short last one. */
enum { LEN = 143, CHAN = 85, STATE = 16, RANK = 5, TAPS = 4, HEADS = 3, DIM = 20, GRID = 7 };
enum { COLS = RANK + 2 * STATE, WIDTH = HEADS * DIM, SIDE = 61, ARRAYS = 64 };

struct bench {
    struct backend *be;
    uint64_t random;
    int count;
    struct {
        real *p;
        size_t bytes;
    } arrays[ARRAYS]; /* in the order in which they were made: the same for every bench */
};

static real *array(struct bench *b, size_t n, double low, double high)
{
    float *host = malloc(n * sizeof *host);
    assert_non_null(host);
    for (size_t i = 0; i < n; i++) {
        b->random = b->random * 6364136223846793005U + 1442695040888963407U;
        host[i] = (float)(low + (high - low) * (double)(b->random >> 40) / (1 << 24));
    }
    real *p = be_upload_floats(b->be, host, n);
    free(host);
    assert_non_null(p);
    assert_true(b->count < ARRAYS);
    b->arrays[b->count].p = p;
    b->arrays[b->count++].bytes = n * b->be->real_size;
    return p;
}

static void run_products(struct bench *b)
{
    struct backend *be = b->be;
    float *host = malloc(sizeof *host * CHAN * WIDTH);
    assert_non_null(host);
    for (int i = 0; i < CHAN * WIDTH; i++)
        host[i] = (float)(i * 37 % 101 - 50) / 100;
    struct weight *w =
        be->op.weight_new(be, host, CHAN, WIDTH, WEIGHT_FORWARD | WEIGHT_BACK | WEIGHT_LRP);
    free(host);
    assert_non_null(w);
    real *x = array(b, LEN * WIDTH, -1, 1), *y = array(b, LEN * CHAN, -1, 1);
    real *bias = array(b, CHAN, -1, 1), *gx = array(b, LEN * WIDTH, -1, 1);
    CALL(be, linear, .rows = LEN, .w = w, .x = x, .ldx = WIDTH, .bias = bias, .act = ACT_GELU,
         .y = y, .ldy = CHAN);
    CALL(be, linear_back, .rows = LEN, .w = w, .gy = y, .ldgy = CHAN, .accumulate = true, .gx = gx,
         .ldgx = WIDTH);
    /* its scratch depends on the number of threads, and no result does */
    real *rx = array(b, LEN * WIDTH, 0, 0), *rel = array(b, LEN * CHAN, -1, 1);
    real *scratch = be->alloc(be, (size_t)LEN * (WIDTH + CHAN) * be->real_size);
    assert_non_null(scratch);
    CALL(be, linear_lrp, .rows = LEN, .w = w, .x = x, .y = y, .b = bias, .r = rel, .rx = rx,
         .scratch = scratch);
    be->free(be, scratch);
    be->op.weight_free(be, w);
    enum { BIG = 300 }; /* more than one block of OpenBLAS rows */
    real *l = array(b, BIG * DIM, -1, 1), *r = array(b, LEN * DIM, -1, 1);
    real *c = array(b, BIG * LEN, 0, 0);
    CALL(be, matmul, .b0 = 1, .b1 = 1, .m = BIG, .n = LEN, .k = DIM, .a = { l, DIM, 0, 0 },
         .b = { r, DIM, 0, 0 }, .c = { c, LEN, 0, 0 }, .tb = true, .alpha = 1);
}

static void run_vim(struct bench *b)
{
    struct backend *be = b->be;
    struct conv_silu_args conv = { .n = 1, .len = LEN, .chan = CHAN, .taps = TAPS, .ldx = CHAN };
    struct scan_args scan = {
        .n = 1, .len = LEN, .chan = CHAN, .state = STATE, .rank = RANK, .ldz = CHAN
    };
    conv.x = array(b, LEN * CHAN, -2, 2);
    for (int d = 0; d < 2; d++) {
        conv.dir[d] = (struct conv_dir){ array(b, TAPS * CHAN, -1, 1), array(b, CHAN, -1, 1),
                                         array(b, LEN * CHAN, 0, 0), NULL };
        scan.dir[d] = (struct scan_dir){
            conv.dir[d].u,         array(b, LEN * COLS, -1, 1),      array(b, RANK * CHAN, -1, 1),
            array(b, CHAN, -3, 1), array(b, STATE * CHAN, -9, -0.1), array(b, CHAN, -1, 1)
        };
        scan.delta[d] = array(b, LEN * CHAN, 0, 0);
    }
    scan.z = array(b, LEN * CHAN, -3, 3);
    scan.out = array(b, LEN * CHAN, 0, 0);
    be->op.conv_silu(be, &conv);
    be->op.scan(be, &scan);
    struct scan_back_args back = { 1,           LEN,         CHAN,
                                   STATE,       RANK,        { scan.dir[0], scan.dir[1] },
                                   .z = scan.z, .ldz = CHAN, .ldgz = CHAN };
    back.gout = array(b, LEN * CHAN, -1, 1);
    back.gz = array(b, LEN * CHAN, 0, 0);
    struct hidden_row_args row = {
        1, LEN, CHAN, STATE, RANK, { { 0 } }, LEN / 2, true, true, NULL
    };
    for (int d = 0; d < 2; d++) {
        back.gu[d] = array(b, LEN * CHAN, 0, 0);
        back.gxdbl[d] = array(b, LEN * COLS, 0, 0);
        row.dir[d] = (struct attn_dir){ scan.delta[d], scan.dir[d].xdbl, scan.dir[d].a };
    }
    be->op.scan_back(be, &back);
    row.out = array(b, LEN * CHAN, 0, 0);
    be->op.hidden_row(be, &row);
    struct hidden_matrix_args matrix = { 1,
                                         LEN,
                                         CHAN,
                                         STATE,
                                         RANK,
                                         { row.dir[0], row.dir[1] },
                                         .own_decay = true,
                                         .diagonal = true,
                                         .reduce = REDUCE_MEAN };
    matrix.out = array(b, LEN * LEN, 0, 0);
    matrix.range = array(b, 2, 0, 0);
    be->op.hidden_matrix(be, &matrix);
}

static void run_vit(struct bench *b)
{
    struct backend *be = b->be;
    real *qkv = array(b, LEN * 3 * WIDTH, -2, 2), *out = array(b, LEN * WIDTH, 0, 0);
    real *probs = array(b, HEADS * LEN * LEN, 0, 0), *mean = array(b, LEN * LEN, 0, 0);
    CALL(be, attention, .n = 1, .len = LEN, .heads = HEADS, .dim = DIM, .qkv = qkv, .scale = 0.3,
         .out = out, .probs = probs);
    CALL(be, head_mean, 1, HEADS, LEN, probs, NULL, mean);
    size_t count = (size_t)LEN * 3 * WIDTH; /* several chunks of the sums */
    real *x = array(b, count, -1, 1), *r = array(b, count, -1, 1), *other = array(b, count, 0, 0);
    CALL(be, lrp_add, 1, count, qkv, x, r, r, other, false);
    real *w = array(b, WIDTH, -1, 1), *y = array(b, LEN * WIDTH, 0, 0);
    CALL(be, layernorm, .rows = LEN, .width = WIDTH, .x = out, .w = w, .b = w, .eps = 1e-6, .y = y);
}

static void run_all(struct bench *b)
{
    run_products(b);
    run_vim(b);
    run_vit(b);
}

static void open_bench(struct bench *b, const char *name, enum precision precision, int threads)
{
    struct error err = { 0 };
    memset(b, 0, sizeof *b);
    b->random = 7;
    struct backend_options options = { .threads = threads, .simd = "", .precision = precision };
    if (backend_open(name, &options, &b->be, &err) != OK)
        fail_msg("%s: %s", name, err.text);
}

static void close_bench(struct bench *b)
{
    for (int i = 0; i < b->count; i++)
        b->be->free(b->be, b->arrays[i].p);
    backend_close(b->be);
}

/* `in_lane`: from inside a parallel region, as the model layer calls operations. */
static void compare_with_one_thread(const char *name, enum precision precision, int threads,
                                    bool in_lane)
{
    struct bench one, many;
    open_bench(&one, name, precision, 1);
    open_bench(&many, name, precision, threads);
    run_all(&one);
    if (in_lane) {
#pragma omp parallel num_threads(2)
#pragma omp single
        run_all(&many);
    } else {
        run_all(&many);
    }
    assert_int_equal(many.be->sync(many.be, NULL), OK);
    assert_int_equal(one.count, many.count);
    for (int i = 0; i < one.count; i++)
        if (memcmp(one.arrays[i].p, many.arrays[i].p, one.arrays[i].bytes) != 0)
            fail_msg("%s, %d threads%s: array %d differs", name, threads, in_lane ? ", lane" : "",
                     i);
    close_bench(&one);
    close_bench(&many);
}

static void test_same_bits(void **state)
{
    (void)state;
    static const char *const names[] = { "cpu", "cpu", "cpu64" };
    static const enum precision precisions[] = { PRECISION_FP32, PRECISION_BF16, PRECISION_DOUBLE };
    for (int i = 0; i < 3; i++) {
        compare_with_one_thread(names[i], precisions[i], 2, false);
        compare_with_one_thread(names[i], precisions[i], 3, false);
        compare_with_one_thread(names[i], precisions[i], 2, true);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    struct backend *be;
    struct error err = { 0 };
    struct backend_options options = { .simd = "sse9" };
    assert_int_equal(backend_open("cpu", &options, &be, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "sse9"));
    options = (struct backend_options){ .simd = "", .threads = -1 };
    assert_int_equal(backend_open("cpu64", &options, &be, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "threads = -1"));
    options = (struct backend_options){ .simd = "", .precision = PRECISION_BF16 };
    assert_int_equal(backend_open("cpu64", &options, &be, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "bf16"));
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_same_bits), TEST(test_refusals));
}
