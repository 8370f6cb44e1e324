/* kind = imagenet and imagenet_list: the images they find, and their errors. */
#include "fixtures.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *model; /* beside `model` lies classes.txt */

static int make_tree(void **state)
{
    struct image image = make_picture(20, 16, 1);
    make_test_folder(state);
    model = strdup(path_of("%s/model.pth", test_folder));
    write_jpeg(path_of("%s/tree/val/n00000020/b.JPEG", test_folder), &image);
    write_jpeg(path_of("%s/tree/val/n00000020/a.jpg", test_folder), &image);
    write_text(path_of("%s/tree/val/n00000020/notes.txt", test_folder), "not an image");
    write_jpeg(path_of("%s/tree/val/n00000030/c d.jpeg", test_folder), &image);
    write_text(path_of("%s/tree/val/n00000010/.hidden.JPEG", test_folder), ""); /* an empty class */
    write_text(path_of("%s/tree/val/extra/x.txt", test_folder), "no image, so no class");
    write_text(path_of("%s/classes.txt", test_folder), "n00000010 a\nn00000020 b\nn00000030 c\n");
    assert_int_equal(
        image_write_png(path_of("%s/tree/val/n00000030/e.PNG", test_folder), &image, NULL), OK);
    image_free(&image);
    return 0;
}

static int remove_tree(void **state)
{
    free(model);
    return remove_test_folder(state);
}

static enum status open_kind(const char *kind, const char *path, const char *root,
                             struct dataset **out, struct error *err)
{
    const struct dataset_options options = {
        .kind = kind, .path = path, .root = root, .checkpoint = model
    };
    *err = (struct error){ 0 };
    return dataset_open(&options, out, err);
}

static void check_tree(struct dataset *d)
{
    static const char *const ids[] = { "n00000020/a.jpg", "n00000020/b.JPEG", "n00000030/c d.jpeg",
                                       "n00000030/e.PNG" };
    static const int labels[] = { 1, 1, 2, 2 };
    struct error err;
    assert_int_equal(d->count, 4);
    for (size_t i = 0; i < d->count; i++) {
        struct sample sample;
        assert_string_equal(d->ids[i], ids[i]);
        assert_int_equal(d->labels[i], labels[i]);
        assert_int_equal(dataset_load(d, i, &sample, &err), OK);
        assert_int_equal(sample.image.width, 20);
        assert_null(sample.labels);
        sample_free(&sample);
    }
    assert_true(d->has_labels);
    assert_false(d->has_masks);
    assert_int_equal(strlen(d->fingerprint), 64);
    assert_non_null(strstr(d->description, "4 images in 3 class folders (3 other"));
}

static void test_class_folder(void **state)
{
    (void)state;
    struct dataset *above, *itself;
    struct error err;
    assert_int_equal(open_kind("imagenet", path_of("%s/tree", test_folder), NULL, &above, &err),
                     OK);
    assert_int_equal(
        open_kind("imagenet", path_of("%s/tree/val", test_folder), NULL, &itself, &err), OK);
    check_tree(above);
    check_tree(itself);
    assert_string_equal(above->fingerprint, itself->fingerprint);
    dataset_close(above);
    dataset_close(itself);
}

static void test_folder_errors(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    const char *path = path_of("%s/nowhere", test_folder);
    assert_fails(open_kind("imagenet", path, NULL, &d, &err), E_CONFIG, &err, path, "val/n", NULL);
    path = path_of("%s/tree/val/n00000010", test_folder);
    assert_fails(open_kind("imagenet", path, NULL, &d, &err), E_CONFIG, &err, path, "no images",
                 NULL);
    assert_fails(open_kind("imagenet", "", NULL, &d, &err), E_CONFIG, &err, "path", NULL);
    assert_fails(open_kind("imagenots", path, NULL, &d, &err), E_CONFIG, &err, "imagenots",
                 "imagenet_list", "imagenet_seg", "demo", NULL);
    assert_null(d);
}

static void test_list(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    const char *list = path_of("%s/tree/list.txt", test_folder);
    write_text(list, "\xef\xbb\xbf# a comment\r\n\r\nval/n00000030/c d.jpeg \t 17\r\n"
                     "  val/n00000020/b.JPEG 0  \n\nval/n00000020/a.jpg\t999");
    assert_int_equal(open_kind("imagenet_list", list, NULL, &d, &err), OK);
    assert_int_equal(d->count, 3);
    assert_string_equal(d->ids[0], "val/n00000030/c d.jpeg");
    assert_int_equal(d->labels[0], 17);
    assert_string_equal(d->ids[1], "val/n00000020/b.JPEG");
    assert_int_equal(d->labels[1], 0);
    assert_int_equal(d->labels[2], 999);
    struct sample sample;
    assert_int_equal(dataset_load(d, 0, &sample, &err), OK);
    sample_free(&sample);
    dataset_close(d);

    write_text(list, "b.JPEG 3\n");
    assert_int_equal(
        open_kind("imagenet_list", list, path_of("%s/tree/val/n00000020", test_folder), &d, &err),
        OK);
    assert_int_equal(dataset_load(d, 0, &sample, &err), OK);
    sample_free(&sample);
    assert_fails(dataset_load(d, 1, &sample, &err), E_DATA, &err, NULL);
    dataset_close(d);
}

static void test_list_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line; /* that the message names; 0: none */
        const char *what;
    } cases[] = {
        { "val/n00000020/b.JPEG 3\n#\nval/x.JPEG 4\n", 3, "val/x.JPEG" },
        { "val/n00000020/b.JPEG\n", 1, "class index" },
        { "val/n00000020/b.JPEG x3\n", 1, "class index" },
        { "val/n00000020/b.JPEG -3\n", 1, "class index" },
        { "val/n00000020/b.JPEG 3.5\n", 1, "class index" },
        { "17\n", 1, "class index" },
        { "\r 1\n", 1, "class index" }, /* found by fuzzing: an image without a name */
        { "val/n00000020/b.JPEG 99999999999\n", 1, "out of range" },
        { "val/n00000020/b.JPEG 2147483648\n", 1, "out of range" },
        { "val/n00000020 3\n", 1, "not a file" },
        { "val/n00000020/b.JPEG 3\nval/n00000020/a.jpg 3\nval/n00000020/b.JPEG 4\n", 3, "line 1" },
        { "# nothing\n\n", 0, "no images" },
        { "", 0, "no images" },
    };
    struct dataset *d;
    struct error err;
    const char *list = path_of("%s/tree/bad.txt", test_folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(list, cases[i].text);
        assert_fails(open_kind("imagenet_list", list, NULL, &d, &err), E_CONFIG, &err,
                     cases[i].line > 0 ? path_of("%s:%d: ", list, cases[i].line) : list,
                     cases[i].what, NULL);
    }
    write_file(list, "a.jpg\0 3\n", 9);
    assert_fails(open_kind("imagenet_list", list, NULL, &d, &err), E_CONFIG, &err, ":1: ", "NUL",
                 NULL);
    assert_fails(open_kind("imagenet_list", path_of("%s/none.txt", test_folder), NULL, &d, &err),
                 E_CONFIG, &err, "none.txt", NULL);
    assert_fails(open_kind("imagenet_list", test_folder, NULL, &d, &err), E_CONFIG, &err,
                 test_folder, "file label", NULL);
    write_text(list, "val/n00000020/b.JPEG 3\n");
    assert_fails(open_kind("imagenet_list", list, "/no/such/root", &d, &err), E_CONFIG, &err,
                 "/no/such/root", "root", NULL);
}

/* A file that is damaged after opening is an error of that image only. */
static void test_bad_image(void **state)
{
    (void)state;
    struct dataset *d;
    struct sample sample;
    struct error err;
    const char *list = path_of("%s/tree/some.txt", test_folder),
               *bad = path_of("%s/tree/bad.JPEG", test_folder);
    write_text(bad, "\xff\xd8\xff\xe0 not much of a JPEG");
    write_text(list, "bad.JPEG 1\nval/n00000020/b.JPEG 0\n");
    assert_int_equal(open_kind("imagenet_list", list, NULL, &d, &err), OK);
    assert_fails(dataset_load(d, 0, &sample, &err), E_DATA, &err, bad, NULL);
    assert_null(sample.image.rgb);
    unlink(bad);
    assert_fails(dataset_load(d, 0, &sample, &err), E_IO, &err, bad, NULL);
    assert_int_equal(dataset_load(d, 1, &sample, &err), OK);
    sample_free(&sample);
    dataset_close(d);
}

/* The fingerprint follows labels, names and sizes. */
static void test_fingerprint(void **state)
{
    (void)state;
    static const char *const lists[] = { "val/n00000020/b.JPEG 3\n", "val/n00000020/b.JPEG 4\n",
                                         "val/n00000020/a.jpg 3\n",
                                         "val/n00000020/b.JPEG 3\nval/n00000020/a.jpg 3\n" };
    char prints[4][65];
    struct error err;
    const char *list = path_of("%s/tree/print.txt", test_folder);
    for (int i = 0; i < 4; i++) {
        struct dataset *d;
        write_text(list, lists[i]);
        assert_int_equal(open_kind("imagenet_list", list, NULL, &d, &err), OK);
        memcpy(prints[i], d->fingerprint, sizeof prints[i]);
        dataset_close(d);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(prints[i], prints[j]);
    }
}

static void test_samples(void **state)
{
    (void)state;
    const char *shared = shared_folder();
    struct dataset *d;
    struct error err;
    if (shared == NULL)
        skip();
    const char *list = path_of("%s/imagenet-samples/labels.txt", shared);
    assert_int_equal(open_kind("imagenet_list", list, NULL, &d, &err), OK);
    assert_int_equal(d->count, 200);
    for (size_t i = 0; i < d->count; i++) {
        struct sample sample;
        if (dataset_load(d, i, &sample, &err) != OK)
            fail_msg("%s", err.text);
        sample_free(&sample);
    }
    dataset_close(d);
}

int main(void)
{
    return RUN_TESTS(make_tree, remove_tree, TEST(test_class_folder), TEST(test_folder_errors),
                     TEST(test_list), TEST(test_list_errors), TEST(test_bad_image),
                     TEST(test_fingerprint), TEST(test_samples));
}
