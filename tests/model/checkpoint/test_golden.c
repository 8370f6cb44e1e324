/* The golden checkpoints load, and what was loaded survives a trip through .safetensors. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint.h"

#include "run_tests.h"

static char shared[1024];

static struct checkpoint *open_golden(const char *name, const char *format)
{
    char path[1200];
    struct checkpoint *c = NULL;
    struct error err = { 0 };
    snprintf(path, sizeof path, "%s/golden/%s", shared, name);
    if (checkpoint_open(path, &c, &err) != OK)
        fail_msg("%s", err.text);
    assert_string_equal(c->format, format);
    return c;
}

static void assert_equal(const struct checkpoint *a, const struct checkpoint *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct tensor *x = &a->tensors[i], *y = &b->tensors[i];
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->ndim, y->ndim);
        assert_memory_equal(x->shape, y->shape, (size_t)x->ndim * sizeof *x->shape);
        assert_int_equal(x->count, y->count);
        if (x->count > 0)
            assert_memory_equal(x->data, y->data, x->count * sizeof *x->data);
        assert_ptr_equal(checkpoint_find(a, y->name), x);
    }
}

static void check_round_trip(const char *name, const char *format)
{
    char path[] = "/tmp/evalh-test-XXXXXX";
    struct checkpoint *a = open_golden(name, format), *b = NULL;
    struct error err = { 0 };
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    if (checkpoint_write_safetensors(path, a, CHECKPOINT_FP32, &err) != OK ||
        checkpoint_open(path, &b, &err) != OK)
        fail_msg("%s", err.text);
    assert_string_equal(b->format, "safetensors");
    assert_equal(a, b);
    unlink(path);
    checkpoint_close(a);
    checkpoint_close(b);
}

static void test_golden(void **state)
{
    (void)state;
    check_round_trip("vim_micro.pth", "pth (zip)");
    check_round_trip("vim_s8.pth", "pth (zip)");
    check_round_trip("vit_micro.pth", "pth (zip)");
    check_round_trip("vit_odd.pth", "pth (stream)");
    check_round_trip("vim_odd.safetensors", "safetensors");
    check_round_trip("vim_tiny.safetensors", "safetensors");
    check_round_trip("deit_tiny.safetensors", "safetensors");
}

/* `module.` is gone, and so is what stands beside the state dict. */
static void test_names(void **state)
{
    (void)state;
    struct checkpoint *c = open_golden("vit_micro.pth", "pth (zip)");
    assert_non_null(checkpoint_find(c, "cls_token"));
    assert_null(checkpoint_find(c, "module.cls_token"));
    checkpoint_close(c);
    c = open_golden("vim_micro.pth", "pth (zip)");
    assert_non_null(checkpoint_find(c, "layers.0.mixer.A_b_log"));
    for (size_t i = 0; i < c->count; i++)
        assert_null(strstr(c->tensors[i].name, "exp_avg"));
    checkpoint_close(c);
}

int main(int argc, char **argv)
{
    const char *const candidates[] = { getenv("EVALH_SHARED"), argc > 1 ? argv[1] : NULL,
                                       "/work/shared" };
    for (size_t i = 0; i < 3 && shared[0] == '\0'; i++) {
        char golden[1100];
        snprintf(golden, sizeof golden, "%s/golden", candidates[i] == NULL ? "" : candidates[i]);
        if (candidates[i] != NULL && access(golden, R_OK) == 0)
            snprintf(shared, sizeof shared, "%s", candidates[i]);
    }
    if (shared[0] == '\0') {
        printf("SKIPPED: no ../shared/golden; the golden checkpoints were not tested\n");
        return 77;
    }
    return RUN_TESTS(NULL, NULL, TEST(test_golden), TEST(test_names));
}
