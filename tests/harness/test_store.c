/* The store: shards are whole or absent, an interrupted run goes on to the same bytes, nothing of
 * another run is mixed in, and a fault says what it is and loses nothing. */
#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "h5file.h"
#include "store.h"

#include <cmocka.h>

enum { IMAGES = 23, MAP = 3 };

static char folder[40] = "/dev/shm/evalh-store-XXXXXX"; /* many syncs: in memory if it can be */
static char output[64];

static struct config *make_config(const char *change)
{
    struct config *c;
    struct error err;
    assert_int_equal(config_new(&c, &err), OK);
    assert_int_equal(config_set(c, "run.name=test", &err), OK);
    if (change != NULL)
        assert_int_equal(config_set(c, change, &err), OK);
    assert_int_equal(config_finish(c, &err), OK);
    return c;
}

static void make_layout(struct records *r, size_t rows)
{
    int i;
    struct error err;
    *r = (struct records){ 0 };
    assert_int_equal(records_add(r, COLUMN_TEXT, 12, 0, &i, &err, "images/id"), OK);
    assert_int_equal(records_add(r, COLUMN_I32, 0, 0, &i, &err, "images/label"), OK);
    assert_int_equal(
        records_add(r, COLUMN_F32, MAP, MAP, &i, &err, "explain/%s/predicted/map", "raw"), OK);
    assert_int_equal(records_link(r, i, &err, "explain/raw/target/map"), OK);
    assert_int_equal(records_add(r, COLUMN_U8, 10, 0, &i, &err, "perturbation/hit"), OK);
    assert_int_equal(records_alloc(r, rows, &err), OK);
}

/* What image `image` holds in the tests' pretended run. */
static void fill_row(struct records *r, size_t row, size_t image)
{
    records_blank(r, row);
    snprintf(records_at(r, 0, row), 12, "img%zu", image);
    *(int32_t *)records_at(r, 1, row) = (int32_t)(image * 7 % 5);
    float *map = records_at(r, 2, row);
    for (int k = 0; k < MAP * MAP; k++)
        map[k] = (float)image + (float)k / 16;
    uint8_t *hit = records_at(r, 4, row);
    for (int k = 0; k < 10; k++)
        hit[k] = (uint8_t)((image + (size_t)k) & 1);
}

static enum status open_at(const char *path, struct config *c, const char *checkpoint,
                           size_t shard_size, bool fresh, struct store **s, struct error *err)
{
    struct store_identity id = { .config = c,
                                 .checkpoint_sha256 = checkpoint,
                                 .dataset_fingerprint = "f",
                                 .device = "cpu",
                                 .images = IMAGES,
                                 .shard_size = shard_size };
    return store_open(path, &id, fresh, s, err);
}

static enum status put_one(struct store *s, size_t shard, struct records *r, struct error *err)
{
    size_t first, count;
    store_range(s, shard, &first, &count);
    for (size_t row = 0; row < count; row++)
        fill_row(r, row, first + row);
    return store_put(s, shard, r, err);
}

/* Runs to the end whatever is missing. */
static enum status run_all(struct config *c, size_t shard_size, struct error *err)
{
    struct store *s;
    struct records r;
    TRY(open_at(output, c, "k", shard_size, false, &s, err));
    make_layout(&r, 64);
    enum status status = OK;
    for (size_t i = 0; i < store_shards(s) && status == OK && !store_complete(s); i++)
        if (!store_has(s, i))
            status = put_one(s, i, &r, err);
    if (status == OK && !store_complete(s))
        status = store_merge(s, &r, NULL, 0, NULL, err);
    records_free(&r);
    store_close(s);
    return status;
}

/* Fails the test unless OUTPUT holds every row as fill_row makes it. */
static void check_output(void)
{
    struct records r;
    struct error err;
    make_layout(&r, IMAGES);
    hid_t file = H5Fopen(output, H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_true(file >= 0);
    struct records want;
    make_layout(&want, IMAGES);
    for (size_t i = 0; i < IMAGES; i++)
        fill_row(&want, i, i);
    for (int i = 0; i < r.count; i++) {
        int from = r.columns[i].same_as >= 0 ? r.columns[i].same_as : i;
        if (h5_read_column(file, &r.columns[i], IMAGES, r.columns[from].data, &err) != OK)
            fail_msg("%s", err.text);
        assert_memory_equal(r.columns[from].data, want.columns[from].data,
                            IMAGES * r.columns[from].row_bytes);
    }
    int64_t complete;
    assert_int_equal(h5_get_int(file, "complete", &complete, &err), OK);
    assert_int_equal(complete, 1);
    H5Fclose(file);
    records_free(&r);
    records_free(&want);
    char parts[80];
    snprintf(parts, sizeof parts, "%s.parts", output);
    assert_int_not_equal(access(parts, F_OK), 0);
}

static int clean(void **state)
{
    (void)state;
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s/*", folder);
    return system(command);
}

static void shards_merge_in_any_size(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 7, 23, 64 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct config *c = make_config(NULL);
        struct error err;
        clean(NULL);
        if (run_all(c, sizes[i], &err) != OK)
            fail_msg("%s", err.text);
        check_output();
        config_free(c);
    }
}

static void killed_runs_go_on(void **state)
{
    (void)state;
    struct error err;
    unsigned seed = 12345;
    int interrupted = 0;
    for (int round = 0; round < 30; round++) {
        struct config *c = make_config(NULL);
        clean(NULL);
        for (int attempt = 0; attempt < 3; attempt++) {
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0)
                _exit(run_all(c, 2, &err) != OK);
            usleep((useconds_t)(rand_r(&seed) % 25000));
            kill(child, SIGKILL);
            int how;
            waitpid(child, &how, 0);
            interrupted += WIFSIGNALED(how);
        }
        if (run_all(c, 2, &err) != OK)
            fail_msg("round %d: %s", round, err.text);
        check_output();
        config_free(c);
    }
    assert_true(interrupted > 10); /* else nothing was tested */
}

/* Two shards of a run that stopped. */
static void leave_two_shards(struct config *c)
{
    struct store *s;
    struct records r;
    struct error err;
    assert_int_equal(open_at(output, c, "k", 5, false, &s, &err), OK);
    make_layout(&r, 5);
    assert_int_equal(put_one(s, 0, &r, &err), OK);
    assert_int_equal(put_one(s, 3, &r, &err), OK);
    records_free(&r);
    store_close(s);
}

static void expect_refusal(const char *change, const char *checkpoint, const char *message)
{
    struct config *c = make_config(change);
    struct store *s;
    struct error err;
    assert_int_equal(open_at(output, c, checkpoint, 5, false, &s, &err), E_CONFIG);
    if (strstr(err.text, message) == NULL || strstr(err.text, "--fresh") == NULL)
        fail_msg("'%s' does not say '%s' and --fresh", err.text, message);
    config_free(c);
}

static void another_run_is_refused(void **state)
{
    (void)state;
    struct config *c = make_config(NULL), *other = make_config("explain.discard=0.2");
    struct store *s;
    struct error err;
    leave_two_shards(c);
    expect_refusal("explain.discard=0.2", "k", "explain.discard was '0' and is now '0.2'");
    expect_refusal(NULL, "another", "another checkpoint");
    /* What does not shape results is no reason, and the shard size is that of before. */
    struct config *threads = make_config("compute.threads=2");
    assert_int_equal(open_at(output, threads, "k", 7, false, &s, &err), OK);
    assert_int_equal(store_shards(s), 5);
    assert_int_equal(store_done(s), 2);
    assert_true(store_has(s, 3));
    store_close(s);
    assert_int_equal(open_at(output, other, "k", 5, true, &s, &err), OK);
    assert_int_equal(store_done(s), 0);
    store_close(s);
    /* Values longer than a line of a config file may be. */
    char longer[400];
    snprintf(longer, sizeof longer, "data.path=/%0300d", 7);
    struct config *far = make_config(longer);
    assert_int_equal(config_set(far, "explain.discard=0.3", &err), OK);
    assert_int_equal(open_at(output, far, "k", 5, true, &s, &err), OK);
    store_close(s);
    leave_two_shards(far);
    assert_int_equal(open_at(output, other, "k", 5, false, &s, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "explain.discard was '0.3' and is now '0.2'"));
    config_free(far);
    assert_int_equal(open_at(output, c, "k", 5, true, &s, &err), OK);
    store_close(s);
    /* The same against a finished file. */
    if (run_all(c, 5, &err) != OK)
        fail_msg("%s", err.text);
    expect_refusal("explain.discard=0.2", "k", "explain.discard was '0' and is now '0.2'");
    assert_int_equal(open_at(output, c, "k", 5, false, &s, &err), OK);
    assert_true(store_complete(s));
    store_close(s);
    check_output();
    config_free(c);
    config_free(other);
    config_free(threads);
}

static void foreign_files_are_refused(void **state)
{
    (void)state;
    struct config *c = make_config(NULL);
    struct store *s;
    struct error err;
    FILE *f = fopen(output, "w");
    fputs("my thesis\n", f);
    fclose(f);
    assert_int_equal(open_at(output, c, "k", 5, false, &s, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "is no HDF5 file"));
    unlink(output);
    hid_t file = H5Fcreate(output, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    assert_int_equal(open_at(output, c, "k", 5, false, &s, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "is no result of this version of evalh"));
    assert_int_equal(open_at("/no/such/folder/x.h5", c, "k", 5, false, &s, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "folder '/no/such/folder': No such file"));
    assert_int_equal(open_at("/dev/null/x.h5", c, "k", 5, false, &s, &err), E_CONFIG);
    config_free(c);
}

static void second_run_waits_outside(void **state)
{
    (void)state;
    struct config *c = make_config(NULL);
    struct store *s, *t;
    struct error err;
    assert_int_equal(open_at(output, c, "k", 5, false, &s, &err), OK);
    assert_int_equal(open_at(output, c, "k", 5, false, &t, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "another evalh run is at work"));
    /* The one that was refused took nothing away. */
    struct records r;
    make_layout(&r, 5);
    assert_int_equal(put_one(s, 0, &r, &err), OK);
    records_free(&r);
    store_close(s);
    assert_int_equal(open_at(output, c, "k", 5, false, &t, &err), OK);
    store_close(t);
    config_free(c);
}

static void stale_files_are_swept(void **state)
{
    (void)state;
    struct config *c = make_config(NULL);
    char host[65] = "", path[200];
    struct store *s;
    struct error err;
    leave_two_shards(c);
    gethostname(host, sizeof host - 1);
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    waitpid(gone, NULL, 0);
    snprintf(path, sizeof path, "%s.parts/shard-000001.h5.%s.%ld.tmp", output, host, (long)gone);
    FILE *f = fopen(path, "w");
    fclose(f);
    assert_int_equal(open_at(output, c, "k", 5, false, &s, &err), OK);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(store_done(s), 2);
    store_close(s);
    config_free(c);
}

static void damaged_shard_is_named(void **state)
{
    (void)state;
    struct config *c = make_config(NULL);
    char path[200];
    struct error err;
    leave_two_shards(c);
    snprintf(path, sizeof path, "%s.parts/shard-000003.h5", output);
    assert_int_equal(truncate(path, 900), 0);
    enum status status = run_all(c, 5, &err);
    assert_int_not_equal(status, OK);
    assert_non_null(strstr(err.text, "shard-000003.h5: damaged"));
    assert_int_not_equal(access(output, F_OK), 0);
    unlink(path);
    if (run_all(c, 5, &err) != OK)
        fail_msg("%s", err.text);
    check_output();
    config_free(c);
}

/* A file size limit stands in for a full disk: write() fails the same way. */
static void full_disk_loses_nothing(void **state)
{
    (void)state;
    struct config *c = make_config(NULL);
    struct error err;
    leave_two_shards(c);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = { 2000, 2000 };
        setrlimit(RLIMIT_FSIZE, &limit);
        enum status status = run_all(c, 5, &err);
        _exit(status == E_IO && strstr(err.text, "cannot write: File too large") != NULL ? 42 : 1);
    }
    int how;
    waitpid(child, &how, 0);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 42);
    struct store *s;
    assert_int_equal(open_at(output, c, "k", 5, false, &s, &err), OK);
    assert_int_equal(store_done(s), 2);
    store_close(s);
    if (run_all(c, 5, &err) != OK)
        fail_msg("%s", err.text);
    check_output();
    config_free(c);
}

static void merge_on_a_full_disk(void **state)
{
    (void)state;
    struct config *c = make_config(NULL);
    struct error err;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = { 100000, 100000 }; /* a shard fits, the whole does not */
        setrlimit(RLIMIT_FSIZE, &limit);
        enum status status = run_all(c, 5, &err);
        _exit(status == E_IO && strstr(err.text, "cannot write") != NULL ? 42 : 1);
    }
    int how;
    waitpid(child, &how, 0);
    assert_int_equal(WEXITSTATUS(how), 42);
    if (run_all(c, 5, &err) != OK)
        fail_msg("%s", err.text);
    check_output();
    config_free(c);
}

/* Equal datasets, and equal bytes wherever the same version of HDF5 writes them. */
static void files_are_reproducible(void **state)
{
    (void)state;
    struct config *c = make_config(NULL);
    struct error err;
    char command[200], other[80];
    snprintf(other, sizeof other, "%s/first.h5", folder);
    if (run_all(c, 7, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(rename(output, other), 0);
    sleep(1); /* timestamps would differ now */
    if (run_all(c, 2, &err) != OK)
        fail_msg("%s", err.text);
    snprintf(command, sizeof command, "cmp %s %s", output, other);
    assert_int_equal(system(command), 0);
    config_free(c);
}

int main(void)
{
    if (access("/dev/shm", W_OK) != 0)
        snprintf(folder, sizeof folder, "/tmp/evalh-store-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(output, sizeof output, "%s/out.h5", folder);
    h5_quiet();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(shards_merge_in_any_size, clean),
        cmocka_unit_test_setup(killed_runs_go_on, clean),
        cmocka_unit_test_setup(another_run_is_refused, clean),
        cmocka_unit_test_setup(foreign_files_are_refused, clean),
        cmocka_unit_test_setup(second_run_waits_outside, clean),
        cmocka_unit_test_setup(stale_files_are_swept, clean),
        cmocka_unit_test_setup(damaged_shard_is_named, clean),
        cmocka_unit_test_setup(full_disk_loses_nothing, clean),
        cmocka_unit_test_setup(merge_on_a_full_disk, clean),
        cmocka_unit_test_setup(files_are_reproducible, clean),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    clean(NULL);
    rmdir(folder);
    return failed;
}
