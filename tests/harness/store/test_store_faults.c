/* The store and what goes wrong around it: stale and damaged files, full disks. A fault says what
 * it is and loses nothing. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pretend.h"

#include "run_tests.h"

/* Goes on with the run to its end, and looks at what it wrote. */
static void finish(struct config *c)
{
    struct error err;
    if (pretend_run(c, 5, &err) != OK)
        fail_msg("%s", err.text);
    pretend_check();
    config_free(c);
}

/* Goes on with the run in a process that can write no file of more than `bytes`, and fails so. The
 * limit stands in for a full disk: write() fails the same way. */
static void run_on_a_full_disk(struct config *c, rlim_t bytes, const char *says)
{
    struct error err;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = { bytes, bytes };
        setrlimit(RLIMIT_FSIZE, &limit);
        enum status status = pretend_run(c, 5, &err);
        _exit(status == E_IO && strstr(err.text, says) != NULL ? 42 : 1);
    }
    int how;
    waitpid(child, &how, 0);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 42);
}

/* Opens the store, which has two shards. */
static void expect_two_done(struct config *c)
{
    struct store *s;
    struct error err;
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, false, &s, &err), OK);
    assert_int_equal(store_done(s), 2);
    store_close(s);
}

static void stale_files_are_swept(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    char host[65] = "", path[200];
    pretend_two_shards(c);
    gethostname(host, sizeof host - 1);
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    waitpid(gone, NULL, 0);
    snprintf(path, sizeof path, "%s.parts/shard-000001.h5.%s.%ld.tmp", pretend_output(), host,
             (long)gone);
    FILE *f = fopen(path, "w");
    fclose(f);
    expect_two_done(c);
    assert_int_not_equal(access(path, F_OK), 0);
    config_free(c);
}

static void damaged_shard_is_named(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    char path[200];
    struct error err;
    pretend_two_shards(c);
    snprintf(path, sizeof path, "%s.parts/shard-000003.h5", pretend_output());
    assert_int_equal(truncate(path, 900), 0);
    enum status status = pretend_run(c, 5, &err);
    assert_int_not_equal(status, OK);
    assert_non_null(strstr(err.text, "shard-000003.h5: damaged"));
    assert_int_not_equal(access(pretend_output(), F_OK), 0);
    unlink(path);
    finish(c);
}

static void full_disk_loses_nothing(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    pretend_two_shards(c);
    run_on_a_full_disk(c, 2000, "cannot write: File too large");
    expect_two_done(c);
    finish(c);
}

static void merge_on_a_full_disk(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    run_on_a_full_disk(c, 100000, "cannot write"); /* a shard fits, the whole does not */
    finish(c);
}

int main(void)
{
    if (pretend_begin() != 0)
        return 1;
    int failed = RUN_TESTS(NULL, NULL, cmocka_unit_test_setup(stale_files_are_swept, pretend_clean),
                           cmocka_unit_test_setup(damaged_shard_is_named, pretend_clean),
                           cmocka_unit_test_setup(full_disk_loses_nothing, pretend_clean),
                           cmocka_unit_test_setup(merge_on_a_full_disk, pretend_clean));
    pretend_end();
    return failed;
}
