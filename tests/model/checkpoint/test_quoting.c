/* Names, keys and types that hold escape sequences and broken UTF-8, through the messages of every
 * reader: none of it reaches the terminal as it is. (expect_refused looks at every message, too.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixtures.h"

#include "run_tests.h"

/* A terminal's title set, a line turned round, a byte that is no UTF-8, a C1 control. */
#define EVIL "\x1b]0;x\x07\xe2\x80\xae\xff\xc2\x9b"
#define SHOWN "\\x1B]0;x\\x07\\xE2\\x80\\xAE\\xFF\\xC2\\x9B"

static void refuse(const char *name, struct buffer *b, const char *needles)
{
    expect_refused(name, b, E_DATA, needles);
    buffer_free(b);
}

static void test_safetensors(void **state)
{
    static const struct {
        const char *header, *needles;
    } cases[] = {
        { "{\"" EVIL "\":3}", "tensor " SHOWN " must be an object" },
        { "{\"" EVIL "\":{}}", "tensor " SHOWN " has no \"dtype\"" },
        { "{\"w\":{\"" EVIL "\":1}}", "unknown key \"" SHOWN "\"" },
        { "{\"" EVIL "\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", SHOWN "|duplicate" },
        { "{\"w\":{\"dtype\":\"" EVIL "\"}}", "dtype \"" SHOWN "\"" },
        { "{\"" EVIL "\":{\"dtype\":\"F32\",\"shape\":3,\"data_offsets\":[0,4]}}",
          SHOWN "|\"shape\"" },
        { "{\"" EVIL "\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
          SHOWN "|whole" },
        { "{\"" EVIL "\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}",
          SHOWN "|dimensions" },
        { "{\"" EVIL "\":{\"dtype\":\"F32\",\"shape\":[9007199254740991,9007199254740991],"
          "\"data_offsets\":[0,4]}}",
          SHOWN "|overflows" },
        { "{\"" EVIL "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
          SHOWN "|begin" },
        { "{\"" EVIL "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}",
          SHOWN "|data_offsets" },
        { "{\"" EVIL "\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}",
          SHOWN "|truncated" },
        { "{\"" EVIL "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
          SHOWN "|holes" },
        { "{\"" EVIL "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
          "\"" EVIL "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
          "two tensors are called " SHOWN },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = { 0 };
        put_safetensors(&b, cases[i].header, 8);
        refuse("evil.safetensors", &b, cases[i].needles);
    }
}

static void refuse_pickle(const char *name, struct buffer *pickle, const char *needles)
{
    struct buffer b = { 0 };
    put_pth(&b, pickle, 6);
    buffer_free(pickle);
    refuse(name, &b, needles);
}

static void test_pickle(void **state)
{
    struct buffer p = { 0 };
    struct spec s = honest_spec();
    (void)state;
    s.name = EVIL;
    s.offset = 9;
    put_state_dict(&p, NULL, &s, 1);
    refuse_pickle("offset", &p, "tensor " SHOWN ": ");
    s = honest_spec();
    s.name = EVIL;
    s.storage = "ComplexFloatStorage";
    put_state_dict(&p, NULL, &s, 1);
    refuse_pickle("dtype", &p, "tensor " SHOWN " has dtype");
    s = honest_spec();
    s.name = EVIL;
    s.storage = EVIL "Storage";
    put_state_dict(&p, NULL, &s, 1);
    refuse_pickle("class", &p, SHOWN " (an object of torch." SHOWN "Storage");
    s = honest_spec();
    s.name = EVIL;
    s.key = EVIL; /* no such member */
    put_state_dict(&p, NULL, &s, 1);
    refuse_pickle("key", &p, "tensor " SHOWN ": the zip archive has no member|data/" SHOWN);
    put_string(&p, "\x80\x02}(");
    put_text(&p, EVIL);
    put_global(&p, EVIL, EVIL);
    put_string(&p, "u.");
    refuse_pickle("wrapper", &p, "no state dict|" SHOWN " (" SHOWN "." SHOWN ")");
    put_string(&p, "\x80\x02");
    put_global(&p, EVIL, "Thing");
    put_string(&p, ".");
    refuse_pickle("root", &p, "it holds " SHOWN ".Thing");
    put_string(&p, "I" EVIL "\n.");
    refuse_pickle("number", &p, "\"" SHOWN "\" is not a number");
}

static void test_stream(void **state)
{
    const struct spec honest = honest_spec();
    struct spec s = honest;
    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        struct buffer b = { 0 };
        s = honest;
        s.name = EVIL;
        s.key = turn == 0 ? "0" : EVIL;
        put_stream_head(&b, 1001);
        put_state_dict(&b, NULL, &s, 1);
        put_stream_keys(&b, (const char *const[]){ turn == 2 ? EVIL : turn == 1 ? "0" : EVIL }, 1);
        put_stream_storage(&b, turn == 2 ? 7 : 6, 6);
        refuse("stream.pth", &b,
               turn == 2   ? "storage " SHOWN " has 7 elements"
               : turn == 1 ? "storage 0"
                           : "storage " SHOWN);
    }
}

static void test_zip(void **state)
{
    struct buffer p = { 0 };
    const struct spec s = honest_spec();
    (void)state;
    put_state_dict(&p, NULL, &s, 1);
    const struct {
        const char *names[2], *needles;
    } cases[] = {
        { { EVIL "/data.pkl", EVIL "2/data.pkl" }, "two data.pkl members: " SHOWN "/data.pkl, " },
        { { EVIL "/constants.pkl", EVIL "/data.pkl" }, "TorchScript|" SHOWN "/constants.pkl" },
        { { EVIL "/data.pkl", EVIL "/other" }, "no member " SHOWN "/data.pkl" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer b = { 0 };
        const struct member m[] = { { cases[i].names[0], p.at, p.size, true },
                                    { cases[i].names[1], p.at, p.size, true } };
        put_zip(&b, m, 2);
        refuse("evil.pth", &b, cases[i].needles);
    }
    buffer_free(&p);
}

static void test_values(void **state)
{
    struct buffer p = { 0 }, b = { 0 };
    struct spec s = honest_spec();
    const float nan[6] = { 0, __builtin_nanf("") };
    (void)state;
    s.name = EVIL;
    put_state_dict(&p, NULL, &s, 1);
    const struct member m[] = { { "x/data.pkl", p.at, p.size, true },
                                { "x/data/0", nan, sizeof nan, true } };
    put_zip(&b, m, 2);
    buffer_free(&p);
    refuse("nan.pth", &b, "tensor " SHOWN ": element [0, 1] is NaN");
}

int main(void)
{
    return RUN_TESTS(folder_make, folder_remove, TEST(test_safetensors), TEST(test_pickle),
                     TEST(test_stream), TEST(test_zip), TEST(test_values));
}
