/* How a config is read, and that each mistake is reported with its place and with what would be
 * right. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

#include "run_tests.h"

static char path[] = "/tmp/evalh-config-XXXXXX";

static enum status read_text(const char *text, size_t size, struct config **c, struct error *err)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(config_new(c, err), OK);
    return config_read(*c, path, err);
}

static struct config *good(const char *text)
{
    struct config *c;
    struct error err;
    if (read_text(text, strlen(text), &c, &err) != OK || config_finish(c, &err) != OK)
        fail_msg("%s", err.text);
    return c;
}

static void values_are_read(void **state)
{
    (void)state;
    setenv("EVALH_TEST_DIR", "/data/x", 1);
    struct config *c =
        good("\xEF\xBB\xBF# a comment\n[run]\nprotocol = paper\n seed=7 ; inline\n"
             "[data]\npath = ${EVALH_TEST_DIR}/val\nkind: imagenet\n"
             "[explain]\nmethods = raw ,rollout,attribution\nclass=target, predicted\n"
             "discard = 0.2\nrow_norm = yes\nnegatives = abs\nstart_layer = 3\n"
             "[task]\nkind = perturbation, segmentation\ndirections = negative\n");
    const struct config_values *v = config_values(c);
    assert_int_equal(v->run.protocol, PROTOCOL_PAPER);
    assert_int_equal(v->run.seed, 7);
    assert_int_equal(v->run.limit, 0);
    assert_string_equal(v->data.path, "/data/x/val");
    assert_int_equal(v->explain.methods.count, 3);
    assert_string_equal(v->explain.methods.word[2], "attribution");
    assert_int_equal(v->explain.classes, 3);
    assert_true(v->explain.options.discard == 0.2);
    assert_int_equal(v->explain.options.row_norm, 1);
    assert_int_equal(v->explain.options.diagonal, -1);
    assert_int_equal(v->explain.options.negatives, 2); /* SIGN_ABS */
    assert_int_equal(v->explain.options.start_layer, 3);
    assert_int_equal(v->task.directions, 1u << ORDER_NEGATIVE);
    assert_true(config_is_set(c, &v->run.seed));
    assert_false(config_is_set(c, &v->run.limit));
    struct error err;
    assert_int_equal(config_set(c, "run.limit=5", &err), OK);
    assert_int_equal(v->run.limit, 5);
    assert_int_equal(config_set(c, "run.limit=all", &err), OK);
    assert_int_equal(v->run.limit, 0);
    config_free(c);
}

/* The text of a config, then what the message that refuses it must hold. %s stands for the file's
 * path. */
static const struct given mistakes[] = {
    { "[run]\nsead = 1\n", "%s:2: unknown key 'sead' in [run]; did you mean 'seed'?" },
    { "[run]\nmethods = raw\n", "%s:2: unknown key 'methods' in [run]; it belongs into [explain]" },
    { "[modle]\n", "%s:1: unknown section [modle]; did you mean [model]?" },
    { "[run]\n\n\nprotocol = published\n", "%s:4: run.protocol = 'published': 'published' is none "
                                           "of released, paper" },
    { "[task]\ndirections = postive\n", "did you mean 'positive'?" },
    { "[explain]\ndiscard = 1.5\n",
      "%s:2: explain.discard = '1.5': wants a number from 0 to 0.99" },
    { "[run]\nlimit = 0\n",
      "%s:2: run.limit = '0': wants a whole number from 1 to 2147483647, or all" },
    { "[run]\nlimit = 12x\n", "wants a whole number" },
    { "[run]\nlimit = 99999999999999999999\n", "wants a whole number" },
    { "[explain]\ndiscard = nan\n", "wants a number" },
    { "[run]\nseed = 1\nseed = 2\n", "%s:3: run.seed is there twice; first on line 2" },
    { "[run]\nseed = 1\n  seed = 2\n", "%s:3: run.seed is there twice; first on line 2" },
    { "seed = 1\n", "%s:1: 'seed' stands before the first [section]" },
    { "[run]\nseed\n", "%s:2: neither 'key = value' nor '[section]' nor a comment" },
    { "[run\nseed = 1\n", "%s:1: neither" },
    { "[data]\npath = ${EVALH_NOT_SET}/x\n",
      "%s:2: data.path = '${EVALH_NOT_SET}/x': the environment has no variable EVALH_NOT_SET" },
    { "[data]\npath = ${EVALH\n", "wants a variable's name and '}'" },
    { "[data]\npath =\n", "%s:2: data.path = '': no value" },
    { "[data]\npath =;x\n", "%s:2: data.path = ';x': ';' at the start" }, /* found by fuzzing */
    { "[data]\npath = a\x01z\n", "control characters" },
    { "[explain]\nmethods = raw,,rollout\n", "an empty name in the list" },
    { "[explain]\nmethods = raw, raw\n", "'raw' is there twice" },
    { "[explain]\nclass = target, target\n", "'target' is there twice" },
    { "[run]\nname = a/b\n", "%s:2: run.name = 'a/b': a name has no '/'" },
};

static void mistakes_are_reported(void **state)
{
    (void)state;
    unsetenv("EVALH_NOT_SET");
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct config *c;
        struct error err = { 0 };
        enum status status = read_text(mistakes[i].text, strlen(mistakes[i].text), &c, &err);
        if (status == OK)
            status = config_finish(c, &err);
        assert_int_equal(status, E_CONFIG);
        char want[500];
        const char *hole = strstr(mistakes[i].says, "%s");
        snprintf(want, sizeof want, "%s%s", hole ? path : "", hole ? hole + 2 : mistakes[i].says);
        if (strstr(err.text, want) == NULL)
            fail_msg("mistake %zu: '%s' does not hold '%s'", i, err.text, want);
        config_free(c);
    }
}

static void odd_files_are_refused(void **state)
{
    (void)state;
    struct config *c;
    struct error err;
    assert_int_equal(read_text("[run]\nna\0me = 1\n", 15, &c, &err), E_CONFIG);
    assert_non_null(strstr(err.text, "not a text file"));
    config_free(c);
    char lengthy[600];
    memset(lengthy, 'x', sizeof lengthy);
    memcpy(lengthy, "[data]\npath = ", 14);
    assert_int_equal(read_text(lengthy, sizeof lengthy, &c, &err), E_CONFIG);
    assert_non_null(strstr(err.text, ":2: a line longer than"));
    config_free(c);
    assert_int_equal(config_new(&c, &err), OK);
    assert_int_equal(config_read(c, "/no/such.ini", &err), E_CONFIG);
    assert_non_null(strstr(
        err.text,
        "/no/such.ini: No such file or directory; a config, which is an INI file, is expected"));
    assert_int_equal(config_read(c, "/tmp", &err), E_CONFIG);
    assert_non_null(strstr(err.text, "a folder, not a file"));
    config_free(c);
}

static void assignments_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        { "seed=1", "wants section.key=value" },
        { "run.seed", "wants section.key=value" },
        { "run.sede=1", "--set run.sede: unknown key 'sede' in [run]; did you mean 'seed'?" },
        { "run.seed=-1", "--set run.seed = '-1': wants a whole number" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config *c = good("");
        struct error err;
        assert_int_equal(config_set(c, wrong[i][0], &err), E_CONFIG);
        if (strstr(err.text, wrong[i][1]) == NULL)
            fail_msg("'%s' does not hold '%s'", err.text, wrong[i][1]);
        config_free(c);
    }
}

/* A config for another machine's paths serves where the command line gives them. */
static void unset_variables_can_be_replaced(void **state)
{
    (void)state;
    struct config *c;
    struct error err;
    const char *text = "[data]\npath = ${EVALH_NOT_SET}/x\n";
    unsetenv("EVALH_NOT_SET");
    assert_int_equal(read_text(text, strlen(text), &c, &err), OK);
    assert_int_equal(config_set(c, "data.path=here", &err), OK);
    assert_int_equal(config_finish(c, &err), OK);
    assert_string_equal(config_values(c)->data.path, "here");
    assert_int_equal(config_set(c, "data.path=${EVALH_NOT_SET}", &err), E_CONFIG);
    /* What a file could not hold does not come in by another way. */
    assert_int_equal(config_set(c, "data.path=a ;b", &err), E_CONFIG);
    assert_int_equal(config_set(c, "data.path=a\n[run]", &err), E_CONFIG);
    assert_int_equal(config_set(c, "data.path=a ", &err), E_CONFIG);
    assert_int_equal(config_set(c, "data.path=a;b", &err), OK);
    config_free(c);
}

static void text_reads_back(void **state)
{
    (void)state;
    struct config *a =
        good("[run]\nseed = 5\n[model]\ncheckpoint = a.pth\n[explain]\ndiscard = .2\n");
    char *text = config_text(a);
    assert_non_null(text);
    struct config *b = good(text);
    char ha[65], hb[65], hc[65], diff[300];
    config_hash(a, ha);
    config_hash(b, hb);
    assert_string_equal(ha, hb);
    char *again = config_text(b);
    assert_string_equal(text, again);
    /* A key changes the hash exactly where it can change a number of the result. */
    struct error err;
    assert_int_equal(config_set(b, "compute.threads=3", &err), OK);
    assert_int_equal(config_set(b, "run.output=elsewhere.h5", &err), OK);
    config_hash(b, hb);
    assert_string_equal(ha, hb);
    assert_int_equal(config_set(b, "explain.discard=0.4", &err), OK);
    config_hash(b, hc);
    assert_string_not_equal(ha, hc);
    assert_int_equal(config_difference(a, b, diff, sizeof diff), 1);
    assert_string_equal(diff, "explain.discard was '.2' and is now '0.4'");
    /* A longer run may go on from a shorter one. */
    assert_int_equal(config_set(a, "run.limit=4", &err), OK);
    assert_int_equal(config_set(b, "run.limit=6", &err), OK);
    assert_int_equal(config_difference(a, b, diff, sizeof diff), 1);
    assert_int_equal(config_difference(b, a, diff, sizeof diff), 2);
    assert_int_equal(config_set(b, "run.limit=all", &err), OK);
    assert_int_equal(config_difference(a, b, diff, sizeof diff), 1);
    assert_int_equal(config_difference(b, a, diff, sizeof diff), 2);
    assert_non_null(strstr(diff, "run.limit was 'all' and is now '4'"));
    free(text);
    free(again);
    config_free(a);
    config_free(b);
}

/* A library's message begins with the place of the key that it names, else of the key that the
 * caller offers. */
static void blame_finds_the_key(void **state)
{
    (void)state;
    struct config *c = good("[model]\ncheckpoint = x.pth\nheads = 3\n");
    struct error err;
    char want[300];
    fail_key(&err, E_CONFIG, "model.heads", "no such heads");
    assert_int_equal(config_blame(c, &config_values(c)->model.checkpoint, &err), E_CONFIG);
    snprintf(want, sizeof want, "%s:3: model.heads = '3': no such heads", path);
    assert_string_equal(err.text, want);
    err = (struct error){ .code = E_DATA, .text = "no zip file" };
    assert_int_equal(config_blame(c, &config_values(c)->model.checkpoint, &err), E_DATA);
    snprintf(want, sizeof want, "%s:2: model.checkpoint: no zip file", path);
    assert_string_equal(err.text, want);
    err = (struct error){ .code = E_DATA, .key = "model.head", .text = "no such key" };
    assert_int_equal(config_blame(c, NULL, &err), E_DATA);
    assert_string_equal(err.text, "no such key");
    config_free(c);
}

static void every_key_is_described(void **state)
{
    (void)state;
    char *text = config_reference();
    assert_non_null(text);
    for (size_t i = 0; i < config_key_count; i++) {
        assert_non_null(strstr(text, config_keys[i].name));
        assert_non_null(strstr(text, config_keys[i].doc));
        for (size_t j = 0; j < i; j++) /* no two keys share a name or a field */
            assert_false(config_keys[i].offset == config_keys[j].offset ||
                         (strcmp(config_keys[i].name, config_keys[j].name) == 0 &&
                          strcmp(config_keys[i].section, config_keys[j].section) == 0));
    }
    free(text);
}

static void defaults_follow_the_file(void **state)
{
    (void)state;
    struct config *c = good("");
    const char *stem = strrchr(path, '/') + 1;
    assert_string_equal(config_values(c)->run.name, stem);
    char output[300];
    snprintf(output, sizeof output, "results/%s.h5", stem);
    assert_string_equal(config_values(c)->run.output, output);
    config_free(c);
}

static void suggestions_fit(void **state)
{
    (void)state;
    struct config *c;
    struct error err;
    assert_int_equal(config_new(&c, NULL), OK);
    assert_int_equal(config_set(c, "compute.device=gpu", &err), E_CONFIG);
    assert_non_null(strstr(err.text, "did you mean 'cuda'"));
    assert_int_equal(config_set(c, "compute.device=cpuu", &err), E_CONFIG);
    assert_non_null(strstr(err.text, "did you mean 'cpu'"));
    assert_int_equal(config_set(c, "compute.precision=fp16", &err), E_CONFIG);
    assert_non_null(strstr(err.text, "did you mean 'bf16'"));
    config_free(c);
}

/* Mean and std of the input: by name, or as three numbers; anything else is refused by its key. */
static void colours_of_the_input(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        float first, last; /* of data.mean or data.std; NAN: refused */
    } cases[] = {
        { "data.mean=imagenet", 0.485f, 0.406f },
        { "data.std=imagenet", 0.229f, 0.225f },
        { "data.mean=half", 0.5f, 0.5f },
        { "data.std=none", 1, 1 },
        { "data.mean=none", 0, 0 },
        { "data.mean=-1, 0 2.5", -1, 2.5f },
        { "data.std=0.1 0.2, 0.3", 0.1f, 0.3f },
        { "data.std=0.1 0.2 0", NAN, 0 },
        { "data.mean=1 2", NAN, 0 },
        { "data.mean=1 2 3 4", NAN, 0 },
        { "data.mean=nan 0 0", NAN, 0 },
        { "data.std=halves", NAN, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config *c;
        struct error err;
        float got[3];
        assert_int_equal(config_new(&c, NULL), OK);
        assert_int_equal(config_set(c, cases[i].set, NULL), OK);
        const struct config_values *v = config_values(c);
        bool is_std = strncmp(cases[i].set, "data.std", 8) == 0;
        enum status status = config_colour(c, is_std ? &v->data.std : &v->data.mean, got, &err);
        if (isnan(cases[i].first)) {
            assert_int_equal(status, E_CONFIG);
            assert_non_null(strstr(err.text, is_std ? "data.std" : "data.mean"));
        } else {
            assert_int_equal(status, OK);
            assert_true(got[0] == cases[i].first && got[2] == cases[i].last);
        }
        config_free(c);
    }
}

/* What the table says as a text and as a value is one thing, for every switch of [explain]. */
static void switches_begin_at_their_defaults(void **state)
{
    (void)state;
    struct config *c;
    assert_int_equal(config_new(&c, NULL), OK);
    const struct explain_options *o = &config_values(c)->explain.options;
    for (int i = 0; i < EXPLAIN_SWITCH_COUNT; i++)
        if (explain_switch_is_set(o, i))
            fail_msg("explain.%s = %s is not its default value", explain_switch_infos[i].key,
                     explain_switch_infos[i].initial);
    assert_int_equal(config_set(c, "explain.ties=random", NULL), OK);
    assert_true(explain_switch_is_set(o, EXPLAIN_TIES_AT));
    config_free(c);
}

static void published_values_of_switches(void **state)
{
    (void)state;
    const struct explain_switch_info *start = &explain_switch_infos[EXPLAIN_START_LAYER_AT],
                                     *sum = &explain_switch_infos[EXPLAIN_ROW_NORM_AT],
                                     *twice = &explain_switch_infos[EXPLAIN_PRECISION_AT];
    assert_true(explain_switch_published(start, "protocol", ""));
    assert_true(explain_switch_published(start, "15", "vim"));
    assert_false(explain_switch_published(start, "15", "vit"));
    assert_true(explain_switch_published(start, "1", "vit"));
    assert_false(explain_switch_published(start, "1", "vim"));
    assert_false(explain_switch_published(start, "1", ""));
    assert_true(explain_switch_published(sum, "yes", "vim"));
    assert_false(explain_switch_published(sum, "no", "vim"));
    assert_true(explain_switch_published(twice, "double", "") &&
                explain_switch_published(twice, "fp32", "vit"));
    assert_false(explain_switch_published(twice, "fp", "vit"));
}

int main(void)
{
    int fd = mkstemp(path);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = RUN_TESTS(
        NULL, NULL, TEST(suggestions_fit), TEST(colours_of_the_input),
        TEST(switches_begin_at_their_defaults), TEST(published_values_of_switches),
        TEST(values_are_read), TEST(mistakes_are_reported), TEST(odd_files_are_refused),
        TEST(assignments_are_checked), TEST(unset_variables_can_be_replaced), TEST(text_reads_back),
        TEST(blame_finds_the_key), TEST(every_key_is_described), TEST(defaults_follow_the_file));
    unlink(path);
    return failed;
}
