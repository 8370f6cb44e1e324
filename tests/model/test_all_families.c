/* test_all_families FOLDER [BACKEND [FAMILY..]]: families of ViT and Vim as their own code wrote
 * them (scripts/reference_families.py): logits within 3e-5 of the largest, gradients and maps
 * within 1e-4 of their largest. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "sweep.h"

enum { IMAGES = 2, HEADS = 2 };

/* Numbers of AttnLRP and the first LRP exist for the families of ViT whose numbers were made
 * without Hugging Face's library; there are at least so many of these. */
enum { WITH_LRP = 18 };

static int failures, checks, with_lrp;

static void report(bool ok, const char *family, const char *what, double off)
{
    checks++;
    failures += !ok;
    printf("%s %s: %s, off by %.1e of the largest\n", ok ? "ok" : "FAILED", family, what, off);
}

static const struct tensor *expected(const struct checkpoint *e, const char *name, size_t count)
{
    const struct tensor *t = checkpoint_find(e, name);
    return t != NULL && t->count == count ? t : NULL;
}

/* The largest distance as a share of the largest value; infinite where there is nothing to hold to.
 */
static double distance(const struct tensor *due, const float *is)
{
    double largest = 0, far = 0;
    if (due == NULL)
        return INFINITY;
    for (size_t i = 0; i < due->count; i++) {
        largest = fmax(largest, fabs((double)due->data[i]));
        far = fmax(far, fabs((double)due->data[i] - (double)is[i]));
        if (!isfinite(is[i]))
            return INFINITY;
    }
    return largest > 0 ? far / largest : INFINITY;
}

static uint8_t *pictures(size_t bytes)
{
    uint8_t *rgb = malloc(IMAGES * bytes);
    uint64_t random = 3;
    for (size_t i = 0; rgb != NULL && i < IMAGES * bytes; i++)
        rgb[i] = (uint8_t)random_next(&random);
    return rgb;
}

struct family {
    const char *name, *backend; /* maps are made on */
    struct backend *be;         /* the same: for the pictures */
    struct model *model;
    struct checkpoint *due;
    uint8_t *rgb, *host; /* on the backend's device, and here */
    size_t bytes;        /* of an image */
};

/* bf16 has eight bits, which these weights blow up to 17 % (torchvision; the others to 5 %); an
 * array that is narrow where it should not be leaves nothing of the logits. */
static void check_logits(const struct family *f, const char *backend, enum precision precision)
{
    const struct backend_options options = { .simd = "", .precision = precision };
    size_t classes = (size_t)f->model->geo.classes;
    float *logits = calloc(IMAGES * classes, sizeof *logits);
    struct view views[IMAGES];
    struct backend *be;
    struct net *net;
    struct error err = { 0 };
    double off = INFINITY;
    for (int i = 0; i < IMAGES; i++)
        views[i] = (struct view){ .rgb = f->rgb + (size_t)i * f->bytes };
    if (backend_open(backend, &options, &be, &err) == OK) {
        if (net_open(f->model, be, &input_imagenet, IMAGES, &net, &err) == OK) {
            if (net_forward(net, views, IMAGES, logits, &err) == OK)
                off = distance(expected(f->due, "logits", IMAGES * classes), logits);
            net_close(net);
        }
        backend_close(be);
    }
    char what[100];
    snprintf(what, sizeof what, "logits on %s, %s", backend, precision_names[precision]);
    report(off < (precision == PRECISION_BF16 ? 0.25 : 3e-5), f->name, what, off);
    free(logits);
}

/* At a level that lies on the patch grid. */
static void check_map(const struct family *f, const char *name, const struct explain_options *o,
                      const char *key)
{
    const struct explain_method *method = explain_find(name);
    const bool classes[CLASS_CHOICES] = { true, false };
    const struct backend_options bo = { .simd = "" };
    size_t cells = (size_t)f->model->geo.grid * (size_t)f->model->geo.grid;
    struct explain_image images[IMAGES];
    struct explainer *ex;
    struct error err = { 0 };
    int32_t predicted[IMAGES];
    float identity[IMAGES];
    float sum_error[IMAGES * CLASS_CHOICES];
    uint8_t zero[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        images[i] = (struct explain_image){ .rgb = f->rgb + (size_t)i * f->bytes, .predicted = -1 };
    bool due = checkpoint_find(f->due, key) != NULL;
    if (explainer_open(f->model, f->backend, &bo, &input_imagenet, o, &method, 1, classes, IMAGES,
                       &ex, &err) != OK) {
        /* What has no meaning on a family is refused: it was not made by the reference either. */
        report(!due && err.code == E_CONFIG, f->name, err.text, 0);
        return;
    }
    float *maps = calloc(IMAGES * explainer_map_values(ex), sizeof *maps);
    float *map = calloc(IMAGES * cells, sizeof *map);
    const struct explain_result r = { predicted, maps, identity, zero, sum_error };
    bool ran = explainer_run(ex, images, IMAGES, &r, &err) == OK;
    for (int i = 0; i < IMAGES; i++)
        memcpy(map + (size_t)i * cells, maps + explainer_map_at(ex, i, 0, CLASS_PREDICTED),
               cells * sizeof *map);
    double off = ran ? distance(expected(f->due, key, IMAGES * cells), map) : INFINITY;
    /* The released rollout divides by sums that may be near 0. */
    bool divides = strcmp(name, "rollout") == 0 && strcmp(o->protocol, "released") == 0;
    report(off < (divides ? 1e-3 : 1e-4), f->name, key, off);
    for (int i = 0; ran && i < IMAGES * CLASS_CHOICES; i++)
        if (!isnan(sum_error[i]))
            report(sum_error[i] < 1e-4f, f->name, "what should add up", (double)sum_error[i]);
    bool identity_holds = true;
    for (int i = 0; i < IMAGES; i++)
        identity_holds = identity_holds && !(identity[i] > 1e-4f);
    if (!identity_holds)
        report(false, f->name, "the identity of hidden attention", (double)identity[0]);
    explainer_close(ex);
    free(maps);
    free(map);
}

static void check_maps(const struct family *f)
{
    static const char *const names[] = { "raw", "rollout", "attribution", "mambalrp", "unified" };
    bool vim = strcmp(f->model->arch, "vim") == 0;
    char key[64];
    struct explain_options released = explain_defaults, paper = explain_defaults;
    paper.protocol = "paper";
    for (int m = 0; m < (vim ? 5 : 3); m++) {
        check_map(f, names[m], &released, names[m]);
        snprintf(key, sizeof key, "paper.%s", names[m]);
        if (vim && m < 3)
            check_map(f, names[m], &paper, key);
    }
    struct explain_options token = explain_defaults, patch = explain_defaults, attn;
    token.level = LEVEL_TOKEN;
    patch.level = LEVEL_PATCH;
    if (vim)
        check_map(f, "ixg", &patch, "ixg.patch");
    if (checkpoint_find(f->due, "attnlrp") == NULL)
        return;
    with_lrp++;
    attn = token;
    attn.softmax = SOFTMAX_ATTN;
    attn.gamma_attention = 1;
    check_map(f, "attnlrp", &token, "attnlrp");
    check_map(f, "attnlrp", &attn, "attnlrp.attn");
    check_map(f, "full_lrp", &patch, "full_lrp");
    check_map(f, "libra", &released, "libra");
}

/* Every method works on a family, or is refused by its name. */
static void check_method(const struct family *f, const struct explain_method *method)
{
    const bool classes[CLASS_CHOICES] = { true, false };
    const struct backend_options bo = { .simd = "" };
    const uint8_t *reference = f->host + f->bytes; /* the other picture */
    const struct explain_image image = { .rgb = f->rgb, .predicted = 0 };
    struct explain_options o = explain_defaults;
    struct explainer *ex;
    struct error err = { 0 };
    int32_t predicted;
    float identity;
    uint8_t zero;
    char quoted[80];
    o.steps = o.samples = 2;
    snprintf(quoted, sizeof quoted, "'%s'", method->name);
    if (explainer_open(f->model, f->backend, &bo, &input_imagenet, &o, &method, 1, classes, 1, &ex,
                       &err) != OK) {
        /* the control names the method that it runs */
        bool by_name = err.code == E_CONFIG && (method->control || strstr(err.text, quoted));
        report(by_name && strcmp(err.key, "explain.methods") == 0, f->name, err.text, 0);
        return;
    }
    float *maps = calloc(explainer_map_values(ex), sizeof *maps);
    const struct explain_result r = { &predicted, maps, &identity, &zero, NULL };
    bool fine = explainer_references(ex, &reference, 1, &err) == OK &&
                explainer_run(ex, &image, 1, &r, &err) == OK;
    bool varies = false;
    for (size_t i = 0; i < explainer_map_values(ex) / CLASS_CHOICES; i++) {
        fine = fine && isfinite(maps[i]);
        varies = varies || maps[i] != maps[0];
    }
    /* A map that is clamped may be 0 everywhere, and so may a control's. */
    bool clamped = strstr(method->name, "cam") != NULL || method->control;
    report(fine && (varies || clamped), f->name, method->name, 0);
    explainer_close(ex);
    free(maps);
}

/* Token times gradient, for every token: the whole way back. */
static void bottom(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    size_t len = (size_t)view->geo->tokens, d = (size_t)view->geo->width;
    struct backend *be = view->be;
    real *sums = be->alloc(be, (size_t)view->n * len * be->real_size);
    const struct row_reduce_args dot = { .stat = ROW_DOT,
                                         .rows = (size_t)view->n * len,
                                         .cols = (int)d,
                                         .x = view->tokens,
                                         .y = view->g_tokens,
                                         .out = sums };
    (void)r;
    be->op.row_reduce(be, &dot);
    for (int i = 0; i < view->n; i++)
        be_read_doubles(be, tracks[i].v, be_at(be, sums, (size_t)i * len), len);
    be->free(be, sums);
}

static void check_gradient(const struct family *f)
{
    static const struct method_on on[] = { { "", { .bottom = bottom } }, { 0 } };
    static const struct method dot = {
        .info = { .name = "dot" }, .gradient = GRADIENT_PLAIN, .traits = METHOD_SUMS, .on = on
    };
    const struct job job = { .method = &dot };
    size_t len = (size_t)f->model->geo.tokens;
    float *is = calloc(IMAGES * len, sizeof *is);
    struct view views[IMAGES];
    struct backend *be;
    struct sweep *s;
    struct error err = { 0 };
    int32_t predicted[IMAGES] = { -1, -1 }, target[IMAGES] = { 0 };
    double off = INFINITY;
    for (int i = 0; i < IMAGES; i++)
        views[i] = (struct view){ .rgb = f->rgb + (size_t)i * f->bytes };
    if (backend_open(backend_double_name(f->backend), NULL, &be, &err) == OK) {
        void *weights = f->model->type->bind(f->model, be, WEIGHT_FORWARD | WEIGHT_BACK);
        const struct sweep_on place = { be, be, weights, weights, NULL };
        if (weights != NULL && sweep_open(f->model, &place, &input_imagenet, &job, 1, IMAGES,
                                          LAYERS_AUTO, &s, &err) == OK) {
            sweep_run(s, views, IMAGES, predicted, target);
            for (int i = 0; i < IMAGES; i++)
                for (size_t t = 0; t < len; t++)
                    is[(size_t)i * len + t] = (float)s->jobs[0].tracks[i].v[t];
            off = distance(expected(f->due, "token_times_gradient", IMAGES * len), is);
            sweep_close(s);
        }
        f->model->type->unbind(weights, be);
        backend_close(be);
    }
    report(off < 1e-4, f->name, "gradient at the tokens", off);
    free(is);
}

static bool load_pictures(struct family *f, struct error *err)
{
    f->host = pictures(f->bytes);
    bool ok = f->host != NULL && backend_open(f->backend, NULL, &f->be, err) == OK;
    f->rgb = ok ? f->be->alloc(f->be, IMAGES * f->bytes) : NULL;
    if (f->rgb != NULL)
        f->be->upload(f->be, f->rgb, f->host, IMAGES * f->bytes);
    return f->rgb != NULL && f->be->sync(f->be, err) == OK;
}

static void check_family(const char *folder, const char *name, const char *backend)
{
    struct family f = { .name = name, .backend = backend };
    struct checkpoint *ck;
    struct error err = { 0 };
    char path[1000];
    struct model_options o = { .heads = HEADS, .heads_if_any = true };
    bool last = strstr(name, "cls_last") || strstr(name, "one_direction");
    o.cls = strstr(name, "cls_first") ? "first" : last ? "last" : NULL;
    o.undivided = strstr(name, "undivided") != NULL;
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    if (checkpoint_open(path, &ck, &err) != OK || model_open(ck, &o, &f.model, &err) != OK) {
        report(false, name, err.text, INFINITY);
        return;
    }
    snprintf(path, sizeof path, "%s/%s.expected.safetensors", folder, name);
    f.bytes = (size_t)f.model->geo.image_size * (size_t)f.model->geo.image_size * 3;
    if (!load_pictures(&f, &err) || checkpoint_open(path, &f.due, &err) != OK) {
        report(false, name, err.text, INFINITY);
    } else {
        if (strcmp(backend, "cpu") == 0)
            check_logits(&f, "ref", PRECISION_FP32);
        check_logits(&f, backend, PRECISION_BF16);
        check_logits(&f, backend, PRECISION_FP32);
        check_gradient(&f);
        check_maps(&f);
        for (int i = 0; explain_methods[i] != NULL; i++)
            check_method(&f, explain_methods[i]);
    }
    checkpoint_close(f.due);
    model_close(f.model);
    if (f.rgb != NULL)
        f.be->free(f.be, f.rgb);
    backend_close(f.be);
    free(f.host);
}

int main(int argc, char **argv)
{
    static const char end[] = ".expected.safetensors";
    const char *backend = argc > 2 ? argv[2] : "cpu";
    DIR *d = opendir(argc > 1 ? argv[1] : ".");
    if (d == NULL) {
        printf("FAILED: no folder of families\n");
        return 1;
    }
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        size_t n = strlen(e->d_name);
        if (n <= sizeof end - 1 || strcmp(e->d_name + n - (sizeof end - 1), end) != 0)
            continue;
        e->d_name[n - (sizeof end - 1)] = '\0';
        bool asked = argc <= 3;
        for (int i = 3; i < argc; i++)
            asked = asked || strcmp(e->d_name, argv[i]) == 0;
        if (asked)
            check_family(argv[1], e->d_name, backend);
    }
    closedir(d);
    printf("%d checks, %d failed\n", checks, failures);
    int due = argc > 3 ? 1 : WITH_LRP;
    if (with_lrp < due)
        printf("FAILED: numbers of LRP for %d families, should be %d\n", with_lrp, due);
    return failures > 0 || with_lrp < due;
}
