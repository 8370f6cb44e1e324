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

static void stale_files_are_swept(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    char host[65] = "", path[200];
    struct store *s;
    struct error err;
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
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, false, &s, &err), OK);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(store_done(s), 2);
    store_close(s);
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
    if (pretend_run(c, 5, &err) != OK)
        fail_msg("%s", err.text);
    pretend_check();
    config_free(c);
}

/* A file size limit stands in for a full disk: write() fails the same way. */
static void full_disk_loses_nothing(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    struct error err;
    pretend_two_shards(c);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = { 2000, 2000 };
        setrlimit(RLIMIT_FSIZE, &limit);
        enum status status = pretend_run(c, 5, &err);
        _exit(status == E_IO && strstr(err.text, "cannot write: File too large") != NULL ? 42 : 1);
    }
    int how;
    waitpid(child, &how, 0);
    assert_true(WIFEXITED(how));
    assert_int_equal(WEXITSTATUS(how), 42);
    struct store *s;
    assert_int_equal(pretend_open(pretend_output(), c, "k", 5, false, &s, &err), OK);
    assert_int_equal(store_done(s), 2);
    store_close(s);
    if (pretend_run(c, 5, &err) != OK)
        fail_msg("%s", err.text);
    pretend_check();
    config_free(c);
}

static void merge_on_a_full_disk(void **state)
{
    (void)state;
    struct config *c = pretend_config(NULL);
    struct error err;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = { 100000, 100000 }; /* a shard fits, the whole does not */
        setrlimit(RLIMIT_FSIZE, &limit);
        enum status status = pretend_run(c, 5, &err);
        _exit(status == E_IO && strstr(err.text, "cannot write") != NULL ? 42 : 1);
    }
    int how;
    waitpid(child, &how, 0);
    assert_int_equal(WEXITSTATUS(how), 42);
    if (pretend_run(c, 5, &err) != OK)
        fail_msg("%s", err.text);
    pretend_check();
    config_free(c);
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
