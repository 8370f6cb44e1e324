/* Compares what evalh explain prints and evalh attn writes with golden/models.h5. */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "golden.h"
#include "run_command.h"

#include "run_tests.h"

static const char *shared;
static hid_t file = -1;

static const char *checkpoint_path(const char *model, char *path, size_t size)
{
    snprintf(path, size, "%s/golden/%s.pth", shared, model);
    if (access(path, R_OK) != 0)
        snprintf(path, size, "%s/golden/%s.safetensors", shared, model);
    return path;
}

/* The arguments that both commands want for a model of golden. */
static void run_golden(const struct command *command, const char *model, const char *image,
                       struct outcome *o)
{
    char checkpoint[1200], picture[1200], size[40], heads[40], out[200];
    int h = golden_attribute(file, model, "heads");
    snprintf(picture, sizeof picture, "%s/golden/images/%s", shared, image);
    snprintf(size, sizeof size, "--image-size=%d", golden_attribute(file, model, "image_size"));
    snprintf(heads, sizeof heads, "--heads=%d", h);
    snprintf(out, sizeof out, "--out=%s", in_folder("pictures"));
    const char *arguments[] = { checkpoint_path(model, checkpoint, sizeof checkpoint),
                                picture,
                                "--preprocess=stretch",
                                size,
                                out,
                                h > 0 ? heads : NULL,
                                NULL };
    *o = run_command(command, arguments);
    if (o->code != EXIT_DONE)
        fail_msg("%s %s: %s", model, image, o->err);
}

/* ---- explain --------------------------------------------------------------------------------- */

/* Every line "  12.34 %   7  " shows the softmax of that class's golden logit, and every class with
 * a larger one stands above it. */
static void check_top(const char *model, const char *image, const char *text)
{
    char path[300];
    size_t classes, lines = 0;
    snprintf(path, sizeof path, "%s/%s/logits", model, image);
    double *logits = golden_read(file, path, &classes), sum = 0;
    assert_non_null(logits);
    for (size_t i = 0; i < classes; i++)
        sum += exp(logits[i]);
    for (const char *at = strchr(text, '\n'); at != NULL; at = strchr(at + 1, '\n')) {
        double percent;
        int class;
        if (sscanf(at + 1, " %lf %% %d", &percent, &class) != 2)
            continue;
        assert_in_range(class, 0, classes - 1);
        assert_float_equal(percent, 100 * exp(logits[class]) / sum, 0.0051);
        for (size_t i = 0; i < classes; i++)
            if (logits[i] > logits[class] + 1e-4)
                fail_msg("%s %s: class %zu is more probable than %d", model, image, i, class);
        logits[class] = -INFINITY;
        lines++;
    }
    assert_int_equal(lines, classes < 5 ? classes : 5);
    free(logits);
}

static void explain_prints_golden_classes(void **state)
{
    static const char *const models[] = { "vim_micro", "vim_odd", "vim_s8", "vit_micro",
                                          "vit_odd" };
    static const char *const images[] = { "n01484850_great_white_shark.jpg",
                                          "n02089973_English_foxhound.jpg",
                                          "n02328150_Angora.jpg" };
    (void)state;
    if (shared == NULL)
        skip();
    for (size_t m = 0; m < sizeof models / sizeof *models; m++)
        for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
            struct outcome o;
            if (m > 0 && i > 0) /* all three photographs with one model */
                continue;
            run_golden(&command_explain, models[m], images[i], &o);
            check_top(models[m], images[i], o.out);
            outcome_free(&o);
        }
}

/* ---- attn ------------------------------------------------------------------------------------ */

/* Of the default layers and channels the mean comes third. */
static void check_mean(const char *model, const char *image, int layer)
{
    char path[300];
    size_t count, all;
    snprintf(path, sizeof path, "%s/%s/layer%d_mean_matrix", model, image, layer);
    double *want = golden_read(file, path, &count);
    snprintf(path, sizeof path, "pictures/%.*s-attention.h5", (int)strcspn(image, "."), image);
    hid_t ours = H5Fopen(in_folder(path), H5F_ACC_RDONLY, H5P_DEFAULT);
    snprintf(path, sizeof path, "model/layer_%02d/matrix", layer);
    double *have = golden_read(ours, path, &all), size = 0;
    assert_non_null(want);
    assert_non_null(have);
    assert_int_equal(all, 3 * count);
    float *mean = malloc(count * sizeof *mean);
    for (size_t i = 0; i < count; i++)
        mean[i] = (float)have[2 * count + i];
    double error = golden_error(mean, want, count, &size);
    assert_true(error <= 1e-4 * size);
    free(mean);
    free(want);
    free(have);
    H5Fclose(ours);
}

static void attn_writes_golden_matrices(void **state)
{
    static const struct {
        const char *model;
        int layer; /* at half the depth, among the default ones */
    } known[] = { { "vim_micro", 3 }, { "vim_odd", 2 } };
    static const char image[] = "n02328150_Angora.jpg";
    (void)state;
    if (shared == NULL)
        skip();
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct outcome o;
        run_golden(&command_attn, known[i].model, image, &o);
        check_mean(known[i].model, image, known[i].layer);
        outcome_free(&o);
    }
}

int main(void)
{
    char path[1200];
    shared = golden_shared(SOURCE_ROOT);
    if (shared == NULL) {
        puts("SKIPPED: there is no ../shared with golden numbers beside the checkout");
        return 77;
    }
    if (system("gnuplot --version >/dev/null 2>&1") != 0) {
        puts("SKIPPED: both commands draw, and there is no gnuplot (Debian: gnuplot-nox)");
        return 77;
    }
    snprintf(path, sizeof path, "%s/golden/models.h5", shared);
    file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(file >= 0);
    int failed = RUN_TESTS(make_folder, remove_folder, TEST(explain_prints_golden_classes),
                           TEST(attn_writes_golden_matrices));
    H5Fclose(file);
    return failed;
}
