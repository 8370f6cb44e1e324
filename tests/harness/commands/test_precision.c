/* evalh precision ends with an error where the comparison of maps fails, and prints nothing that it
 * could not compute. The linker puts this file's functions before the engine's (-Wl,--wrap). */
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "run_command.h"
#include "runner.h"

#include "run_tests.h"

enum { RUNS = 4 }; /* fp32, double, mixed, and double with a moved input */

enum fault { NONE, NO_MEMORY, DEVICE };
static enum fault fault;
static int runs; /* that are over */

enum status __real_runner_shard(struct runner *, size_t first, size_t count, runner_progress *,
                                void *context, struct error *);
enum status __wrap_runner_shard(struct runner *, size_t first, size_t count, runner_progress *,
                                void *context, struct error *);
void *__real_engine_alloc(struct engine *, size_t count, size_t size);
void *__wrap_engine_alloc(struct engine *, size_t count, size_t size);
void __real_engine_rank(struct engine *, const struct rank_args *);
void __wrap_engine_rank(struct engine *, const struct rank_args *);

enum status __wrap_runner_shard(struct runner *r, size_t first, size_t count,
                                runner_progress *progress, void *context, struct error *err)
{
    runs++;
    return __real_runner_shard(r, first, count, progress, context, err);
}

/* Memory runs out when the maps are compared. */
void *__wrap_engine_alloc(struct engine *e, size_t count, size_t size)
{
    return fault == NO_MEMORY && runs == RUNS ? NULL : __real_engine_alloc(e, count, size);
}

/* A segmentation test ranks no pixels, so that this is the comparison of maps. The error stays
 * until the engine is asked for it. */
void __wrap_engine_rank(struct engine *e, const struct rank_args *args)
{
    __real_engine_rank(e, args);
    if (fault == DEVICE)
        e->backend->failed = (struct error){ .code = E_DEVICE, .text = "the device is lost" };
}

static struct outcome run_with(enum fault f)
{
    char command[600];
    const char *model = in_folder("vim.safetensors"), *config = in_folder("precision.ini");
    snprintf(command, sizeof command, "%s vim %s >/dev/null", getenv("MAKE_MODEL"), model);
    assert_int_equal(system(command), 0);
    FILE *ini = fopen(config, "w");
    assert_non_null(ini);
    fprintf(ini,
            "[model]\ncheckpoint = %s\n[data]\nkind = demo\npath = %s\nimages = 2\nsize = 40\n"
            "[explain]\nmethods = raw\nclass = predicted\n[task]\nkind = segmentation\n"
            "[compute]\ndevice = cpu\nthreads = 1\n[run]\noutput = %s\n",
            model, in_folder("demo"), in_folder("x.h5"));
    assert_int_equal(fclose(ini), 0);
    fault = f;
    runs = 0;
    struct outcome o = run_command(&command_precision, (const char *const[]){ config, NULL });
    assert_int_equal(runs, RUNS);
    fault = NONE;
    return o;
}

static void compares(void **state)
{
    (void)state;
    struct outcome o = run_with(NONE);
    assert_int_equal(o.code, EXIT_DONE);
    assert_non_null(strstr(o.out, "| raw | predicted | 2 |"));
    outcome_free(&o);
}

static void fails(void **state)
{
    static const struct {
        enum fault fault;
        const char *says;
    } faults[] = { { NO_MEMORY, "no memory for a heat map" }, { DEVICE, "the device is lost" } };
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct outcome o = run_with(faults[i].fault);
        assert_int_equal(o.code, EXIT_FAILED);
        assert_non_null(strstr(o.err, faults[i].says));
        assert_null(strstr(o.out, "| raw "));
        outcome_free(&o);
    }
}

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(compares), TEST(fails));
}
