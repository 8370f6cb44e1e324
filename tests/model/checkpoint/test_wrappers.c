/* Where a file keeps its weights: under which wrappers, with which prefixes, which copy of them. */
#include <stdio.h>
#include <string.h>

#include "fixtures.h"

#include "run_tests.h"

/* A file of this pickle, which is freed, and of six floats. */
static struct checkpoint *load(struct buffer *pickle)
{
    struct buffer file = { 0 };
    put_pth(&file, pickle, 6);
    struct checkpoint *c = expect_loads(&file);
    buffer_free(&file);
    buffer_free(pickle);
    return c;
}

/* {"model_ema": .., "epoch": 1, "state_dict": .., "model": ..} and what is left when one goes. */
static void test_wrappers(void **state)
{
    (void)state;
    const char *const wrappers[] = { "model_ema", "state_dict", "model" };
    for (int present = 1; present <= 3; present++) {
        struct buffer p = { 0 };
        put_string(&p, "\x80\x02}(");
        put_text(&p, "epoch");
        put_string(&p, "K\x01");
        for (int i = 0; i < present; i++) {
            struct spec s = honest_spec();
            s.name = wrappers[i];
            put_text(&p, wrappers[i]);
            put_string(&p, "}(");
            put_entries(&p, &s, 1);
            put_string(&p, "u");
        }
        put_string(&p, "u.");
        struct checkpoint *c = load(&p);
        assert_int_equal(c->count, 1);
        assert_string_equal(c->tensors[0].name, wrappers[present - 1]);
        checkpoint_close(c);
    }
}

/* The prefixes that wrappers of modules add to names are removed wherever they stand. */
static void test_module_prefix(void **state)
{
    static const char *const names[][2] = {
        { "module.a", "a" },
        { "_orig_mod.a", "a" },
        { "module._orig_mod.a.weight", "a.weight" },
        { "_orig_mod.module.blocks.0._fsdp_wrapped_module.norm.weight", "blocks.0.norm.weight" },
        { "a.module", "a.module" }, /* no part with something behind it */
        { "submodule.a", "submodule.a" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buffer p = { 0 };
        struct spec s[] = { honest_spec(), honest_spec() };
        s[0].name = names[i][0];
        s[1].name = "b";
        put_state_dict(&p, "model", s, 2);
        struct checkpoint *c = load(&p);
        assert_non_null(checkpoint_find(c, names[i][1]));
        assert_non_null(checkpoint_find(c, "b"));
        checkpoint_close(c);
    }
}

/* {wrapper: {wrapper: tensor}, ...}: every wrapper's tensor is named after it. */
static void put_wrappers(struct buffer *p, const char *const *wrappers)
{
    put_string(p, "\x80\x02}(");
    put_text(p, "epoch");
    put_string(p, "K\x01");
    for (; *wrappers != NULL; wrappers++) {
        struct spec s = honest_spec();
        s.name = *wrappers;
        put_text(p, *wrappers);
        put_string(p, "}(");
        put_entries(p, &s, 1);
        put_string(p, "u");
    }
    put_string(p, "u.");
}

/* The bytes of a file with these wrappers. */
static struct buffer wrapped(const char *const *wrappers)
{
    struct buffer pickle = { 0 }, file = { 0 };
    put_wrappers(&pickle, wrappers);
    put_pth(&file, &pickle, 6);
    buffer_free(&pickle);
    return file;
}

static bool noted(const struct checkpoint *c, const char *words)
{
    for (size_t i = 0; i < c->notes.count; i++)
        if (strstr(c->notes.line[i], words) != NULL)
            return true;
    return false;
}

static void test_known_wrappers(void **state)
{
    static const char *const known[] = { "model",   "state_dict", "model_state_dict", "net",
                                         "module",  "weights",    "params",           "teacher",
                                         "student", "model_ema",  "state_dict_ema",   "ema" };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct buffer b = wrapped((const char *const[]){ known[i], NULL });
        struct checkpoint *c = expect_loads(&b);
        assert_string_equal(c->tensors[0].name, known[i]);
        assert_int_equal(noted(c, "the EMA copy"), i >= 9);
        checkpoint_close(c);
        buffer_free(&b);
    }
}

/* A file may have both kinds of weights: a note says which one was taken, and an option takes the
 * other. */
static void test_ema(void **state)
{
    static const char *const both[] = { "state_dict_ema", "net", NULL }, *const plain[] = { "net",
                                                                                            NULL };
    const struct checkpoint_options ema = { .weights = CHECKPOINT_EMA };
    struct checkpoint *c;
    struct error err;
    (void)state;
    struct buffer b = wrapped(both);
    assert_int_equal(checkpoint_parse("memory", b.at, b.size, NULL, &c, &err), OK);
    assert_string_equal(c->tensors[0].name, "net");
    assert_true(noted(c, "model.weights = ema"));
    checkpoint_close(c);
    assert_int_equal(checkpoint_parse("memory", b.at, b.size, &ema, &c, &err), OK);
    assert_string_equal(c->tensors[0].name, "state_dict_ema");
    assert_true(noted(c, "model.weights = plain"));
    checkpoint_close(c);
    buffer_free(&b);
    b = wrapped(plain);
    assert_int_equal(checkpoint_parse("memory", b.at, b.size, &ema, &c, &err), E_CONFIG);
    assert_string_equal(err.key, "model.weights");
    assert_non_null(strstr(err.text, "the file has no EMA copy"));
    buffer_free(&b);
}

/* Averages under names that only say so, and in wrappers of theirs. */
static void test_averages(void **state)
{
    static const char *const names[][2] = {
        { "ema_state_dict", "1" }, { "ema_model", "1" },      { "ema_weights", "1" },
        { "modelEMA", "1" },       { "swa_state_dict", "1" }, { "averaged_model", "1" },
        { "shadow", "1" },         { "ema", "shadow" },       { "ema", "ema_model" },
        { "ema", "module" },       { "schema", "" },          { "swallow", "" },
    };
    const struct checkpoint_options ema = { .weights = CHECKPOINT_EMA };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buffer p = { 0 }, file = { 0 };
        struct spec s = honest_spec(), average = honest_spec();
        bool is = names[i][1][0] != '\0', nested = is && names[i][1][0] != '1';
        struct checkpoint *c;
        struct error err;
        average.name = "average";
        put_string(&p, "\x80\x02}(");
        put_text(&p, "model");
        put_string(&p, "}(");
        put_entries(&p, &s, 1);
        put_string(&p, "u");
        put_text(&p, names[i][0]);
        put_string(&p, "}(");
        if (nested) {
            struct spec decay = honest_spec();
            decay.name = "decay";
            put_entries(&p, &decay, 1);
            put_text(&p, names[i][1]);
            put_string(&p, "}(");
        }
        put_entries(&p, &average, 1);
        put_string(&p, nested ? "uuu." : "uu.");
        put_pth(&file, &p, 6);
        assert_int_equal(checkpoint_parse("memory", file.at, file.size, NULL, &c, &err), OK);
        assert_string_equal(c->tensors[0].name, "weight");
        assert_int_equal(noted(c, "model.weights = ema"), is);
        assert_int_equal(noted(c, "which were left out"), !is || nested);
        checkpoint_close(c);
        enum status status = checkpoint_parse("memory", file.at, file.size, &ema, &c, &err);
        assert_int_equal(status, is ? OK : E_CONFIG);
        if (is)
            assert_string_equal(c->tensors[0].name, "average");
        checkpoint_close(is ? c : NULL);
        buffer_free(&p);
        buffer_free(&file);
    }
}

/* A second set of weights is never passed over in silence, and the note's key takes it. */
static void test_second_set(void **state)
{
    static const char *const sets[][3] = {
        { "model", "net", NULL },
        { "model", "best_model", NULL },
        { "state_dict", "best_state_dict", NULL },
        { "model", "state_dict", NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        struct buffer b = wrapped(sets[i]);
        char words[100];
        struct checkpoint *c = expect_loads(&b);
        struct error err;
        assert_string_equal(c->tensors[0].name, sets[i][0]);
        snprintf(words, sizeof words,
                 "'%s'; '%s' holds 1 tensors too, which were left out "
                 "(model.prefix = %s takes them)",
                 sets[i][0], sets[i][1], sets[i][1]);
        assert_true(noted(c, words));
        checkpoint_close(c);
        const struct checkpoint_options o = { .prefix = sets[i][1] };
        assert_int_equal(checkpoint_parse("memory", b.at, b.size, &o, &c, &err), OK);
        assert_string_equal(c->tensors[0].name, sets[i][1]);
        checkpoint_close(c);
        buffer_free(&b);
    }
}

/* A state dict stays one beside a dict of fewer tensors: that dict is what is too much. */
static void test_dict_beside(void **state)
{
    struct buffer p = { 0 }, file = { 0 };
    struct spec s[] = { honest_spec(), honest_spec(), honest_spec() };
    struct checkpoint *c;
    struct error err;
    (void)state;
    s[0].name = "a";
    s[1].name = "b";
    s[2].name = "c";
    put_string(&p, "\x80\x02}(");
    put_entries(&p, s, 3);
    put_text(&p, "stats");
    put_string(&p, "}(");
    put_entries(&p, s, 2);
    put_string(&p, "uu.");
    put_pth(&file, &p, 6);
    assert_int_equal(checkpoint_parse("memory", file.at, file.size, NULL, &c, &err), E_DATA);
    assert_non_null(strstr(err.text, "entry stats of the state dict is a dict"));
    buffer_free(&p);
    buffer_free(&file);
}

/* Neither a student nor a teacher is taken unasked; the prefix chooses, whatever the wrapper. */
static void test_two_networks(void **state)
{
    static const char *const two[] = { "student", "teacher", NULL };
    struct checkpoint_options o = { .prefix = "teacher" };
    struct checkpoint *c;
    struct error err;
    (void)state;
    struct buffer b = wrapped(two);
    assert_int_equal(checkpoint_parse("memory", b.at, b.size, NULL, &c, &err), E_DATA);
    assert_string_equal(err.key, "model.prefix");
    assert_non_null(strstr(err.text, "teacher or student"));
    assert_int_equal(checkpoint_parse("memory", b.at, b.size, &o, &c, &err), OK);
    assert_string_equal(c->tensors[0].name, "teacher");
    checkpoint_close(c);
    o.prefix = "student.";
    assert_int_equal(checkpoint_parse("memory", b.at, b.size, &o, &c, &err), OK);
    assert_string_equal(c->tensors[0].name, "student");
    checkpoint_close(c);
    buffer_free(&b);
}

/* A tensor `loss` beside the weights is no state dict, under a wrapper that is known or not. */
static void test_tensor_beside(void **state)
{
    static const char *const wrappers[] = { "model_state_dict", "my_very_own_name" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct buffer p = { 0 };
        struct spec s[] = { honest_spec(), honest_spec() }, loss = honest_spec();
        loss.name = "loss";
        loss.ndim = 0;
        s[0].name = "a";
        s[1].name = "b";
        put_string(&p, "\x80\x02}(");
        put_entries(&p, &loss, 1);
        put_text(&p, wrappers[i]);
        put_string(&p, "}(");
        put_entries(&p, s, 2);
        put_string(&p, "uu.");
        struct checkpoint *c = load(&p);
        assert_int_equal(c->count, 2);
        assert_non_null(checkpoint_find(c, "a"));
        assert_int_equal(noted(c, "'my_very_own_name', the only one with tensors"), i);
        checkpoint_close(c);
    }
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_wrappers), TEST(test_module_prefix),
                     TEST(test_known_wrappers), TEST(test_ema), TEST(test_two_networks),
                     TEST(test_tensor_beside), TEST(test_averages), TEST(test_second_set),
                     TEST(test_dict_beside));
}
