/* Progress lines count the images that are done and the forward passes of those in hand. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "progress.h"

#include "run_tests.h"

static char said[4000];

/* Keeps in `said` what `act` prints on standard error. */
static void listen(struct progress *p, void (*act)(struct progress *))
{
    char path[] = "/tmp/evalh-progress-XXXXXX";
    int file = mkstemp(path), before = dup(STDERR_FILENO);
    assert_true(file >= 0 && before >= 0);
    dup2(file, STDERR_FILENO);
    act(p);
    dup2(before, STDERR_FILENO);
    ssize_t length = pread(file, said, sizeof said - 1, 0);
    assert_true(length >= 0);
    said[length] = '\0';
    close(file);
    close(before);
    unlink(path);
}

/* A run of 100 images, some of which are done already, away from a terminal. */
static struct progress begun(size_t done)
{
    struct progress p;
    progress_begin(&p, "demo", 100, done);
    p.terminal = false;
    return p;
}

/* Pretends that the last line was printed so long ago. */
static void wait_seconds(struct progress *p, double seconds)
{
    p->started -= seconds;
    p->said -= seconds;
}

static void pass_some(struct progress *p)
{
    progress_passes(p, 64, 8, 1160); /* too early for a line */
    wait_seconds(p, 11);
    progress_passes(p, 64, 8, 1160);
}

static void finish_some(struct progress *p)
{
    progress_add(p, 8);
    wait_seconds(p, 11);
    progress_passes(p, 64, 8, 1160);
}

static void go_too_far(struct progress *p)
{
    wait_seconds(p, 11);
    progress_passes(p, 2000, 8, 1160);
}

static void test_first_batch(void **state)
{
    (void)state;
    struct progress p = begun(0);
    listen(&p, pass_some);
    assert_string_equal(said, "evalh: demo: 0 of 100 images; 128 of at most 1160 forward passes of "
                              "the 8 in hand\n");
}

static void test_next_batch_counts_anew(void **state)
{
    (void)state;
    struct progress p = begun(4);
    listen(&p, pass_some);
    listen(&p, finish_some);
    assert_string_equal(said, "evalh: demo: 12 of 100 images; 64 of at most 1160 forward passes of "
                              "the 8 in hand\n");
}

/* A batch that is repeated after memory ran out takes more passes than were planned; the line shows
 * no wrong figure. */
static void test_more_than_planned_is_not_said(void **state)
{
    (void)state;
    struct progress p = begun(0);
    listen(&p, go_too_far);
    assert_string_equal(said, "");
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_first_batch), TEST(test_next_batch_counts_anew),
                     TEST(test_more_than_planned_is_not_said));
}
