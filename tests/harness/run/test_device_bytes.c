/* What a plan says that a run takes of its device beside the engine is what it takes, to the byte:
 * every task, every fill that has memory of its own, several batches, on the emulated GPU. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "model_folder.h"
#include "runner.h"
#include "task.h"

#include "run_tests.h"

static void good(enum status status, const struct error *err)
{
    if (status != OK)
        fail_msg("%s", err->text);
}

static void check(const char *kind, const char *fill, int batch)
{
    static const char *const plain[] = { "data.kind=demo",
                                         "data.images=5",
                                         "data.size=40",
                                         "explain.methods=raw, random",
                                         "compute.device=cuda",
                                         "task.groups=3",
                                         "explain.class=predicted",
                                         "task.tiles=3",
                                         "task.subsets=7",
                                         "task.samples=2",
                                         "task.directions=positive",
                                         "task.steps=3" };
    struct config *c;
    struct plan *p;
    struct runner *r;
    struct error err;
    char own[5][200];
    snprintf(own[0], sizeof own[0], "model.checkpoint=%s/vim.safetensors", folder);
    snprintf(own[1], sizeof own[1], "run.output=%s/x.h5", folder);
    snprintf(own[2], sizeof own[2], "data.path=%s/demo", folder);
    snprintf(own[3], sizeof own[3], "task.fill=%s", fill);
    snprintf(own[4], sizeof own[4], "compute.batch=%d", batch);
    good(config_new(&c, &err), &err);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        good(config_set(c, plain[i], &err), &err);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        good(config_set(c, own[i], &err), &err);
    snprintf(own[0], sizeof own[0], "task.kind=%s", kind);
    good(config_set(c, own[0], &err), &err);
    good(config_finish(c, &err), &err);
    good(plan_open(c, &p, &err), &err);
    const struct backend *be = p->engine->backend;
    size_t before = be->held;
    good(runner_open(p, 5, &r, &err), &err);
    if (be->held - before != runner_device_bytes(p, (size_t)batch))
        fail_msg("%s, %s, batch %d: %zu bytes planned, %zu taken", kind, fill, batch,
                 runner_device_bytes(p, (size_t)batch), be->held - before);
    assert_int_equal(p->engine->info.beside_bytes, be->held - before);
    runner_close(r);
    assert_int_equal(be->held, before);
    plan_close(p);
    config_free(c);
}

static void test_tasks(void **state)
{
    (void)state;
    for (int i = 0; tasks[i] != NULL; i++)
        for (int batch = 1; batch <= 5; batch += 4)
            check(tasks[i]->name, "black", batch);
    check("perturbation, segmentation, groups", "black", 3);
}

static void test_fills(void **state)
{
    (void)state;
    check("perturbation", "blur", 3);
    check("perturbation", "rise_blur", 3);
    check("perturbation", "linear", 3);
}

int main(void)
{
    return RUN_TESTS(make_model_folder, remove_model_folder, TEST(test_tasks), TEST(test_fills));
}
