/* Whole-model gradients against finite differences, in double on ref64 (relative 1e-4): at every
 * layer's input, at Vim's gated output, at the ViT's attention maps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "method.h"
#include "micro.h"
#include "rotate.h"
#include "vim_read.h"
#include "vit_read.h"

#include "run_tests.h"

static const double STEP = 1e-5, TOLERANCE = 1e-4;
enum { IMAGES = 2, CLASS = 2, DIRECTIONS = 3 };

struct rig {
    struct model *model;
    struct backend *be;
    void *weights;
    size_t count; /* n L D */
    real *x, *work, *logits, *onehot, *gradient;
    struct vim_acts vim;
    struct vim_grads vim_grads;
    struct vim_read vim_read;
    struct vit_acts vit;
    bool shorten; /* the last block's tokens other than CLS are left out where nothing reads them */
    struct vit_grads vit_grads;
    struct vit_read read;
    void *memory;
    uint64_t random;
};

static void layout(struct rig *r, struct bump *b)
{
    const struct geometry *g = &r->model->geo;
    size_t size = r->be->real_size, classes = IMAGES * (size_t)g->classes;
    r->x = bump_take(b, r->count, size);
    r->work = bump_take(b, r->count, size);
    r->gradient = bump_take(b, r->count, size);
    r->logits = bump_take(b, classes, size);
    r->onehot = bump_take(b, classes, size);
    if (r->model->type == &vim_type) {
        vim_acts_layout(g, r->be, IMAGES, true, b, &r->vim);
        vim_grads_layout(g, r->be, IMAGES, b, &r->vim_grads);
        vim_read_layout(g, r->be, IMAGES, true, b, &r->vim_read);
    } else {
        vit_acts_layout(g, r->be, IMAGES, true, b, &r->vit);
        vit_grads_layout(g, r->be, IMAGES, false, b, &r->vit_grads);
        vit_read_layout(g, r->be, IMAGES, true, b, &r->read);
    }
}

static void set_up(struct rig *r, const struct micro *micro)
{
    struct error err;
    *r = (struct rig){ .random = 7 };
    r->model = micro_model(micro, 11);
    assert_non_null(r->model);
    assert_int_equal(backend_open("ref64", NULL, &r->be, &err), OK);
    r->weights = r->model->type->bind(r->model, r->be, WEIGHT_FORWARD | WEIGHT_BACK);
    r->count = IMAGES * (size_t)r->model->geo.tokens * (size_t)r->model->geo.width;
    struct bump measure = { 0 };
    layout(r, &measure);
    r->memory = r->be->alloc(r->be, measure.used);
    struct bump b = { .base = r->memory };
    layout(r, &b);
    double *x = (double *)(void *)r->x, *onehot = (double *)(void *)r->onehot;
    for (size_t i = 0; i < r->count; i++)
        x[i] = 2 * random_uniform(&r->random) - 1;
    for (int i = 0; i < IMAGES * r->model->geo.classes; i++)
        onehot[i] = i % r->model->geo.classes == CLASS;
}

static void tear_down(struct rig *r)
{
    r->model->type->unbind(r->weights, r->be);
    r->be->free(r->be, r->memory);
    backend_close(r->be);
    model_close(r->model);
}

/* What left the last block, as the read-out takes it: CLS rows where they alone are read; they are
 * all there is where the block was shortened to them. */
static real *read_of(struct rig *r, real *x)
{
    if (r->model->type == &vit_type && !r->shorten && vit_reads_token(&r->model->geo))
        vit_gather_cls(&r->model->geo, r->be, IMAGES, x, x);
    return x;
}

/* r->work through a layer. */
static void run_layer(struct rig *r, int layer)
{
    const struct geometry *g = &r->model->geo;
    if (r->model->type == &vim_type) {
        const struct vim_layer *w = &((struct vim_weights *)r->weights)->layer[layer];
        vim_layer_inner(g, r->be, w, &r->vim, IMAGES, r->work);
        vim_layer_close(g, r->be, w, &r->vim, IMAGES, r->work);
        if (layer < g->depth - 1)
            vim_between(g, r->be, r->weights, &r->vim, IMAGES, r->work);
        return;
    }
    r->vit.cls_only = r->shorten && layer == g->depth - 1;
    vit_block_forward(g, r->be, &((struct vit_weights *)r->weights)->block[layer], &r->vit, IMAGES,
                      r->work);
}

/* x, which left the last layer, to r->logits. */
static void run_head(struct rig *r, const real *x)
{
    const struct geometry *g = &r->model->geo;
    if (r->model->type == &vit_type)
        vit_read_forward(g, r->be, r->weights, IMAGES, x, &r->read, r->logits);
    else if (g->readout == READ_TOKEN)
        vim_head(g, r->be, r->weights, IMAGES, x, r->vim.xn, r->logits);
    else
        vim_read_forward(g, r->be, r->weights, IMAGES, x, &r->vim_read, r->logits);
}

/* Σ over images of the class's logit, from the residual stream in r->work after `layer` layers. */
static double finish(struct rig *r, int layer)
{
    const struct geometry *g = &r->model->geo;
    for (int i = layer; i < g->depth; i++)
        run_layer(r, i);
    run_head(r, read_of(r, r->work));
    double sum = 0;
    for (int i = 0; i < IMAGES; i++)
        sum += ((double *)(void *)r->logits)[i * g->classes + CLASS];
    return sum;
}

/* Gradient at the input of `layer`, left in r->gradient; for Vim r->vim_grads.gated and for ViT
 * r->vit_grads.probs then belong to this layer. */
static const struct vit_back_rules plain_vit = { 0 };

static void backward(struct rig *r, int layer)
{
    const struct geometry *g = &r->model->geo;
    real *tape[8];
    assert_true(g->depth < 8);
    run_copy(r->be, r->x, r->work, r->count);
    for (int i = layer; i <= g->depth; i++) {
        tape[i] = r->be->alloc(r->be, r->count * r->be->real_size);
        run_copy(r->be, r->work, tape[i], r->count);
        if (i == g->depth)
            break;
        run_layer(r, i);
    }
    const struct vim_back_rules plain = { 0 };
    const real *top = read_of(r, tape[g->depth]);
    run_head(r, top);
    if (r->model->type == &vit_type)
        vit_read_back(g, r->be, r->weights, &plain_vit, IMAGES, top, &r->read, r->logits, r->onehot,
                      r->gradient);
    else if (g->readout == READ_TOKEN)
        vim_head_back(g, r->be, r->weights, &plain, IMAGES, top, r->onehot, r->vim_grads.xn,
                      r->gradient);
    else
        vim_read_back(g, r->be, r->weights, &plain, IMAGES, top, &r->vim_read, r->onehot,
                      r->gradient);
    if (r->model->type == &vit_type && vit_reads_token(g) && !r->shorten) {
        run_copy(r->be, r->gradient, r->vit_grads.d1, IMAGES * (size_t)g->width);
        vit_spread_cls(g, r->be, IMAGES, r->x, r->vit_grads.d1, r->gradient);
    }
    for (int i = g->depth - 1; i >= layer; i--) {
        if (r->model->type == &vim_type) {
            const struct vim_weights *all = r->weights;
            const struct vim_layer *w = &all->layer[i];
            if (g->rope && i < g->depth - 1)
                rotate_tokens(g, r->be, all->stem.rotation, true, IMAGES, r->gradient,
                              r->vim_grads.xn);
            vim_layer_inner(g, r->be, w, &r->vim, IMAGES, tape[i]);
            vim_layer_back_gated(g, r->be, w, &r->vim_grads, IMAGES, r->gradient);
            vim_layer_back(g, r->be, w, &r->vim, &r->vim_grads, &plain, IMAGES, tape[i],
                           r->gradient);
        } else {
            const struct vit_block *w = &((struct vit_weights *)r->weights)->block[i];
            r->vit.cls_only = r->shorten && i == g->depth - 1;
            vit_block_record(g, r->be, w, &r->vit, IMAGES, tape[i]);
            vit_block_back_probs(g, r->be, w, &r->vit, &r->vit_grads, &plain_vit, IMAGES,
                                 r->gradient);
            vit_block_back(g, r->be, w, &r->vit, &r->vit_grads, &plain_vit, IMAGES, tape[i],
                           r->gradient);
        }
    }
    for (int i = layer; i <= g->depth; i++)
        r->be->free(r->be, tape[i]);
}

static void assert_close(double analytic, double numeric)
{
    double size = fmax(fabs(analytic), fabs(numeric));
    if (!(fabs(analytic - numeric) <= TOLERANCE * size))
        fail_msg("analytic %.10g, finite difference %.10g", analytic, numeric);
}

static double dot(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static void check_input_gradients(const struct micro *micro, enum mlp_act act)
{
    struct rig r;
    set_up(&r, micro);
    r.model->geo.act = act;
    double *v = malloc(r.count * sizeof *v), *x = (double *)(void *)r.x;
    double *work = (double *)(void *)r.work;
    for (int layer = 0; layer <= r.model->geo.depth; layer++) {
        backward(&r, layer);
        for (int k = 0; k < DIRECTIONS; k++) {
            double f[2];
            for (size_t i = 0; i < r.count; i++)
                v[i] = 2 * random_uniform(&r.random) - 1;
            for (int side = 0; side < 2; side++) {
                for (size_t i = 0; i < r.count; i++)
                    work[i] = x[i] + (side == 0 ? STEP : -STEP) * v[i];
                f[side] = finish(&r, layer);
            }
            assert_close(dot((double *)(void *)r.gradient, v, r.count), (f[0] - f[1]) / (2 * STEP));
        }
    }
    free(v);
    tear_down(&r);
}

static const struct micro vim = { MICRO_VIM, .depth = 3 };
static const struct micro vit = { MICRO_VIT, .depth = 3 };

static void test_vim_input(void **state)
{
    (void)state;
    check_input_gradients(&vim, MLP_GELU);
}

static void test_vit_input(void **state)
{
    (void)state;
    check_input_gradients(&vit, MLP_GELU);
    check_input_gradients(&vit, MLP_TANH_GELU);
    check_input_gradients(&vit, MLP_QUICK_GELU);
    check_input_gradients(&vit, MLP_SILU);
}

/* The tokens that the families' heads read, and what differs in their blocks. */
static void test_families(void **state)
{
    static const struct micro families[] = {
        { MICRO_VIT, .depth = 3, .readout = READ_TWO_HEADS, .dist = 1 },
        { MICRO_VIT, .depth = 3, .readout = READ_MEAN, .no_cls = true },
        { MICRO_VIT, .depth = 3, .readout = READ_MEAN, .fc_norm = true, .registers = 2 },
        { MICRO_VIT, .depth = 3, .readout = READ_TOKEN_AND_MEAN, .registers = 1 },
        { MICRO_VIT, .depth = 3, .gated = true },
        { MICRO_VIT, .depth = 3, .pre_logits = 7 },
        { MICRO_VIT, .depth = 3, .pre_logits = 30, .readout = READ_MEAN, .fc_norm = true },
        { MICRO_VIT, .depth = 3, .head_norm = true },
        { MICRO_VIT, .depth = 3, .readout = READ_MEAN, .no_cls = true, .gated = true,
          .head_norm = true },
        { MICRO_VIM, .depth = 3, .readout = READ_MEAN, .no_cls = true },
        { MICRO_VIM, .depth = 3, .readout = READ_OTHERS, .no_cls = true, .undivided = true },
        { MICRO_VIM, .depth = 3, .readout = READ_REGISTERS, .no_cls = true, .registers = 3,
          .neck = 4 },
        { MICRO_VIM, .depth = 3, .readout = READ_REGISTERS, .no_cls = true, .registers = 2 },
        { MICRO_VIM, .depth = 3, .layer_norm = true },
        { MICRO_VIM, .depth = 3, .rope = true },
        { MICRO_VIM, .depth = 3, .shared_conv = true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (int act = MLP_GELU; act <= (families[i].gated ? MLP_SILU : MLP_GELU); act++)
            check_input_gradients(&families[i], (enum mlp_act)act);
}

static void test_vim_gated(void **state)
{
    struct rig r;
    (void)state;
    set_up(&r, &vim);
    const struct geometry *g = &r.model->geo;
    size_t inner = IMAGES * (size_t)g->tokens * (size_t)g->inner;
    double *v = malloc(inner * sizeof *v), f[2];
    for (int layer = 0; layer < g->depth; layer++) {
        const struct vim_layer *w = &((struct vim_weights *)r.weights)->layer[layer];
        double *gated = (double *)(void *)r.vim.gated;
        for (size_t i = 0; i < inner; i++)
            v[i] = 2 * random_uniform(&r.random) - 1;
        for (int side = 0; side < 2; side++) {
            vim_layer_inner(g, r.be, w, &r.vim, IMAGES, r.x);
            for (size_t i = 0; i < inner; i++)
                gated[i] += (side == 0 ? STEP : -STEP) * v[i];
            run_copy(r.be, r.x, r.work, r.count);
            vim_layer_close(g, r.be, w, &r.vim, IMAGES, r.work);
            f[side] = finish(&r, layer + 1);
        }
        backward(&r, layer);
        assert_close(dot((double *)(void *)r.vim_grads.gated, v, inner),
                     (f[0] - f[1]) / (2 * STEP));
    }
    free(v);
    tear_down(&r);
}

/* The block's output with its attention maps moved by step * v. */
static void vit_moved(struct rig *r, int layer, const double *v, double step)
{
    const struct geometry *g = &r->model->geo;
    const struct vit_block *w = &((struct vit_weights *)r->weights)->block[layer];
    size_t len = (size_t)g->tokens, d = (size_t)g->width,
           maps = IMAGES * (size_t)g->heads * len * len;
    vit_block_record(g, r->be, w, &r->vit, IMAGES, r->x);
    double *p = (double *)(void *)r->vit.probs;
    for (size_t i = 0; i < maps; i++)
        p[i] += step * v[i];
    const struct matmul_args m = {
        .b0 = IMAGES,
        .b1 = g->heads,
        .m = g->tokens,
        .n = g->width / g->heads,
        .k = g->tokens,
        .a = { r->vit.probs, len, (size_t)g->heads * len * len, len * len },
        .b = { be_at(r->be, r->vit.qkv, 2 * d), 3 * d, len * 3 * d, d / (size_t)g->heads },
        .c = { r->vit.att, d, len * d, d / (size_t)g->heads },
        .alpha = 1
    };
    int rows = IMAGES * g->tokens;
    r->be->op.matmul(r->be, &m);
    run_linear(r->be, w->proj.w, w->proj.b, rows, r->vit.att, d, r->vit.proj, d);
    const struct layernorm_args norm = { .rows = rows,
                                         .width = g->width,
                                         .x = r->x,
                                         .h = r->vit.proj,
                                         .w = w->norm2_w,
                                         .b = w->norm2_b,
                                         .eps = VIT_NORM_EPS,
                                         .r = r->vit.x1,
                                         .y = r->vit.y2 };
    r->be->op.layernorm(r->be, &norm);
    run_linear(r->be, w->fc1.w, w->fc1.b, rows, r->vit.y2, d, r->vit.fc1, (size_t)g->mlp);
    run_map2(r->be, MAP_GELU, r->vit.fc1, NULL, r->vit.mid, (size_t)rows * (size_t)g->mlp, 1.0);
    run_linear(r->be, w->fc2.w, w->fc2.b, rows, r->vit.mid, (size_t)g->mlp, r->vit.fc2, d);
    run_map2(r->be, MAP_ADD, r->vit.x1, r->vit.fc2, r->work, r->count, 1.0);
}

static void test_vit_maps(void **state)
{
    struct rig r;
    (void)state;
    set_up(&r, &vit);
    const struct geometry *g = &r.model->geo;
    size_t len = (size_t)g->tokens, maps = IMAGES * (size_t)g->heads * len * len;
    double *v = malloc(maps * sizeof *v), f[2];
    const struct vit_weights *w = r.weights;
    for (int layer = 0; layer < g->depth; layer++) {
        for (size_t i = 0; i < maps; i++)
            v[i] = 2 * random_uniform(&r.random) - 1;
        for (int side = 0; side < 2; side++) {
            vit_moved(&r, layer, v, side == 0 ? STEP : -STEP);
            f[side] = finish(&r, layer + 1);
        }
        /* The gradient above this block, then one step into it: vit_block_back would turn
         * grads.probs into the scores' gradient. */
        vit_moved(&r, layer, v, 0);
        real *x = r.x, *out = r.be->alloc(r.be, r.count * r.be->real_size);
        run_copy(r.be, r.work, out, r.count);
        r.x = out;
        backward(&r, layer + 1);
        r.x = x;
        r.be->free(r.be, out);
        vit_block_record(g, r.be, &w->block[layer], &r.vit, IMAGES, r.x);
        vit_block_back_probs(g, r.be, &w->block[layer], &r.vit, &r.vit_grads, &plain_vit, IMAGES,
                             r.gradient);
        assert_close(dot((double *)(void *)r.vit_grads.probs, v, maps), (f[0] - f[1]) / (2 * STEP));
    }
    free(v);
    tear_down(&r);
}

/* Nothing reads the last block's other tokens: without them, the same logits and gradients. */
static void test_vit_shortened(void **state)
{
    struct rig r;
    (void)state;
    set_up(&r, &vit);
    double *want = malloc(r.count * sizeof *want), *got = (double *)(void *)r.gradient;
    run_copy(r.be, r.x, r.work, r.count);
    double logit = finish(&r, 0);
    backward(&r, 0);
    memcpy(want, got, r.count * sizeof *want);
    r.shorten = true;
    run_copy(r.be, r.x, r.work, r.count);
    assert_true(fabs(finish(&r, 0) - logit) <= 1e-13 * fabs(logit));
    backward(&r, 0);
    for (size_t i = 0; i < r.count; i++)
        assert_true(fabs(got[i] - want[i]) <= 1e-13);
    assert_true(dot(want, want, r.count) > 1e-6); /* there is something to compare */
    free(want);
    tear_down(&r);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_vim_input), TEST(test_vit_input), TEST(test_vim_gated),
                     TEST(test_vit_maps), TEST(test_vit_shortened), TEST(test_families));
}
