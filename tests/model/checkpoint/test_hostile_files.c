/* Files that are no checkpoint, and damaged or hostile containers: zip, stream, safetensors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixtures.h"

#include "run_tests.h"

static void refuse(const char *name, struct buffer *b, const char *needles)
{
    expect_refused(name, b, E_DATA, needles);
    buffer_free(b);
}

static void refuse_text(const char *name, const char *text, const char *needles)
{
    struct buffer b = { 0 };
    put_string(&b, text);
    refuse(name, &b, needles);
}

static void test_no_checkpoint(void **state)
{
    (void)state;
    struct buffer b = { 0 };
    expect_refused("missing.pth", NULL, E_IO, "No such file");
    expect_refused(".", NULL, E_IO, "a directory");
    assert_int_equal(mkfifo(folder_write("pipe", NULL), 0600), 0);
    expect_refused("pipe", NULL, E_IO, "pipe");
    refuse("empty.pth", &b, "empty");
    refuse_text("lfs.pth", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n",
                "git-lfs pointer");
    refuse_text("page.pth", "<!DOCTYPE html>\n<html>404</html>", "HTML");
    refuse_text("text.pth", "weights go here\n", "a text file|weights go here|.safetensors");
    refuse_text("gzip.pth", "\x1f\x8b\x08rest", "gzip");
    refuse_text("hdf5.pth", "\x89HDF\r\n\x1a\nrest", "HDF5");
    refuse_text("array.pth", "\x93NUMPY\x01", "NumPy");
    refuse_text("plain.pth", "\x80\x02}q.", "plain pickle");
    refuse_text("noise.pth",
                "\x01\x02\xff\xfe"
                "0123456789",
                "neither a zip");
    put_fill(&b, 0, 257);
    put_string(&b, "ustar");
    put_fill(&b, 0, 600);
    memcpy(b.at, "sys_info", 8);
    refuse("old.tar", &b, "tar archive|0.1.10");
}

static void honest_pickle(struct buffer *p)
{
    const struct spec s = honest_spec();
    put_state_dict(p, NULL, &s, 1);
}

static void refuse_members(const char *name, const struct member *m, int count, const char *needles)
{
    struct buffer b = { 0 };
    put_zip(&b, m, count);
    refuse(name, &b, needles);
}

static void test_zip(void **state)
{
    (void)state;
    struct buffer p = { 0 }, b = { 0 };
    const float data[6] = { 0 };
    honest_pickle(&p);
    put_pth(&b, &p, 6);
    b.size = b.size / 2;
    refuse("cut.pth", &b, "zip|truncated");
    put_string(&b, "PK\3\4 and nothing");
    refuse("stub.pth", &b, "zip|truncated");
    const struct member pickle = { "x/data.pkl", p.at, p.size, false };
    const struct member storage = { "x/data/0", data, sizeof data, true };
    refuse_members("script.pth",
                   (struct member[]){ pickle, storage, { "x/constants.pkl", "", 0, false } }, 3,
                   "TorchScript");
    refuse_members("array.npz", (struct member[]){ { "arr_0.npy", "x", 1, false } }, 1, "NumPy");
    refuse_members("office.pth", (struct member[]){ { "word/doc.xml", "x", 1, false } }, 1,
                   "without a data.pkl");
    refuse_members("two.pth",
                   (struct member[]){ pickle, storage, { "y/data.pkl", p.at, p.size, false } }, 3,
                   "two data.pkl|x/data.pkl|y/data.pkl");
    refuse_members("order.pth",
                   (struct member[]){ pickle, storage, { "x/byteorder", "middle", 6, false } }, 3,
                   "byteorder|little");
    refuse_members("no_storage.pth", &pickle, 1, "tensor weight|no member x/data/0");
    buffer_free(&p);
}

/* Finds a member's record in the central directory: "PK\1\2", its name 46 bytes on. */
static uint8_t *central(struct buffer *b, const char *name)
{
    for (size_t i = 0; i + 46 + strlen(name) <= b->size; i++) {
        if (memcmp(b->at + i, "PK\1\2", 4) == 0 && memcmp(b->at + i + 46, name, strlen(name)) == 0)
            return b->at + i;
    }
    abort();
}

static void test_zip_patched(void **state)
{
    (void)state;
    struct buffer p = { 0 }, b = { 0 };
    honest_pickle(&p);
    put_pth(&b, &p, 6);
    memset(central(&b, "x/data.pkl") + 24, 0x7f, 4); /* uncompressed size */
    refuse("claims.pth", &b, "x/data.pkl|claims 2139062143 bytes");
    put_pth(&b, &p, 6);
    central(&b, "x/data.pkl")[27] = 2; /* 32 MiB, below the limit, from a few hundred bytes */
    refuse("ratio.pth", &b, "x/data.pkl|compressed");
    put_pth(&b, &p, 6);
    central(&b, "x/data/0")[42] += 1; /* offset of the local header */
    refuse("moved.pth", &b, "tensor weight|x/data/0");
    put_pth(&b, &p, 6);
    central(&b, "x/data/0")[8] |= 1; /* encrypted */
    refuse("locked.pth", &b, "tensor weight|x/data/0");
    put_pth(&b, &p, 6);
    central(&b, "x/data/0")[10] = 99;             /* a compression method of the future */
    refuse("method.pth", &b, "zip|inconsistent"); /* libzip compares it with the local header */
    put_pth(&b, &p, 6);
    uint8_t *one = memmem(b.at, b.size, &(float){ 3 }, sizeof(float));
    assert_non_null(one);
    one[2] ^= 1;
    refuse("flipped.pth", &b, "tensor weight|x/data/0 is damaged|CRC");
    buffer_free(&p);
}

/* A stream of the honest tensor with these keys and one storage. */
static void put_stream(struct buffer *b, int version, const char *const *keys, int count,
                       uint64_t claimed, int elements)
{
    put_stream_head(b, version);
    honest_pickle(b);
    put_stream_keys(b, keys, count);
    put_stream_storage(b, claimed, elements);
}

static void test_stream(void **state)
{
    (void)state;
    const char *const keys[] = { "0", "0", "other" };
    struct buffer b = { 0 };
    put_stream(&b, 1000, keys, 1, 6, 6);
    refuse("version.pth", &b, "version 1001");
    put_stream(&b, 1001, keys, 1, 6, 5);
    refuse("cut_storage.pth", &b, "truncated in storage 0|20 bytes are left");
    put_stream(&b, 1001, keys, 1, 6, 0);
    b.size -= 3;
    refuse("cut_count.pth", &b, "truncated before storage 0");
    put_stream(&b, 1001, keys, 1, 5, 5);
    refuse("count.pth", &b, "storage 0 has 5 elements|6");
    put_stream(&b, 1001, keys, 1, UINT64_MAX, 6);
    refuse("huge_count.pth", &b, "storage 0 has 18446744073709551615 elements");
    put_stream(&b, 1001, keys, 1, 6, 7);
    refuse("left_over.pth", &b, "4 bytes follow");
    put_stream(&b, 1001, keys, 2, 6, 6);
    refuse("listed_twice.pth", &b, "storage 0 is listed twice");
    put_stream(&b, 1001, keys + 2, 1, 6, 6);
    refuse("unused.pth", &b, "storage other is listed");
    put_stream_head(&b, 1001);
    honest_pickle(&b);
    put_stream_keys(&b, NULL, 0);
    refuse("unlisted.pth", &b, "tensor weight|storage 0 is not in the file");
    put_stream_head(&b, 1001);
    honest_pickle(&b);
    put_string(&b, "\x80\x02}.");
    refuse("keys_dict.pth", &b, "storage keys are a dict");
    put_stream_head(&b, 1001);
    refuse("head_only.pth", &b, "the object, byte 0|truncated");
    struct spec s = honest_spec();
    s.elements = INT64_MAX;
    put_stream_head(&b, 1001);
    put_state_dict(&b, NULL, &s, 1);
    put_stream_keys(&b, keys, 1);
    put_stream_storage(&b, INT64_MAX, 6);
    refuse("huge_storage.pth", &b, "truncated in storage 0");
}

static void refuse_header(const char *name, const char *header, size_t data, const char *needles)
{
    struct buffer b = { 0 };
    put_safetensors(&b, header, data);
    refuse(name, &b, needles);
}

#define T(name, dtype, shape, begin, end)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end   \
    "]}"

static void test_safetensors_layout(void **state)
{
    (void)state;
    struct buffer b = { 0 };
    put_uint(&b, (uint64_t)1 << 55, 8);
    put_string(&b, "{}");
    refuse("length_absurd", &b, "header claims 36028797018963968 bytes");
    put_uint(&b, 1000, 8);
    put_string(&b, "{}");
    refuse("length_beyond", &b, "truncated|1000");
    refuse_header("cut_data", "{" T("a", "F32", "[2]", "0", "8") "}", 7,
                  "tensor a ends at byte 8|truncated");
    refuse_header("trailing", "{" T("a", "F32", "[2]", "0", "8") "}", 9, "1 bytes follow");
    refuse_header("overlap",
                  "{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "4", "12") "}", 12,
                  "tensor b begins at byte 4|overlap");
    refuse_header("hole",
                  "{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "12", "20") "}", 20,
                  "tensor b begins at byte 12|holes");
    refuse_header("backwards", "{" T("a", "F32", "[2]", "8", "0") "}", 8, "tensor a|data_offsets");
    refuse_header("offset_huge",
                  "{" T("a", "U8", "[9007199254740992]", "0", "9007199254740992") "}", 8,
                  "tensor a ends at byte 9007199254740992");
    refuse_header("offset_fraction", "{" T("a", "F32", "[2]", "0", "8.5") "}", 8,
                  "tensor a|data_offsets");
    refuse_header("odd_bytes", "{" T("a", "F32", "[2]", "0", "9") "}", 9, "tensor a|give 9");
    refuse_header("shape_short", "{" T("a", "F32", "[3]", "0", "8") "}", 8, "tensor a");
    refuse_header("shape_long", "{" T("a", "F32", "[1]", "0", "8") "}", 8, "tensor a|give 8");
    refuse_header("shape_overflow", "{" T("a", "F32", "[4294967296,4294967296]", "0", "8") "}", 8,
                  "tensor a|overflows");
    refuse_header("shape_negative", "{" T("a", "F32", "[-2]", "0", "8") "}", 8, "tensor a|shape");
    refuse_header("shape_infinite", "{" T("a", "F32", "[1e999]", "0", "8") "}", 8,
                  "tensor a|shape");
    refuse_header("shape_deep", "{" T("a", "F32", "[1,1,1,1,1,1,1,1,2]", "0", "8") "}", 8,
                  "tensor a|8 dimensions");
}

static void test_safetensors_header(void **state)
{
    (void)state;
    struct buffer b = { 0 };
    refuse_header("json", "{\"a\":", 8, "not valid JSON");
    refuse_header("json_tail", "{} {}", 8, "goes on");
    refuse_header("none", "{\"__metadata__\":{\"format\":\"pt\"}}", 0, "no tensors");
    refuse_header("number", "{\"a\":1}", 8, "tensor a must be an object");
    refuse_header("no_dtype", "{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
                  "a has no|dtype");
    refuse_header("no_shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8,
                  "a: \"shape");
    refuse_header("no_offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "a: \"data_off");
    refuse_header("dtype", "{" T("a", "F8_E4M3", "[2]", "0", "2") "}", 2, "tensor a|F8_E4M3|BF16");
    refuse_header("unknown_key",
                  "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],"
                  "\"strides\":[1]}}",
                  8, "tensor a|unknown key|strides");
    refuse_header("duplicate_key",
                  "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[2],"
                  "\"data_offsets\":[0,8]}}",
                  8, "tensor a|duplicate|dtype");
    refuse_header("duplicate_name",
                  "{" T("a", "F32", "[2]", "0", "8") "," T("a", "F32", "[2]", "8", "16") "}", 16,
                  "two tensors are called a");
    refuse_header("metadata_twice",
                  "{\"__metadata__\":{},\"__metadata__\":{}," T("a", "F32", "[2]", "0", "8") "}", 8,
                  "__metadata__ twice");
    refuse_header("no_name", "{" T("", "F32", "[2]", "0", "8") "}", 8, "tensor name of 0 bytes");
    put_string(&b, "{\"a\":");
    put_fill(&b, '[', 100000);
    put_fill(&b, 0, 1);
    refuse_header("deep", (const char *)b.at, 8, "not valid JSON");
    buffer_free(&b);
    const float nan = __builtin_nanf("");
    put_safetensors(&b, "{" T("a", "F32", "[1,2]", "0", "8") "}", 4);
    put_bytes(&b, &nan, 4);
    refuse("nan", &b, "tensor a|[0, 1] is NaN");
}

int main(void)
{
    return RUN_TESTS(folder_make, folder_remove, TEST(test_no_checkpoint), TEST(test_zip),
                     TEST(test_zip_patched), TEST(test_stream), TEST(test_safetensors_layout),
                     TEST(test_safetensors_header));
}
