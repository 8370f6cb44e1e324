/* meta.mat: its content, and every way in which it may be damaged. */
#include "fixtures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archives.h"
#include "synsets.h"

static const struct synset tree[] = {
    { 2, "n00000020", 0 }, { 3, "n00000010", 0 }, { 1, "n00000030", 0 }, { 4, "n00000001", 3 }
};

static enum status parse(struct bytes file, struct synsets *out, struct error *err)
{
    *err = (struct error){ 0 };
    /* An exact copy, so that a sanitizer sees reads past the end. */
    uint8_t *copy = malloc(file.size > 0 ? file.size : 1);
    if (file.size > 0)
        memcpy(copy, file.at, file.size);
    enum status status = synsets_parse(copy, file.size, "m.mat", out, err);
    free(copy);
    bytes_free(&file);
    return status;
}

static void test_ranks(void **state)
{
    (void)state;
    for (int style = 0; style < 4; style++) {
        const struct mat_style s = { .packed = (style & 1) != 0, .wide_text = (style & 2) != 0 };
        static const int want[5] = { -1, 2, 1, 0, -1 };
        struct synsets out;
        struct error err;
        assert_int_equal(parse(mat_file(tree, 4, &s), &out, &err), OK);
        assert_int_equal(out.classes, 3);
        assert_int_equal(out.ids, 5);
        assert_memory_equal(out.class_of, want, sizeof want);
        synsets_free(&out);
    }
    /* Without num_children every synset is a class. */
    const struct mat_style plain = { .no_children = true };
    struct synsets out;
    struct error err;
    assert_int_equal(parse(mat_file(tree, 4, &plain), &out, &err), OK);
    assert_int_equal(out.classes, 4);
    assert_int_equal(out.class_of[4], 0);
    synsets_free(&out);
}

/* As large as the devkit's. */
static void test_whole(void **state)
{
    (void)state;
    enum { ALL = 1860 };
    static char names[ALL][10];
    static struct synset all[ALL];
    for (int i = 0; i < ALL; i++) {
        snprintf(names[i], sizeof names[i], "n%08d", (i * 1009) % ALL);
        all[i] = (struct synset){ i + 1, names[i], i < 1000 ? 0 : 2 };
    }
    const struct mat_style style = { .packed = true, .wide_text = true };
    struct synsets out;
    struct error err;
    if (parse(mat_file(all, ALL, &style), &out, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(out.classes, 1000);
    for (int i = 0; i < 1000; i++) {
        int rank = 0;
        for (int j = 0; j < 1000; j++)
            rank += strcmp(names[j], names[i]) < 0;
        assert_int_equal(out.class_of[i + 1], rank);
    }
    for (int i = 1000; i < ALL; i++)
        assert_int_equal(out.class_of[i + 1], -1);
    synsets_free(&out);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct synset zero = { 0, "n00000010", 0 }, none = { 1, "", 0 },
                               inner = { 1, "n00000010", 4 },
                               wnids[] = { { 1, "n1", 0 }, { 2, "n1", 0 } },
                               ids[] = { { 1, "n1", 0 }, { 1, "n2", 0 } };
    const struct mat_style plain = { 0 }, other = { .variable = "synset" };
    const struct {
        struct bytes file;
        const char *says;
    } cases[] = {
        { mat_file(&zero, 1, &plain), "ILSVRC2012_ID is 0" },
        { mat_file(&none, 1, &plain), "synsets(1)" },
        { mat_file(&inner, 1, &plain), "no synset without children" },
        { mat_file(wnids, 2, &plain), "WNID n1" },
        { mat_file(ids, 2, &plain), "ILSVRC2012_ID 1" },
        { mat_file(tree, 0, &plain), "0 elements" },
        { mat_file(tree, 4, &other), "no variable 'synsets'" },
    };
    struct synsets out;
    struct error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(parse(cases[i].file, &out, &err), E_CONFIG, &err, "m.mat: ", cases[i].says,
                     NULL);
    struct bytes text = { 0 }, hdf5 = mat_file(tree, 4, &plain);
    bytes_put(&text, "n01440764 tench", 15);
    assert_fails(parse(text, &out, &err), E_CONFIG, &err, "m.mat: not a MATLAB 5 file", NULL);
    memcpy(hdf5.at + 512, "\x89HDF\r\n\x1a\n", 8);
    assert_fails(parse(hdf5, &out, &err), E_CONFIG, &err, "MATLAB 7.3", "-v7", NULL);
    assert_fails(synsets_read("/tmp", &out, &err), E_CONFIG, &err, "/tmp", "meta.mat", NULL);
    assert_fails(synsets_read("/no/such.mat", &out, &err), E_CONFIG, &err, "/no/such.mat", NULL);
}

/* Cut off anywhere it is refused; with any byte changed it is refused or read, and no crash. */
static void test_broken(void **state)
{
    (void)state;
    size_t refused = 0, tried = 0;
    for (int packed = 0; packed < 2; packed++) {
        const struct mat_style style = { .packed = packed != 0 };
        struct bytes whole = mat_file(tree, 4, &style);
        struct synsets out;
        struct error err;
        for (size_t cut = 0; cut < whole.size; cut++) {
            struct bytes part = { 0 };
            bytes_put(&part, whole.at, cut);
            /* What is cut off may be padding or zlib's checksum alone. */
            enum status status = parse(part, &out, &err);
            assert_true(status == E_CONFIG || (status == OK && cut + 8 >= whole.size));
            synsets_free(&out);
        }
        for (size_t at = 0; at < whole.size; at++)
            for (int bit = 0; bit < 8; bit++) {
                struct bytes bad = { 0 };
                bytes_put(&bad, whole.at, whole.size);
                bad.at[at] ^= (uint8_t)(1 << bit);
                enum status status = parse(bad, &out, &err);
                assert_true(status == OK || status == E_CONFIG);
                refused += status != OK;
                tried++;
                synsets_free(&out);
            }
        bytes_free(&whole);
    }
    assert_in_range(refused, tried / 4, tried);
}

/* A few packed bytes that promise gigabytes. */
static void test_bomb(void **state)
{
    (void)state;
    static const uint8_t tag[8] = { 14, 0, 0, 0, 0, 0, 0, 3 }; /* 48 MiB, under the limit */
    struct bytes file = { 0 };
    struct synsets out;
    struct error err;
    uint8_t head[128 + 8] = { 0 };
    memcpy(head + 124, "\0\1IM", 4);
    head[128] = 15;
    /* zlib: one stored block with the tag alone, then a block that repeats nothing */
    static const uint8_t stream[] = { 0x78, 0x01, 0x00, 8, 0, 0xf7, 0xff };
    head[132] = sizeof stream + sizeof tag;
    bytes_put(&file, head, sizeof head);
    bytes_put(&file, stream, sizeof stream);
    bytes_put(&file, tag, sizeof tag);
    assert_fails(parse(file, &out, &err), E_CONFIG, &err, "damaged", NULL);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_ranks), TEST(test_whole), TEST(test_refused),
                     TEST(test_broken), TEST(test_bomb));
}
