/* evalh's side of the worker protocol against a worker that does wrong: every fault has a message
 * that says what happened, and leaves no process, no descriptor and no wait. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "worker.h"

#include "run_tests.h"

enum { N = 3, SIZE = 40, PIXELS = 3 * SIZE * SIZE };

static char pids[] = "/tmp/test_worker.XXXXXX";
static bool stop_now;
static int rounds = 2; /* of questions in a conversation */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    while (readdir(d) != NULL)
        count++;
    closedir(d);
    return count;
}

/* Memory that we shared with a worker has no name in any file system: it is there as long as
 * somebody has it open or mapped, and the workers are gone. */
static void assert_unmapped(void)
{
    char line[1000];
    FILE *f = fopen("/proc/self/maps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f) != NULL)
        if (strstr(line, "evalh-worker") != NULL)
            fail_msg("shared memory is left: %s", line);
    fclose(f);
}

/* Checks that all workers, and the processes that they started, are gone. */
static void assert_gone(void)
{
    assert_unmapped();
    long pid;
    FILE *f = fopen(pids, "r");
    assert_non_null(f);
    while (fscanf(f, "%ld", &pid) == 1) {
        if (kill((pid_t)pid, 0) == 0 || kill((pid_t)-pid, 0) == 0)
            fail_msg("process %ld is still there", pid);
    }
    fclose(f);
    assert_int_equal(truncate(pids, 0), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static bool stopped(void)
{
    return stop_now;
}

static enum status start(const char *faults, double timeout, struct worker **w, struct error *err)
{
    char command[600];
    snprintf(command, sizeof command, "%s %s", getenv("FAULT_WORKER"), faults);
    return worker_open(
        &(struct worker_start){ .command = command, .timeout = timeout, .stopped = stopped }, 2, 0,
        w, err);
}

static void paint(struct worker *w, int shift)
{
    float *images = worker_images(w);
    for (int i = 0; i < N * PIXELS; i++)
        images[i] = (float)sin(0.1 * (i + shift));
}

/* All of it: hello, memory, logits, maps. */
static enum status converse(const char *faults, double timeout, struct error *err)
{
    struct worker *w;
    const float *values;
    const int32_t classes[N] = { 1, 9, 0 };
    enum status status = start(faults, timeout, &w, err);
    if (status == OK)
        status = worker_attach(w, N, err);
    for (int round = 0; status == OK && round < rounds; round++) {
        paint(w, round);
        status = worker_classify(w, N, &values, err);
        if (status == OK)
            status = worker_explain(w, 0, N, classes, &values, err);
    }
    worker_close(w);
    return status;
}

/* ---- what is right --------------------------------------------------------------------------- */

static void test_right(void **state)
{
    (void)state;
    struct worker *w;
    struct error err = { 0 };
    const float *values;
    const int32_t classes[N] = { 4, 0, 9 };
    if (start("", 20, &w, &err) != OK)
        fail_msg("%s", err.text);
    assert_string_equal(w->hello.name, "faulty");
    assert_string_equal(w->hello.fingerprint, "f1");
    assert_int_equal(w->hello.classes, 10);
    assert_int_equal(w->hello.size, SIZE);
    assert_int_equal(w->hello.batch, 4);
    assert_int_equal(w->hello.grid, 5);
    assert_int_equal(w->hello.method_count, 2);
    assert_string_equal(w->hello.methods[0].name, "heat");
    assert_false(w->hello.methods[0].class_agnostic);
    assert_int_equal(w->hello.methods[1].side, 10);
    assert_true(w->hello.methods[1].class_agnostic);
    if (worker_attach(w, N, &err) != OK)
        fail_msg("%s", err.text);
    for (int n = 1; n <= N; n++) {
        paint(w, n);
        const float *images = worker_images(w);
        if (worker_classify(w, n, &values, &err) != OK)
            fail_msg("%s", err.text);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < 10; k++) {
                double sum = 0;
                for (int p = 0; p < PIXELS; p++)
                    sum += sin(1 + 3 * k + 7 * (p / (SIZE * SIZE))) * images[i * PIXELS + p];
                assert_float_equal(values[i * 10 + k], 8 * sum / (SIZE * SIZE), 1e-5);
            }
        if (worker_explain(w, 0, n, classes, &values, &err) != OK)
            fail_msg("%s", err.text);
        for (int i = 0; i < n; i++) {
            double sum = 0, all = 0;
            for (int p = 0; p < PIXELS; p++)
                sum += sin(1 + 3 * classes[i] + 7 * (p / (SIZE * SIZE))) * images[i * PIXELS + p];
            for (int cell = 0; cell < 25; cell++)
                all += values[i * 25 + cell];
            assert_float_equal(all, sum, 1e-3);
        }
    }
    worker_close(w);
    assert_gone();
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static const struct fault {
    const char *faults, *said[3];
} list[] = {
    { "exit=3@1",
      { "ended with code 3 before it answered 'hello'", "RuntimeError: out of \\x1b[31mcheese" } },
    { "exit=0@3", { "ended with code 0 before it answered 'classify'" } },
    { "signal=9", { "killed by signal 9 (Killed)", "memory runs out" } },
    { "signal=9@4", { "killed by signal 9", "'explain heat'" } },
    { "crash", { "killed by signal 11 (Segmentation fault)" } },
    { "hang@1", { "has not answered 'hello' for 0.5 seconds (model.timeout)" } },
    { "hang@2", { "has not answered 'memory' for 0.5 seconds" } },
    { "hang", { "has not answered 'classify' for 0.5 seconds" } },
    { "signal=19", { "has not answered 'classify' for 0.5 seconds" } }, /* SIGSTOP */
    { "close", { "closed its standard output before it answered 'classify'" } },
    { "print@0", { "answered 'hello' with a line that is no JSON object: 'Loading model ...'" } },
    { "print@1", { "answered 'hello' with a line that is no JSON object" } },
    { "print",
      { "'classify' with a line that is no JSON object: 'Loading model ...'",
        "belongs on standard error" } },
    { "bytes", { "no JSON object: '\\x01\\xff\\xfe{]'" } },
    { "list", { "no JSON object: '[1, 2]'" } },
    { "empty", { "'classify' with a line that is no JSON object: ''" } },
    { "deep", { "no JSON object: '[[[[[[" } },
    { "nul", { "'classify' with a line that holds a NUL byte" } },
    { "shut", { "ended with code 0 before it answered 'explain heat'" } },
    { "half", { "ended with code 0 before it answered 'classify'" } },
    { "long", { "a line of more than 1048576 bytes, which starts with '77777" } },
    { "stdout-flood", { "no JSON object: 'xxxxxx" } },
    { "twice", { "without being asked: '{\"id\":3,\"ok\":true" } },
    { "id", { "id is 4; that of the request, 3, is wanted" } },
    { "refuse=busy@3", { "cannot answer 'classify': busy" } },
    { "refuse=busy@2", { "cannot answer 'memory': busy" } },
    { "nan", { "logits: value 10 of image 3 of 3 is NaN" } },
    { "infinite", { "logits: value 1 of image 1 of 3 is infinite" } },
    { "short", { "logits: value 1 of image 3 of 3 was not written" } },
    { "nan@4", { "maps of heat: value 25 of image 3 of 3 is NaN" } },
    { "short@4", { "maps of heat: value 1 of image 3 of 3 was not written" } },
    { "shape", { "'classify': shape is [3,11]; [3,10] is wanted" } },
    { "shape@4", { "'explain heat': shape is [3,6,5]; [3,5,5] is wanted" } },
    { "leave=5@3", { "ended with code 5 before it answered 'explain heat'" } },
    { "child@3 signal=9@4", { "killed by signal 9" } },
    { "child@3 hang@4", { "has not answered" } },
    { "stderr-flood=40 exit=1@4", { "ended with code 1", "RuntimeError" } },
    { "'hello=protocol:2@1'", { "protocol is 2; a whole number from 1 to 1 is wanted" } },
    { "'hello=name:@1'", { "name is missing; printable text of 1 to 127 bytes is wanted" } },
    { "'hello=name:\"a\\u0007\"@1'", { "name is \"a\\u0007\"" } },
    { "'hello=fingerprint:7@1'", { "fingerprint is 7" } },
    { "'hello=classes:0@1'", { "classes is 0; a whole number from 1 to 1000000" } },
    { "'hello=classes:1e99@1'", { "classes is 1e+99" } },
    { "'hello=size:40.5@1'", { "size is 40.5" } },
    { "'hello=batch:-1@1'", { "batch is -1" } },
    { "'hello=mean:[0,0]@1'", { "mean is [0,0]; a list of three numbers is wanted" } },
    { "'hello=std:[1,0,1]@1'", { "std is [1,0,1]; a list of three numbers above 0" } },
    { "'hello=grid:41@1'", { "grid is 41; a whole number from 1 to 40" } },
    { "'hello=methods:{}@1'", { "methods is {}" } },
    { "'hello=methods:[{\"name\":\"random\",\"side\":5}]@1'",
      { "is called 'random', as a control" } },
    { "'hello=methods:[{\"name\":\"a/b\",\"side\":5}]@1'", { "is called 'a/b'; letters" } },
    { "'hello=methods:[{\"name\":\"a\",\"side\":41}]@1'", { "method a: ", "side is 41" } },
    { "'hello=methods:[{\"name\":\"a\",\"side\":5},{\"name\":\"a\",\"side\":5}]@1'",
      { "two methods are called 'a'" } },
};

static void test_faults(void **state)
{
    (void)state;
    int before = open_descriptors();
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct error err = { 0 };
        bool waits =
            strstr(list[i].faults, "hang") != NULL || strstr(list[i].faults, "=19") != NULL;
        double began = seconds();
        enum status status = converse(list[i].faults, waits ? 0.5 : 20, &err);
        if (status != E_DEVICE)
            fail_msg("%s: status %d: %s", list[i].faults, (int)status, err.text);
        for (int k = 0; k < 3 && list[i].said[k] != NULL; k++)
            if (strstr(err.text, list[i].said[k]) == NULL)
                fail_msg("%s: does not say '%s', but: %s", list[i].faults, list[i].said[k],
                         err.text);
        if (seconds() - began > 10)
            fail_msg("%s: took %.1f seconds", list[i].faults, seconds() - began);
        assert_gone();
        assert_int_equal(open_descriptors(), before);
    }
}

/* The worker is killed whatever it is doing: greeting, taking the memory, computing, writing an
 * answer. */
static void test_killed_at_any_moment(void **state)
{
    (void)state;
    enum { TIMES = 40, STEP = 300 /* microseconds */ };
    int before = open_descriptors();
    rounds = 1000000;
    for (int i = 0; i < TIMES; i++) {
        struct error err = { 0 };
        long pid = 0;
        pid_t killer = fork();
        if (killer == 0) {
            FILE *f;
            do { /* it has not yet said its number */
                f = fopen(pids, "r");
                if (f != NULL && fscanf(f, "%ld", &pid) != 1)
                    pid = 0;
                if (f != NULL)
                    fclose(f);
            } while (pid == 0);
            usleep((useconds_t)(i * STEP));
            kill((pid_t)pid, SIGKILL);
            _exit(0);
        }
        enum status status = converse("", 20, &err);
        waitpid(killer, NULL, 0);
        if (status != E_DEVICE || strstr(err.text, "killed by signal 9") == NULL)
            fail_msg("killed after %d us: status %d: %s", i * STEP, (int)status, err.text);
        assert_gone();
        assert_int_equal(open_descriptors(), before);
    }
    rounds = 2;
}

/* What it has started keeps its pipes open, in a session of its own: we wait for neither. */
static void test_stray(void **state)
{
    (void)state;
    struct error err = { 0 };
    long pid, stray = 0;
    double began = seconds();
    assert_int_equal(converse("stray@3 signal=9@4", 20, &err), E_DEVICE);
    assert_non_null(strstr(err.text, "killed by signal 9"));
    assert_true(seconds() - began < 10);
    FILE *f = fopen(pids, "r");
    assert_non_null(f);
    while (fscanf(f, "%ld", &pid) == 1)
        stray = pid;
    fclose(f);
    assert_int_equal(kill((pid_t)stray, SIGKILL), 0); /* it is nobody's but its own */
    waitpid((pid_t)stray, NULL, 0);
    assert_gone();
}

static void test_no_command(void **state)
{
    (void)state;
    struct worker *w;
    struct error err = { 0 };
    const struct worker_start with = { .command = "/no/such/program --x", .timeout = 20 };
    assert_int_equal(worker_open(&with, 1, 0, &w, &err), E_DEVICE);
    assert_non_null(
        strstr(err.text, "could not be started (model.command), or ended with code 127"));
    assert_non_null(strstr(err.text, "not found"));
    assert_gone();
}

/* Its memory has a size that it cannot change: else ours would end with SIGBUS. */
static void test_truncated(void **state)
{
    (void)state;
    struct error err = { 0 };
    if (converse("truncate@2", 20, &err) != OK)
        fail_msg("%s", err.text);
    assert_gone();
}

/* A worker may write much to standard error, of which evalh passes on a limited part. */
static void test_flood(void **state)
{
    (void)state;
    struct error err = { 0 };
    const char *mib = getenv("FLOOD_MIB"); /* 10240: ten seconds on a machine of our own */
    char faults[60];
    snprintf(faults, sizeof faults, "stderr-flood=%s", mib != NULL ? mib : "300");
    char path[] = "/tmp/test_worker_said.XXXXXX";
    int fd = mkstemp(path), kept = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    enum status status = converse(faults, mib != NULL ? 900 : 100, &err);
    dup2(kept, STDERR_FILENO);
    close(kept);
    off_t bytes = lseek(fd, 0, SEEK_END);
    char tail[200] = "";
    assert_true(pread(fd, tail, sizeof tail - 1, bytes - 150) > 0);
    close(fd);
    unlink(path);
    if (status != OK)
        fail_msg("%s", err.text);
    assert_in_range(bytes, WORKER_PASSED_ON, WORKER_PASSED_ON + 1000);
    assert_non_null(strstr(tail, "16 MiB to standard error; what follows is dropped"));
    assert_gone();
}

/* A worker that ignores `quit`, the end of its input and SIGTERM is ended all the same. */
static void test_deaf(void **state)
{
    (void)state;
    struct error err = { 0 };
    double began = seconds();
    if (converse("deaf@0", 20, &err) != OK)
        fail_msg("%s", err.text);
    assert_true(seconds() - began < WORKER_QUIT + WORKER_TERM + 3);
    assert_gone();
}

static void ask_to_stop(int number)
{
    (void)number;
    stop_now = true;
}

/* Ctrl-C ends the run at once, whatever the worker is computing. */
static void test_stopped(void **state)
{
    (void)state;
    struct error err = { 0 };
    double began = seconds();
    signal(SIGALRM, ask_to_stop);
    alarm(1);
    assert_int_equal(converse("hang", 0, &err), E_STOPPED);
    stop_now = false;
    assert_true(seconds() - began < 4);
    assert_gone();
}

/* When evalh is killed, a worker that hangs ends with it, and so does one that waits for input. */
static void test_orphan(void **state)
{
    (void)state;
    static const char *const faults[] = { "", "hang", "deaf@0" };
    for (int i = 0; i < 3; i++) {
        pid_t us = fork();
        if (us == 0) {
            struct error err;
            struct worker *w;
            const float *values;
            if (start(faults[i], 100, &w, &err) == OK && worker_attach(w, N, &err) == OK)
                worker_classify(w, N, &values, &err);
            for (;;)
                pause();
        }
        usleep(400000);
        kill(us, SIGKILL);
        waitpid(us, NULL, 0);
        usleep(400000);
        while (waitpid(-1, NULL, WNOHANG) >
               0) /* orphans become our children, since starting a worker asked for that */
            ;
        assert_gone();
    }
}

int main(void)
{
    int fd = mkstemp(pids);
    close(fd);
    setenv("PIDS", pids, 1);
    int failed =
        RUN_TESTS(NULL, NULL, TEST(test_right), TEST(test_faults), TEST(test_no_command),
                  TEST(test_truncated), TEST(test_flood), TEST(test_deaf), TEST(test_stopped),
                  TEST(test_orphan), TEST(test_killed_at_any_moment), TEST(test_stray));
    unlink(pids);
    return failed;
}
