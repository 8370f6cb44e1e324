/* The store: shards are whole or absent, an interrupted run goes on to the same bytes, and nothing
 * of another run is mixed in. */
#include <hdf5.h>
#include <hdf5_hl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "h5file.h"
#include "pretend.h"

#include "run_tests.h"

static void shards_merge_in_any_size(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 7, 23, 64 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct config *c = pretend_config(NULL);
        struct error err;
        pretend_clean(NULL);
        if (pretend_run(c, sizes[i], &err) != OK)
            fail_msg("%s", err.text);
        pretend_check();
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
        struct config *c = pretend_config(NULL);
        pretend_clean(NULL);
        for (int attempt = 0; attempt < 3; attempt++) {
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0)
                _exit(pretend_run(c, 2, &err) != OK);
            usleep((useconds_t)(rand_r(&seed) % 25000));
            kill(child, SIGKILL);
            int how;
            waitpid(child, &how, 0);
            interrupted += WIFSIGNALED(how);
        }
        if (pretend_run(c, 2, &err) != OK)
            fail_msg("round %d: %s", round, err.text);
        pretend_check();
        config_free(c);
    }
    assert_true(interrupted > 10); /* else nothing was tested */
}

static void expect_refusal(const char *change, const char *checkpoint, const char *message)
{
    struct config *c = pretend_config(change);
    struct store *s;
    struct error err;
    assert_int_equal(pretend_open(pretend_output(), c, checkpoint, 5, false, &s, &err), E_CONFIG);
    if (strstr(err.text, message) == NULL || strstr(err.text, "--fresh") == NULL)
        fail_msg("'%s' does not say '%s' and --fresh", err.text, message);
    config_free(c);
}

static void another_run_is_refused(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL), *other = pretend_config("explain.discard=0.2");
    struct store *s;
    struct error err;
    pretend_two_shards(c);
    expect_refusal("explain.discard=0.2", "k", "explain.discard was '0' and is now '0.2'");
    expect_refusal(NULL, "another", "another checkpoint");
    /* A key that does not shape results is no reason to refuse, and the run keeps its earlier shard
     * size. */
    struct config *threads = pretend_config("compute.threads=2");
    assert_int_equal(pretend_open(pretend_output(), threads, "k", 7, false, &s, &err), OK);
    assert_int_equal(store_shards(s), 5);
    assert_int_equal(store_done(s), 2);
    assert_true(store_has(s, 3));
    store_close(s);
    assert_int_equal(pretend_open(pretend_output(), other, "k", 5, true, &s, &err), OK);
    assert_int_equal(store_done(s), 0);
    store_close(s);
    /* Values longer than a line of a config file may be. */
    char longer[400];
    snprintf(longer, sizeof longer, "data.path=/%0300d", 7);
    struct config *far = pretend_config(longer);
    assert_int_equal(config_set(far, "explain.discard=0.3", &err), OK);
    assert_int_equal(pretend_open(pretend_output(), far, "k", 5, true, &s, &err), OK);
    store_close(s);
    pretend_two_shards(far);
    assert_int_equal(pretend_open(pretend_output(), other, "k", 5, false, &s, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "explain.discard was '0.3' and is now '0.2'"));
    config_free(far);
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, true, &s, &err), OK);
    store_close(s);
    /* The same against a finished file. */
    if (pretend_run(c, 5, &err) != OK)
        fail_msg("%s", err.text);
    expect_refusal("explain.discard=0.2", "k", "explain.discard was '0' and is now '0.2'");
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, false, &s, &err), OK);
    assert_true(store_complete(s));
    store_close(s);
    pretend_check();
    config_free(c);
    config_free(other);
    config_free(threads);
}

/* Opens the store of checkpoint "k"; how many shards are done. */
static size_t goes_on(struct config *c)
{
    struct store *s;
    struct error err;
    if (pretend_open(pretend_output(), c, "k", 5, false, &s, &err) != OK)
        fail_msg("%s", err.text);
    size_t done = store_done(s);
    store_close(s);
    return done;
}

/* The digest of the data set's contents is compared wherever both have one. */
static void changed_contents_are_refused(void **state)
{
    (void)state;
    static const char changed[] = "was made of other contents of the data set ''";
    struct config *c = pretend_config(NULL);
    struct store *s;
    struct records r;
    struct error err;
    pretend_contents("a");
    pretend_two_shards(c);
    assert_int_equal(goes_on(c), 2);
    pretend_contents("b");
    expect_refusal(NULL, "k", changed);
    pretend_contents(NULL);
    assert_int_equal(goes_on(c), 2);
    pretend_contents("b");
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, true, &s, &err), OK);
    assert_int_equal(store_done(s), 0);
    store_close(s);
    /* Shards of an older version say nothing, and do not hide others from the merge. */
    char other[80], from[120], to[120];
    snprintf(other, sizeof other, "%s/other.h5", pretend_folder());
    snprintf(from, sizeof from, "%s.parts/shard-000001.h5", other);
    snprintf(to, sizeof to, "%s.parts/shard-000001.h5", pretend_output());
    pretend_layout(&r, 5);
    pretend_contents("a");
    assert_int_equal(pretend_open(other, c, "k", 5, false, &s, &err), OK);
    assert_int_equal(pretend_put(s, 1, &r, &err), OK);
    store_close(s);
    pretend_contents(NULL);
    pretend_two_shards(c);
    pretend_contents("b");
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, false, &s, &err), OK);
    assert_int_equal(store_done(s), 2);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(pretend_put(s, 2, &r, &err), OK);
    assert_int_equal(pretend_put(s, 4, &r, &err), OK);
    assert_int_equal(store_merge(s, &r, NULL, 0, NULL, &err), E_DATA);
    assert_non_null(strstr(err.text, "shard-000001.h5"));
    assert_non_null(strstr(err.text, changed));
    records_free(&r);
    store_close(s);
    pretend_clean(NULL);
    pretend_contents("a");
    /* The same against a finished file. */
    if (pretend_run(c, 5, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(goes_on(c), 0);
    pretend_contents("b");
    expect_refusal(NULL, "k", changed);
    pretend_contents(NULL);
    assert_int_equal(goes_on(c), 0);
    config_free(c);
}

static void foreign_files_are_refused(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    struct store *s;
    struct error err;
    FILE *f = fopen(pretend_output(), "w");
    fputs("my thesis\n", f);
    fclose(f);
    for (int fresh = 0; fresh < 2; fresh++) {
        assert_int_equal(pretend_open(pretend_output(), c, "k", 5, fresh, &s, &err), E_CONFIG);
        assert_non_null(strstr(err.text, "is no result of evalh"));
        assert_null(strstr(err.text, "--fresh"));
    }
    unlink(pretend_output());
    hid_t file = H5Fcreate(pretend_output(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, false, &s, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "is no result of evalh"));
    unlink(pretend_output());
    assert_int_equal(pretend_open("/dev/null/folder/x.h5", c, "k", 5, false, &s, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "folder '/dev/null/folder': Not a directory"));
    assert_int_equal(pretend_open("/dev/null/x.h5", c, "k", 5, false, &s, &err), E_CONFIG);
    config_free(c);
}

static void second_run_waits_outside(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    struct store *s, *t;
    struct error err;
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, false, &s, &err), OK);
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, false, &t, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "another evalh run is at work"));
    /* The one that was refused took nothing away. */
    struct records r;
    pretend_layout(&r, 5);
    assert_int_equal(pretend_put(s, 0, &r, &err), OK);
    records_free(&r);
    store_close(s);
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, false, &t, &err), OK);
    store_close(t);
    config_free(c);
}

/* Equal datasets, and equal bytes wherever the same version of HDF5 writes them. */
static void files_are_reproducible(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    struct error err;
    char command[200], other[80];
    snprintf(other, sizeof other, "%s/first.h5", pretend_folder());
    if (pretend_run(c, 7, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(rename(pretend_output(), other), 0);
    sleep(1); /* timestamps would differ now */
    if (pretend_run(c, 2, &err) != OK)
        fail_msg("%s", err.text);
    snprintf(command, sizeof command, "cmp %s %s", pretend_output(), other);
    assert_int_equal(system(command), 0);
    config_free(c);
}

/* A column that a run has once is stored once, and must be the same in every shard. */
static void columns_of_the_run(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    struct store *s;
    struct records r;
    struct error err;
    assert_int_equal(pretend_open(pretend_output(), c, "k", 12, false, &s, &err), OK);
    pretend_layout(&r, 64);
    int removed = records_find(&r, "removed");
    size_t once, row = records_row_bytes(&r, &once);
    assert_int_equal(once, 10 * sizeof(float));
    assert_int_equal(row, 12 + 4 + r.columns[2].row_bytes + 10);
    assert_int_equal(pretend_put(s, 0, &r, &err), OK);
    ((float *)records_at(&r, removed, 3))[2] = 0.25f; /* whichever row is asked for */
    assert_int_equal(pretend_put(s, 1, &r, &err), OK);
    assert_int_equal(store_merge(s, &r, NULL, 0, NULL, &err), E_DATA);
    assert_non_null(strstr(err.text, "shard-000001.h5: damaged"));
    assert_non_null(strstr(err.text, "/removed is not what the first shard has"));
    ((float *)records_at(&r, removed, 0))[2] = 2.0f / 10;
    assert_int_equal(pretend_put(s, 1, &r, &err), OK);
    assert_int_equal(store_merge(s, &r, NULL, 0, NULL, &err), OK);
    records_free(&r);
    store_close(s);
    pretend_check();
    config_free(c);
}

static void text_is(hid_t at, const char *name, const char *want)
{
    char *have;
    struct error err;
    if (h5_get_text(at, name, 100, &have, &err) != OK)
        fail_msg("%s", err.text);
    assert_string_equal(have, want);
    free(have);
}

/* Units, words and dimension scales, as h5py and netCDF readers find them. */
static void columns_are_described(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    struct error err;
    int64_t schema;
    if (pretend_run(c, 7, &err) != OK)
        fail_msg("%s", err.text);
    hid_t file = H5Fopen(pretend_output(), H5F_ACC_RDONLY, H5P_DEFAULT);
    assert_int_equal(h5_get_int(file, "schema", &schema, &err), OK);
    assert_int_equal(schema, 2);
    hid_t hit = H5Dopen2(file, "perturbation/hit", H5P_DEFAULT);
    hid_t removed = H5Dopen2(file, "removed", H5P_DEFAULT);
    text_is(hit, "units", "1");
    text_is(hit, "long_name", "a hit");
    assert_int_equal(H5Aexists(removed, "units"), 0);
    assert_true(H5DSis_scale(removed) > 0 && H5DSis_scale(hit) == 0);
    assert_true(H5DSis_attached(hit, removed, 1) > 0);
    assert_int_equal(H5DSget_num_scales(hit, 0), 0);
    H5Dclose(hit);
    H5Dclose(removed);
    H5Fclose(file);
    config_free(c);
}

int main(void)
{
    if (pretend_begin() != 0)
        return 1;
    int failed =
        RUN_TESTS(NULL, NULL, cmocka_unit_test_setup(shards_merge_in_any_size, pretend_clean),
                  cmocka_unit_test_setup(killed_runs_go_on, pretend_clean),
                  cmocka_unit_test_setup(another_run_is_refused, pretend_clean),
                  cmocka_unit_test_setup(changed_contents_are_refused, pretend_clean),
                  cmocka_unit_test_setup(foreign_files_are_refused, pretend_clean),
                  cmocka_unit_test_setup(second_run_waits_outside, pretend_clean),
                  cmocka_unit_test_setup(files_are_reproducible, pretend_clean),
                  cmocka_unit_test_setup(columns_of_the_run, pretend_clean),
                  cmocka_unit_test_setup(columns_are_described, pretend_clean));
    pretend_end();
    return failed;
}
