/* Honest files of every container, and the values that come out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elements.h"
#include "fixtures.h"

#include "run_tests.h"

static void assert_floats(const struct checkpoint *c, const char *name, const float *due, size_t n)
{
    const struct tensor *t = checkpoint_find(c, name);
    assert_non_null(t);
    assert_int_equal(t->count, n);
    for (size_t i = 0; i < n; i++)
        assert_true(t->data[i] == due[i]);
}

static const float counting[] = { 1, 2, 3, 4, 5, 6 };

/* One archive: any prefix, stored or deflated, with this pickle and six floats. */
static struct checkpoint *load_zip(const char *prefix, bool deflate, struct buffer *pickle)
{
    char names[2][64];
    struct buffer b = { 0 };
    snprintf(names[0], sizeof names[0], "%sdata.pkl", prefix);
    snprintf(names[1], sizeof names[1], "%sdata/0", prefix);
    const struct member m[] = { { names[0], pickle->at, pickle->size, deflate },
                                { names[1], counting, sizeof counting, deflate } };
    put_zip(&b, m, 2);
    struct checkpoint *c = expect_loads(&b);
    buffer_free(&b);
    buffer_free(pickle);
    return c;
}

static void test_zip(void **state)
{
    (void)state;
    const char *const prefixes[] = { "archive/", "vim t (1)/", "a/b/", "" };
    for (int i = 0; i < 8; i++) {
        struct buffer p = { 0 };
        const struct spec s = honest_spec();
        put_state_dict(&p, NULL, &s, 1);
        struct checkpoint *c = load_zip(prefixes[i / 2], i % 2, &p);
        assert_string_equal(c->format, "pth (zip)");
        assert_floats(c, "weight", counting, 6);
        assert_int_equal(c->tensors[0].ndim, 2);
        assert_int_equal(c->tensors[0].shape[1], 3);
        assert_int_equal(strlen(c->sha256), 64);
        checkpoint_close(c);
    }
}

static void test_stream(void **state)
{
    (void)state;
    const char *const keys[] = { "1", "0" };
    struct buffer b = { 0 };
    struct spec s[] = { honest_spec(), honest_spec() };
    s[1].name = "bias";
    s[1].key = "1";
    s[1].elements = 3;
    s[1].ndim = 1;
    s[1].shape[0] = 3;
    s[1].stride[0] = 1;
    put_stream_head(&b, 1001);
    put_state_dict(&b, "state_dict", s, 2);
    put_stream_keys(&b, keys, 2); /* not in the order of use */
    put_stream_storage(&b, 3, 3);
    put_stream_storage(&b, 6, 6);
    struct checkpoint *c = expect_loads(&b);
    assert_string_equal(c->format, "pth (stream)");
    assert_int_equal(c->count, 2);
    assert_string_equal(c->tensors[0].name, "bias"); /* sorted */
    assert_floats(c, "bias", counting, 3);
    assert_floats(c, "weight", counting, 6);
    checkpoint_close(c);
    buffer_free(&b);
}

static void test_views(void **state)
{
    (void)state;
    struct buffer p = { 0 };
    const struct spec s[] = {
        { "transposed", "FloatStorage", "0", 6, 0, 2, { 3, 2 }, { 1, 3 } },
        { "cut", "FloatStorage", "0", 6, 1, 2, { 2, 2 }, { 3, 1 } },
        { "expanded", "FloatStorage", "0", 6, 4, 2, { 2, 3 }, { 0, 0 } },
        { "scalar", "FloatStorage", "0", 6, 5, 0, { 0 }, { 0 } },
        { "empty", "FloatStorage", "0", 6, 6, 2, { 0, 4 }, { 4, 1 } },
    };
    put_state_dict(&p, NULL, s, 5);
    struct checkpoint *c = load_zip("x/", false, &p);
    assert_floats(c, "transposed", (float[]){ 1, 4, 2, 5, 3, 6 }, 6);
    assert_floats(c, "cut", (float[]){ 2, 3, 5, 6 }, 4);
    assert_floats(c, "expanded", (float[]){ 5, 5, 5, 5, 5, 5 }, 6);
    assert_floats(c, "scalar", (float[]){ 6 }, 1);
    assert_int_equal(checkpoint_find(c, "scalar")->ndim, 0);
    assert_int_equal(checkpoint_find(c, "empty")->count, 0);
    assert_null(checkpoint_find(c, "nothing"));
    checkpoint_close(c);
}

/* Wrapped tensors, and an OrderedDict as Python 2 wrote it: a call with a list of pairs. */
static void test_rebuilt(void **state)
{
    (void)state;
    const struct spec s = honest_spec();
    struct buffer p = { 0 };
    put_string(&p, "\x80\x02");
    put_global(&p, "collections", "OrderedDict");
    put_string(&p, "](](");
    put_text(&p, "parameter");
    put_global(&p, "torch._utils", "_rebuild_parameter");
    put_string(&p, "(");
    put_tensor(&p, &s);
    put_string(&p, "\x88}tRe](");
    put_text(&p, "with_state");
    put_global(&p, "torch._utils", "_rebuild_parameter_with_state");
    put_string(&p, "(");
    put_tensor(&p, &s);
    put_string(&p, "\x88}}tRe](");
    put_text(&p, "subclass");
    put_global(&p, "torch._tensor", "_rebuild_from_type_v2");
    put_string(&p, "(");
    put_global(&p, "torch._utils", "_rebuild_parameter");
    put_global(&p, "torch", "Tensor");
    put_string(&p, "(");
    put_tensor(&p, &s);
    put_string(&p, "\x88}t}tRee\x85R.");
    struct checkpoint *c = load_zip("x/", true, &p);
    assert_int_equal(c->count, 3);
    assert_floats(c, "parameter", counting, 6);
    assert_floats(c, "with_state", counting, 6);
    assert_floats(c, "subclass", counting, 6);
    checkpoint_close(c);
}

/* A storage that is a part of another: ("storage", class, key, location, 6, (view key, 2, 3)). */
static void test_storage_view(void **state)
{
    (void)state;
    struct buffer b = { 0 };
    put_stream_head(&b, 1001);
    put_string(&b, "\x80\x02}");
    put_text(&b, "part");
    put_global(&b, "torch._utils", "_rebuild_tensor");
    put_string(&b, "((");
    put_text(&b, "storage");
    put_global(&b, "torch.cuda", "FloatStorage");
    put_text(&b, "0");
    put_text(&b, "cuda:0");
    put_string(&b, "K\x06");
    put_text(&b, "view");
    put_string(&b, "K\x02K\x03\x87tQK\x01K\x02\x85K\x01\x85tRs.");
    put_stream_keys(&b, (const char *const[]){ "0" }, 1);
    put_stream_storage(&b, 6, 6);
    struct checkpoint *c = expect_loads(&b);
    assert_floats(c, "part", (float[]){ 4, 5 }, 2);
    checkpoint_close(c);
    buffer_free(&b);
}

/* Unknown globals beside the state dict are built, filled and called, all without effect. */
static void test_placeholders(void **state)
{
    (void)state;
    const struct spec s = honest_spec();
    struct buffer p = { 0 };
    put_string(&p, "\x80\x02}(");
    put_text(&p, "args");
    put_global(&p, "argparse", "Namespace");
    put_string(&p, ")\x81}(");
    put_text(&p, "lr");
    put_string(&p, "G\x3f\x50"
                   "abcdef"
                   "ub"); /* BUILD */
    put_text(&p, "evil");
    put_global(&p, "os", "system");
    put_text(&p, "touch /tmp/evalh-was-here");
    put_string(&p, "\x85R(K\x01K\x02"
                   "e(K\x01K\x02u"); /* call, APPENDS, SETITEMS */
    put_text(&p, "old");
    put_string(&p, "(imodule\nClass\n}b");
    put_text(&p, "model");
    put_global(&p, "collections", "OrderedDict");
    put_string(&p, ")R(");
    put_entries(&p, &s, 1);
    put_string(&p, "u}");
    put_text(&p, "_metadata");
    put_string(&p, "}sbu."); /* the state dict's own BUILD */
    struct checkpoint *c = load_zip("x/", true, &p);
    assert_int_equal(c->count, 1);
    assert_floats(c, "weight", counting, 6);
    assert_int_not_equal(access("/tmp/evalh-was-here", F_OK), 0);
    checkpoint_close(c);
}

static void test_byteorder(void **state)
{
    (void)state;
    struct buffer p = { 0 }, b = { 0 };
    const struct spec s = { "w", "HalfStorage", "0", 2, 0, 1, { 2 }, { 1 } };
    put_state_dict(&p, NULL, &s, 1);
    const struct member m[] = { { "x/data.pkl", p.at, p.size, true },
                                { "x/byteorder", "big", 3, false },
                                { "x/data/0", "\x3c\x00\xc0\x00", 4, false } };
    put_zip(&b, m, 3);
    struct checkpoint *c = expect_loads(&b);
    assert_floats(c, "w", (float[]){ 1, -2 }, 2);
    checkpoint_close(c);
    buffer_free(&b);
    buffer_free(&p);
}

static void test_safetensors(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"module.z\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"module.b\":{\"dtype\":\"BF16\",\"shape\":[1,2],\"data_offsets\":[8,12]},"
        "\"module.e\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[12,12]},"
        "\"module.i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[15,23]},"
        "\"module.u\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[12,15]}}   ";
    struct buffer b = { 0 };
    put_safetensors(&b, header, 0);
    put_bytes(&b, &(double){ -0.5 }, 8);
    put_bytes(&b,
              "\x80\x3f\x00\xc0"
              "\x00\x07\xff",
              7);
    put_bytes(&b, &(int64_t){ -7 }, 8);
    struct checkpoint *c = expect_loads(&b);
    assert_string_equal(c->format, "safetensors");
    assert_floats(c, "z", (float[]){ -0.5f }, 1);
    assert_floats(c, "b", (float[]){ 1, -2 }, 2);
    assert_floats(c, "u", (float[]){ 0, 7, 255 }, 3);
    assert_floats(c, "i", (float[]){ -7 }, 1);
    assert_int_equal(checkpoint_find(c, "e")->count, 0);
    checkpoint_close(c);
    buffer_free(&b);
}

/* Every finite half survives both ways; what lies between two goes to the even one. */
static void test_half(void **state)
{
    (void)state;
    const struct strided_view one = { .dtype = DTYPE_F16 };
    for (uint32_t h = 0; h < 0x10000; h++) {
        uint16_t in = (uint16_t)h;
        float f;
        view_read(&one, (const uint8_t *)&in, false, &f);
        if ((h & 0x7c00) == 0x7c00) {
            assert_false(isfinite(f));
            continue;
        }
        assert_true(fabsf(f) == (h & 0x7c00
                                     ? ldexpf(1024 + (float)(h & 0x3ff), (int)(h >> 10 & 31) - 25)
                                     : ldexpf((float)(h & 0x3ff), -24)));
        assert_int_equal(half_from_float(f), in);
    }
    assert_int_equal(half_from_float(1 + 0x1p-11f), 0x3c00);
    assert_int_equal(half_from_float(1 + 0x3p-11f), 0x3c02);
    assert_int_equal(half_from_float(0x1p-25f), 0);
    assert_int_equal(half_from_float(0x3p-25f), 2);
    assert_int_equal(half_from_float(65519), 0x7bff);
    assert_int_equal(half_from_float(65520), 0x7c00);
}

static void test_write(void **state)
{
    (void)state;
    float data[] = { 1, -0.25f, 65504, 6e-8f }, large[] = { 70000 };
    struct tensor tensors[] = {
        { .name = (char[]){ "a \"quoted\" name" },
          .ndim = 2,
          .shape = { 2, 2 },
          .count = 4,
          .data = data },
        { .name = (char[]){ "b" }, .ndim = 1, .shape = { 1 }, .count = 1, .data = large },
    };
    struct checkpoint c = { .count = 1, .tensors = tensors }, *back;
    struct error err = { 0 };
    struct buffer none = { 0 };
    char path[256];
    snprintf(path, sizeof path, "%s", folder_write("out.safetensors", &none));
    assert_int_equal(checkpoint_write_safetensors(path, &c, CHECKPOINT_FP16, &err), OK);
    assert_int_equal(checkpoint_open(path, &back, &err), OK);
    data[3] = 0x1p-24f; /* the half next to 6e-8 */
    assert_floats(back, tensors[0].name, data, 4);
    assert_int_equal(back->tensors[0].shape[1], 2);
    checkpoint_close(back);
    c.count = 2;
    assert_int_equal(checkpoint_write_safetensors(path, &c, CHECKPOINT_FP16, &err), E_DATA);
    assert_non_null(strstr(err.text, "out.safetensors: tensor b: element 0 is 70000"));
    assert_int_equal(checkpoint_open(path, &back, &err), OK); /* the old file is whole */
    checkpoint_close(back);
    assert_int_equal(checkpoint_write_safetensors("/nowhere/x", &c, CHECKPOINT_FP32, &err), E_IO);
    assert_non_null(strstr(err.text, "/nowhere/x"));
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_zip), TEST(test_stream), TEST(test_views),
                     TEST(test_placeholders), TEST(test_byteorder), TEST(test_safetensors),
                     TEST(test_half),
                     cmocka_unit_test_setup_teardown(test_write, folder_make, folder_remove),
                     TEST(test_rebuilt), TEST(test_storage_view));
}
