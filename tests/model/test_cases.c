/* test_cases FOLDER: every checkpoint of FOLDER/cases/checkpoints is read or refused as it should
 * be. Without that folder the test says so and is skipped. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model.h"
#include "random.h"

enum { CLASSES = 10, SKIPPED = 77, PIXELS = 300 * 300 * 3 };

static int failures;

static void report(bool ok, const char *file, const char *what)
{
    printf("%s %s: %s\n", ok ? "ok" : "FAILED", file, what);
    failures += !ok;
}

static struct model *open_case(const char *folder, const char *file,
                               const struct checkpoint_options *which, struct error *err)
{
    char path[1000];
    struct checkpoint *ck;
    struct model *m;
    const struct model_options o = { 0 };
    snprintf(path, sizeof path, "%s/cases/checkpoints/%s", folder, file);
    if (checkpoint_open_as(path, which, &ck, err) != OK || model_open(ck, &o, &m, err) != OK)
        return NULL;
    return m;
}

static bool classify(const struct model *m, float *logits)
{
    static uint8_t rgb[PIXELS];
    struct backend *be;
    struct net *net;
    struct error err;
    uint64_t random = 3;
    size_t bytes = (size_t)m->geo.image_size * (size_t)m->geo.image_size * 3;
    for (size_t i = 0; i < bytes && i < PIXELS; i++)
        rgb[i] = (uint8_t)random_next(&random);
    const struct view view = { .rgb = rgb };
    bool ok =
        bytes <= PIXELS && m->geo.classes == CLASSES && backend_open("cpu", NULL, &be, &err) == OK;
    if (!ok)
        return false;
    ok = net_open(m, be, &input_imagenet, 1, &net, &err) == OK;
    if (ok) {
        ok = net_forward(net, &view, 1, logits, &err) == OK;
        net_close(net);
    }
    backend_close(be);
    return ok;
}

/* The largest distance from base.pth's logits, as a share of their largest. */
static double distance(const struct model *m, const float *base)
{
    float logits[CLASSES];
    double largest = 0, far = 0;
    if (!classify(m, logits))
        return INFINITY;
    for (int c = 0; c < CLASSES; c++) {
        largest = fmax(largest, fabs((double)base[c]));
        far = fmax(far, fabs((double)logits[c] - (double)base[c]));
    }
    return far / largest;
}

static bool noted(const struct model *m, const char *words)
{
    for (size_t i = 0; i < m->notes.count; i++)
        if (strstr(m->notes.line[i], words) != NULL)
            return true;
    return false;
}

static void check_names(const char *folder, const float *base)
{
    static const char *const files[] = { "a_orig_mod.pth", "a_backbone.pth",
                                         "b_model_state_dict.pth", "b_scalar_beside.pth" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct error err = { 0 };
        struct model *m = open_case(folder, files[i], NULL, &err);
        if (m == NULL) {
            report(false, files[i], err.text);
            continue;
        }
        report(distance(m, base) == 0, files[i], "the logits of base.pth, bit for bit");
        model_close(m);
    }
}

static void check_ema(const char *folder)
{
    static const char file[] = "b_deit_train_with_ema.pth";
    const struct checkpoint_options ema = { .weights = CHECKPOINT_EMA };
    float one[CLASSES] = { 0 };
    struct error err = { 0 };
    struct model *a = open_case(folder, file, NULL, &err), *b = open_case(folder, file, &ema, &err);
    if (a == NULL || b == NULL || !classify(a, one)) {
        report(false, file, err.text);
    } else {
        report(noted(a, "weights: plain ('model')"), file, "says that plain weights were taken");
        report(noted(b, "weights: the EMA copy ('model_ema')"), file,
               "says that the EMA was taken");
        report(distance(b, one) > 1e-3, file, "the two differ");
    }
    model_close(a);
    model_close(b);
}

/* Read as this geometry, or refused with these words. */
static void check_family(const char *folder, const char *file, int tokens, const char *words)
{
    struct error err = { 0 };
    struct model *m = open_case(folder, file, NULL, &err);
    if (m != NULL)
        report(m->geo.tokens == tokens && words == NULL, file, "is read");
    else
        report(words != NULL && strstr(err.text, words) != NULL, file, err.text);
    model_close(m);
}

static void check_size(const char *folder)
{
    static const char file[] = "e_patch16_272_fits_224.pth";
    struct error err = { 0 };
    struct model *m = open_case(folder, file, NULL, &err);
    report(m != NULL && m->geo.image_size == 272 && m->geo.stride == 16, file,
           "272 pixels, patches side by side");
    model_close(m);
}

int main(int argc, char **argv)
{
    float base[CLASSES];
    struct error err = { 0 };
    char path[1000];
    const char *folder = getenv("EVALH_SHARED");
    if (folder == NULL)
        folder = argc > 1 ? argv[1] : ".";
    snprintf(path, sizeof path, "%s/cases/checkpoints/base.pth", folder);
    if (access(path, R_OK) != 0) {
        printf("SKIPPED: no %s\n", path);
        return SKIPPED;
    }
    struct model *m = open_case(folder, "base.pth", NULL, &err);
    if (m == NULL || !classify(m, base)) {
        printf("FAILED base.pth: %s\n", err.text);
        return 1;
    }
    model_close(m);
    check_names(folder, base);
    check_ema(folder);
    check_size(folder);
    check_family(folder, "e_deit3.pth", 17, NULL);
    check_family(folder, "e_hf_vit_model.safetensors", 17, NULL);
    check_family(folder, "e_torchvision_vit.pth", 17, NULL);
    check_family(folder, "e_deit_distilled.pth", 18, NULL);
    check_family(folder, "e_fc_norm_avg_pool.pth", 17, NULL);
    check_family(folder, "f_vim_double_cls.pth", 18, NULL);
    check_family(folder, "f_vim_no_cls_mean_pool.pth", 16, NULL);
    printf("%d failed\n", failures);
    return failures > 0;
}
