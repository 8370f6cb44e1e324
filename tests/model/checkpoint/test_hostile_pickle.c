/* .pth files whose pickle or tensors are hostile: each is refused, by name. */
#include <stdio.h>
#include <string.h>

#include "fixtures.h"

#include "run_tests.h"

static void refuse_pickle(const char *name, struct buffer *pickle, const char *needles)
{
    struct buffer b = { 0 };
    put_pth(&b, pickle, 6);
    expect_refused(name, &b, E_DATA, needles);
    buffer_free(&b);
    buffer_free(pickle);
}

/* A pickle of these bytes alone. */
static void refuse_bytes(const char *name, const char *bytes, size_t size, const char *needles)
{
    struct buffer p = { 0 };
    put_bytes(&p, bytes, size);
    refuse_pickle(name, &p, needles);
}

#define REFUSE(name, bytes, needles) refuse_bytes(name, bytes, sizeof bytes - 1, needles)

static void refuse_spec(const char *name, struct spec s, const char *needles)
{
    struct buffer p = { 0 };
    put_state_dict(&p, NULL, &s, 1);
    refuse_pickle(name, &p, needles);
}

static void test_machine(void **state)
{
    (void)state;
    REFUSE("empty_pickle", "", "data.pkl, byte 0|truncated");
    REFUSE("no_stop", "\x80\x02}", "data.pkl, byte 3|truncated");
    REFUSE("protocol", "\x80\x09}.", "protocol 9");
    REFUSE("opcode", "\x80\x02\xff.", "byte 2|0xff");
    REFUSE("short_string",
           "\x80\x02X\xff\xff\xff\x7f"
           "abc.",
           "truncated|2147483647");
    REFUSE("long_string",
           "\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
           "abc.",
           "truncated");
    REFUSE("frame", "\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff}.", "frame");
    REFUSE("empty_stack", "\x80\x02.", "empty stack");
    REFUSE("pop_below_mark", "\x80\x02}(s.", "empty stack");
    REFUSE("no_mark", "\x80\x02}u.", "mark");
    REFUSE("odd_items", "\x80\x02}(K\x01u.", "no partner");
    REFUSE("odd_dict",
           "\x80\x02(K\x01"
           "d.",
           "no partner");
    REFUSE("append_to_int",
           "\x80\x02K\x01K\x02"
           "a.",
           "an int|a list");
    REFUSE("call_int", "\x80\x02K\x01)R.", "calls an int");
    REFUSE("call_with_list",
           "\x80\x02"
           "cos\nsystem\n]R.",
           "calls with a list");
    REFUSE("global_cut",
           "\x80\x02"
           "cos",
           "truncated");
    REFUSE("stack_global", "\x80\x04K\x01K\x02\x93.", "global|an int");
    REFUSE("memo_get", "\x80\x02h\x07.", "memo entry 7");
    REFUSE("memo_put", "\x80\x02}r\xff\xff\xff\xff.", "memo entry 4294967295");
    REFUSE("memo_text", "\x80\x00}p99999999999\n.", "memo");
    REFUSE("persistent_id", "\x80\x02K\x01Q.", "persistent id");
    REFUSE("storage_negative",
           "\x80\x02(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
           "0X\3\0\0\0cpuJ\xff\xff\xff\xfftQ.",
           "persistent id");
    REFUSE("no_class", "\x80\x02(o.", "without a class");
    REFUSE("number", "I12x\n.", "12x");
}

static void refuse_repeated(const char *name, const char *unit, size_t count, const char *needles)
{
    struct buffer p = { 0 };
    put_string(&p, "\x80\x02");
    for (size_t i = 0; i < count; i++)
        put_string(&p, unit);
    put_string(&p, ".");
    refuse_pickle(name, &p, needles);
}

static void test_exhaustion(void **state)
{
    (void)state;
    refuse_repeated("deep", "(", 100000, "nested");
    refuse_repeated("tall", "}", 1100000, "on the stack");
    refuse_repeated("many", "}0", 8000000, "objects take more than");
    /* A list that holds itself twice, over and over: cycles must not be walked. */
    struct buffer p = { 0 };
    put_string(&p, "\x80\x02]q\1");
    for (int i = 0; i < 1000; i++)
        put_string(&p, "h\1"
                       "ah\1"
                       "a");
    put_string(&p, ".");
    refuse_pickle("cycle_list", &p, "a list, not a state dict");
    put_string(&p, "\x80\x02}q\1");
    put_text(&p, "model");
    put_string(&p, "h\1s.");
    refuse_pickle("cycle_dict", &p, "no state dict|model");
}

static void test_structure(void **state)
{
    (void)state;
    struct spec s = honest_spec();
    struct buffer p = { 0 };
    /* An attack becomes a placeholder, and the message gives its name. */
    REFUSE("attack",
           "\x80\x02"
           "cposix\nsystem\nX\4\0\0\0true\x85R.",
           "posix.system|state_dict");
    REFUSE("whole_model",
           "\x80\x02"
           "ctimm.models\nVisionTransformer\n)\x81}b.",
           "timm.models.VisionTransformer|state_dict");
    REFUSE("root_int", "\x80\x02K\x01.", "an int, not a state dict");
    REFUSE("empty_dict", "\x80\x02}.", "no state dict|0 keys");
    put_string(&p, "\x80\x02}(");
    put_text(&p, "epoch");
    put_string(&p, "K\x07");
    put_text(&p, "weights");
    put_string(&p, "}u.");
    refuse_pickle("no_tensors", &p, "no state dict|epoch (an int)|weights (a dict)");
    put_string(&p, "\x80\x02}(");
    put_entries(&p, &s, 1);
    put_text(&p, "extra");
    put_string(&p, "Nu.");
    refuse_pickle("not_a_tensor", &p, "extra|None|a tensor");
    put_string(&p, "\x80\x02}(K\x01");
    put_tensor(&p, &s);
    put_string(&p, "u.");
    refuse_pickle("unnamed", &p, "an int, not a string");
    const struct spec twice[] = { s, s };
    put_state_dict(&p, NULL, twice, 2);
    refuse_pickle("same_name", &p, "two tensors are called weight");
    struct spec disagree[] = { s, s };
    disagree[1].name = "bias";
    disagree[1].storage = "DoubleStorage";
    put_state_dict(&p, NULL, disagree, 2);
    refuse_pickle("storage_disagrees", &p, "storage 0|F32|F64");
}

static void test_views(void **state)
{
    (void)state;
    struct spec s = honest_spec();
    s.offset = 1;
    refuse_spec("offset_out", s, "tensor weight|element 6 of a storage of 6");
    s.offset = -1;
    refuse_spec("offset_negative", s, "tensor weight|offset -1");
    s.offset = INT64_MAX;
    refuse_spec("offset_overflow", s, "tensor weight|offset");
    s = honest_spec();
    s.stride[0] = -3;
    refuse_spec("stride_negative", s, "tensor weight|stride -3");
    s.stride[0] = 4;
    refuse_spec("stride_out", s, "tensor weight|element 6");
    s.stride[0] = INT64_MAX;
    refuse_spec("stride_overflow", s, "tensor weight|leaves its storage");
    s.shape[0] = 3;
    refuse_spec("reach_overflow", s, "tensor weight|leaves its storage");
    s = honest_spec();
    s.shape[1] = -3;
    refuse_spec("shape_negative", s, "tensor weight|size -3");
    s.shape[0] = s.shape[1] = INT64_MAX;
    s.stride[0] = s.stride[1] = 0;
    refuse_spec("shape_overflow", s, "tensor weight|more elements than can be counted");
    s.shape[0] = s.shape[1] = 1 << 20;
    refuse_spec("expanded_bomb", s, "tensor weight|may unfold to");
    s = honest_spec();
    s.elements = INT64_C(1) << 40;
    refuse_spec("storage_bomb", s, "tensor weight|1099511627776 elements|may unfold to");
    s.elements = INT64_MAX;
    refuse_spec("storage_overflow", s, "tensor weight|may unfold to");
    s.elements = 7;
    refuse_spec("storage_size", s, "tensor weight|x/data/0|24 bytes|28");
    s = honest_spec();
    s.key = "nowhere";
    refuse_spec("storage_missing", s, "tensor weight|x/data/nowhere");
    s.key = "../../../../etc/passwd";
    refuse_spec("storage_path", s, "no member|etc/passwd");
    s = honest_spec();
    s.storage = "ComplexFloatStorage";
    refuse_spec("complex", s, "tensor weight|C64|F32");
    s.storage = "ImaginaryStorage";
    refuse_spec("unknown_dtype", s, "weight (an object of torch.ImaginaryStorage)");
    s = honest_spec();
    s.ndim = 9;
    refuse_spec("dimensions", s, "weight (an object of torch._utils._rebuild_tensor_v2)");
    s = honest_spec();
    s.name = "";
    refuse_spec("no_name", s, "tensor name of 0 bytes");
}

/* What torch would still do to a tensor's elements. */
static void test_pending(void **state)
{
    static const char *const bits[][3] = {
        { "neg", "negated", "tensor weight is a view|'neg'|.resolve_neg()" },
        { "conj", "conjugated", "tensor weight is a view|'conj'|.resolve_conj()" },
    };
    const struct spec s = honest_spec();
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct buffer p = { 0 };
        put_string(&p, "\x80\x02}");
        put_text(&p, s.name);
        put_tensor_with(&p, &s, bits[i][0]);
        put_string(&p, "s.");
        refuse_pickle(bits[i][1], &p, bits[i][2]);
    }
}

static void test_names(void **state)
{
    (void)state;
    char name[600];
    struct spec s = honest_spec();
    struct buffer p = { 0 };
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    s.name = name;
    refuse_spec("long_name", s, "tensor name of 599 bytes");
    put_string(&p, "\x80\x02}");
    put_bytes(&p, "X\3\0\0\0a\0b", 8);
    s = honest_spec();
    put_tensor(&p, &s);
    put_string(&p, "s.");
    refuse_pickle("nul_name", &p, "tensor name of 3 bytes|without NUL");
    s.name = "\x1b[2J"; /* must not reach a terminal */
    s.offset = 9;
    refuse_spec("escape_name", s, "tensor \\x1B[2J");
}

static void refuse_floats(const char *name, const char *storage, const void *data, size_t size,
                          const char *needles)
{
    struct buffer p = { 0 }, b = { 0 };
    struct spec s = honest_spec();
    s.storage = storage;
    put_state_dict(&p, NULL, &s, 1);
    const struct member m[] = { { "x/data.pkl", p.at, p.size, true },
                                { "x/data/0", data, size, true } };
    put_zip(&b, m, 2);
    expect_refused(name, &b, E_DATA, needles);
    buffer_free(&b);
    buffer_free(&p);
}

static void test_values(void **state)
{
    (void)state;
    const float nan[6] = { 0, 0, 0, 0, __builtin_nanf(""), 0 };
    const float infinite[6] = { 0, 0, -__builtin_inff(), 0, 0, 0 };
    const double large[6] = { 0, 0, 0, 0, 0, 1e300 };
    const uint16_t half[6] = { 0, 0x7c00, 0, 0, 0, 0 };
    refuse_floats("nan", "FloatStorage", nan, sizeof nan, "tensor weight|[1, 1] is NaN");
    refuse_floats("infinite", "FloatStorage", infinite, sizeof infinite, "weight|[0, 2]|infinite");
    refuse_floats("large", "DoubleStorage", large, sizeof large, "weight|[1, 2]|infinite in fp32");
    refuse_floats("half", "HalfStorage", half, sizeof half, "weight|[0, 1]|infinite");
}

int main(void)
{
    return RUN_TESTS(folder_make, folder_remove, TEST(test_machine), TEST(test_exhaustion),
                     TEST(test_structure), TEST(test_views), TEST(test_pending), TEST(test_names),
                     TEST(test_values));
}
