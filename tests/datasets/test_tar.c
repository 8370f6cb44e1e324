/* kind = imagenet_tar, and the flat folder, labelled by the devkit or by a list. */
#include "fixtures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "tar_set.h"

static void test_devkit(void **state)
{
    (void)state;
    static const struct mat_style styles[] = { { .packed = true },
                                               { .packed = false },
                                               { .packed = true, .wide_text = true },
                                               { .packed = false, .wide_text = true } };
    struct dataset *d;
    struct error err;
    const char *path = tar_save_sound("sound.tar");
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        const char *kit = path_of("%s/kit%zu", tar_top, i);
        tar_write_devkit(kit, &styles[i]);
        if (tar_open(path, NULL, kit, &d, &err) != OK)
            fail_msg("%s", err.text);
        tar_check_truth(d);
        assert_non_null(strstr(d->description, "5 images"));
        assert_non_null(strstr(d->description, "3 other"));
        dataset_close(d);
    }
    /* Both files named, each somewhere else. */
    write_text(path_of("%s/truth.txt", tar_top), tar_truth);
    assert_int_equal(tar_open(path, path_of("%s/truth.txt", tar_top),
                              path_of("%s/kit0/meta.mat", tar_top), &d, &err),
                     OK);
    tar_check_truth(d);
    dataset_close(d);
}

static void test_flat_folder(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    struct dataset_options options = { .kind = "imagenet",
                                       .path = path_of("%s/flat", tar_top),
                                       .devkit = tar_devkit() };
    if (dataset_open(&options, &d, &err) != OK)
        fail_msg("%s", err.text);
    tar_check_truth(d);
    dataset_close(d);
    options.path = path_of("%s/kit0", tar_top);
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "kit0", "no images", NULL);
    options.path = path_of("%s/flat", tar_top);
    options.devkit = NULL;
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "flat", "data.devkit", NULL);
}

static void test_list(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    const char *path = tar_save_sound("listed.tar"), *list = path_of("%s/list.txt", tar_top);
    write_text(list, "# part\n"
                     "ILSVRC2012_val_00000004.JPEG 17\nILSVRC2012_val_00000001.JPEG 999\n");
    assert_int_equal(tar_open(path, list, NULL, &d, &err), OK);
    assert_int_equal(d->count, 2);
    assert_int_equal(d->labels[0], 17);
    assert_int_equal(d->labels[1], 999);
    assert_non_null(strstr(d->description, "3 not listed"));
    tar_check_image(d, 0, 3);
    tar_check_image(d, 1, 0);
    dataset_close(d);
    write_text(list, "ILSVRC2012_val_00000004.JPEG 17\n\nILSVRC2012_val_00000009.JPEG 9\n");
    assert_fails(tar_open(path, list, NULL, &d, &err), E_CONFIG, &err,
                 "list.txt:3: ", "ILSVRC2012_val_00000009.JPEG", "listed.tar", NULL);
}

/* Every format that libarchive writes, with names long enough for their extensions. */
static void test_formats(void **state)
{
    (void)state;
    static const int formats[] = { ARCHIVE_FORMAT_TAR_USTAR, ARCHIVE_FORMAT_TAR_GNUTAR,
                                   ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE,
                                   ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FORMAT_TAR };
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        const char *path = path_of("%s/format%zu.tar", tar_top, f),
                   *list = path_of("%s/f.txt", tar_top);
        const bool may_be_long = formats[f] != ARCHIVE_FORMAT_TAR_USTAR;
        struct archive *a = archive_write_new();
        struct bytes lines = { 0 };
        struct dataset *d;
        struct error err;
        archive_write_set_format(a, formats[f]);
        assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
        for (int i = 0; i < TAR_IMAGES; i++) {
            char name[800];
            snprintf(name, sizeof name, "%.*s/%s", may_be_long ? 1 + 60 * i : 3,
                     "folder-folder-folder-folder-folder-folder-folder-folder-folder-folder-"
                     "folder-folder-folder-folder-folder-folder-folder-folder-folder-folder-"
                     "folder-folder-folder-folder-folder-folder-folder-folder-folder-folder-"
                     "folder-folder-folder-folder-folder-folder-folder-folder-folder-folder",
                     tar_image_name(i));
            struct archive_entry *e = archive_entry_new();
            archive_entry_set_pathname(e, name);
            archive_entry_set_filetype(e, AE_IFREG);
            archive_entry_set_perm(e, 0644);
            archive_entry_set_mtime(e, 1, 5); /* a fraction of a second: a pax header */
            archive_entry_set_size(e, (int64_t)tar_pictures[i].size);
            assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
            archive_write_data(a, tar_pictures[i].at, tar_pictures[i].size);
            archive_entry_free(e);
            strcat(name, " 1\n");
            bytes_put(&lines, name, strlen(name));
        }
        assert_int_equal(archive_write_free(a), ARCHIVE_OK);
        write_file(list, lines.at, lines.size);
        bytes_free(&lines);
        if (tar_open(path, list, NULL, &d, &err) != OK)
            fail_msg("format %zu: %s", f, err.text);
        for (int i = 0; i < TAR_IMAGES; i++)
            tar_check_image(d, (size_t)i, i);
        dataset_close(d);
    }
}

/* Names come out byte for byte, whatever the locale: a run has the "C" locale. */
static void test_names(void **state)
{
    (void)state;
    static const char pax[] = "20 path=d/\xc3\xa9\xc3\xa8.JPEG\n";
    struct bytes b = { 0 };
    struct dataset *d;
    struct error err;
    const char *list = path_of("%s/names.txt", tar_top);
    tar_member(&b, "x", 'x', pax, sizeof pax - 1);
    tar_put_picture(&b, 0);
    tar_member(&b, "./\xc3\xa9.JPEG", '0', tar_pictures[1].at, tar_pictures[1].size);
    tar_member(&b, "\xe9.JPEG", '0', tar_pictures[2].at, tar_pictures[2].size);
    tar_end(&b);
    write_text(list, "d/\xc3\xa9\xc3\xa8.JPEG 1\n\xc3\xa9.JPEG 1\n\xe9.JPEG 1\n");
    if (tar_open(tar_save("names.tar", &b), list, NULL, &d, &err) != OK)
        fail_msg("%s", err.text);
    for (int i = 0; i < 3; i++)
        tar_check_image(d, (size_t)i, i);
    dataset_close(d);
}

static void test_label_errors(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    const char *path = tar_save_sound("labels.tar"), *text = path_of("%s/bad.txt", tar_top);
    static const struct {
        const char *text, *says, *more;
    } cases[] = {
        { "2\n300\n1\n3\n", "4 labels", "5 images" },
        { "2\n300\n1\n3\n2\n2\n", "6 labels", "5 images" },
        { "2\n300\n1\n3\n4\n", ":5: ", "4 is no class" }, /* an inner node */
        { "2\n300\n1\n3\n299\n", ":5: ", "299 is no class" },
        { "2\n300\n1\n3\n2000000\n", ":5: ", "2000000 is no class" },
        { "2\n300\n-1\n3\n2\n", ":3: ", "'-1'" },
        { "2\n300\n0\n3\n2\n", ":3: ", "'0'" },
        { "2\n300\n1x\n3\n2\n", ":3: ", "'1x'" },
        { "2\n99999999999999999999\n1\n3\n2\n", ":2: ", "ILSVRC2012_ID" },
        { "", "no labels", "" },
        { "ILSVRC2012_val_00000001.JPEG x\n", ":1: ", "class index" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(text, cases[i].text);
        assert_fails(tar_open(path, text, tar_devkit(), &d, &err), E_CONFIG, &err, text,
                     cases[i].says, cases[i].more, NULL);
    }
    write_text(text, tar_truth);
    assert_fails(tar_open(path, text, NULL, &d, &err), E_CONFIG, &err, text, "data.devkit", NULL);
    assert_fails(tar_open(path, NULL, NULL, &d, &err), E_CONFIG, &err, path, "data.devkit",
                 "data.labels", NULL);
    assert_fails(tar_open(path, NULL, tar_top, &d, &err), E_CONFIG, &err, tar_top, "ground_truth",
                 NULL);
    assert_fails(tar_open(path, text, tar_top, &d, &err), E_CONFIG, &err, tar_top, "meta.mat",
                 NULL);
    assert_fails(tar_open(path, "/no/such.txt", tar_devkit(), &d, &err), E_CONFIG, &err,
                 "/no/such.txt", NULL);
}

/* Grey and CMYK pictures and a PNG are read; what is broken fails alone. */
static void test_members(void **state)
{
    (void)state;
    struct dataset *d;
    struct sample sample;
    struct error err;
    struct bytes b = { 0 };
    struct image image = make_picture(24, 24, 9);
    const char *png = path_of("%s/p.png", tar_top), *list = path_of("%s/members.txt", tar_top);
    size_t png_size;
    assert_int_equal(image_write_png(png, &image, NULL), OK);
    image_free(&image);
    uint8_t *png_bytes = slurp(png, &png_size);
    struct bytes grey = make_flat_jpeg(1, 77), cmyk = make_flat_jpeg(4, 200);
    tar_member(&b, "grey.JPEG", '0', grey.at, grey.size);
    tar_member(&b, "zero.JPEG", '0', NULL, 0);
    tar_member(&b, "cmyk.JPEG", '0', cmyk.at, cmyk.size);
    tar_member(&b, "half.JPEG", '0', tar_pictures[0].at, tar_pictures[0].size / 2);
    tar_member(&b, "p.png", '0', png_bytes, png_size);
    tar_member(&b, "text.JPEG", '0', "not a picture", 13);
    tar_member(&b, "good.JPEG", '0', tar_pictures[1].at, tar_pictures[1].size);
    tar_end(&b);
    write_text(list, "grey.JPEG 1\nzero.JPEG 1\ncmyk.JPEG 1\nhalf.JPEG 1\np.png 1\ntext.JPEG 1\n"
                     "good.JPEG 1\n");
    if (tar_open(tar_save("members.tar", &b), list, NULL, &d, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(dataset_load(d, 0, &sample, &err), OK);
    for (int c = 0; c < 3; c++)
        assert_in_range(sample.image.rgb[c], 76, 78);
    sample_free(&sample);
    assert_fails(dataset_load(d, 1, &sample, &err), E_DATA, &err, "members.tar: zero.JPEG", "empty",
                 NULL);
    assert_int_equal(dataset_load(d, 2, &sample, &err), OK);
    for (int c = 0; c < 3; c++) /* ink 200 over key 200, as Pillow: 200 * 200 / 255 */
        assert_in_range(sample.image.rgb[c], 155, 159);
    sample_free(&sample);
    assert_fails(dataset_load(d, 3, &sample, &err), E_DATA, &err, "members.tar: half.JPEG", NULL);
    assert_int_equal(dataset_load(d, 4, &sample, &err), OK);
    assert_int_equal(sample.image.width, 24);
    sample_free(&sample);
    assert_fails(dataset_load(d, 5, &sample, &err), E_DATA, &err, "members.tar: text.JPEG", "PNG",
                 NULL);
    tar_check_image(d, 6, 1);
    dataset_close(d);
    bytes_free(&grey);
    bytes_free(&cmyk);
    free(png_bytes);
}

/* The fingerprint follows names, labels and sizes, not where the bytes lie. */
static void test_fingerprint(void **state)
{
    (void)state;
    struct dataset *a, *b, *c;
    struct error err;
    struct bytes moved = { 0 };
    const char *list = path_of("%s/print.txt", tar_top);
    for (int i = 0; i < TAR_IMAGES; i++)
        tar_put_picture(&moved, i);
    tar_end(&moved);
    write_text(list, "ILSVRC2012_val_00000001.JPEG 0\nILSVRC2012_val_00000002.JPEG 2\n");
    const char *one = tar_save_sound("one.tar"), *two = tar_save("two.tar", &moved);
    assert_int_equal(tar_open(one, NULL, tar_devkit(), &a, &err), OK);
    assert_int_equal(tar_open(two, NULL, tar_devkit(), &b, &err), OK);
    assert_int_equal(tar_open(two, list, NULL, &c, &err), OK);
    assert_string_equal(a->fingerprint, b->fingerprint);
    assert_string_not_equal(b->fingerprint, c->fingerprint);
    dataset_close(a);
    dataset_close(b);
    dataset_close(c);
}

/* A tar with an image in each of these, up to TAR_IMAGES; a name that ends in '/' is a folder. */
static const char *save_names(const char *file, const char *const *names)
{
    struct bytes b = { 0 };
    for (int i = 0; names[i] != NULL; i++) {
        const bool folder = names[i][strlen(names[i]) - 1] == '/';
        tar_member(&b, names[i], folder ? '5' : '0', tar_pictures[i].at,
                   folder ? 0 : tar_pictures[i].size);
    }
    tar_end(&b);
    return tar_save(file, &b);
}

/* Class folders, wherever they lie (test_class_folders.c compares them with trees). */
static void test_class_folders(void **state)
{
    (void)state;
    static const struct {
        const char *names[TAR_IMAGES + 1], *ids[TAR_IMAGES + 1];
        int labels[TAR_IMAGES];
        const char *says;
    } cases[] = {
        { { "n02102040/a.JPEG", "n01440764/b.JPEG", "n02102040/A.JPEG" },
          { "n01440764/b.JPEG", "n02102040/A.JPEG", "n02102040/a.JPEG" },
          { 0, 217, 217 },
          "3 images in 2 class folders (0 other" },
        { { "./", "./n02102040/", "./n02102040/a.JPEG", "./n01440764/b.JPEG" },
          { "n01440764/b.JPEG", "n02102040/a.JPEG" },
          { 0, 217 },
          "2 images in 2 class folders (0 other" },
        { { "set/train/n01440764/a.JPEG", "set/val/n02102040/b.JPEG", "set/val/n01440764/c.JPEG",
            "set/val/n01440764/deep/d.JPEG" },
          { "set/val/n01440764/c.JPEG", "set/val/n02102040/b.JPEG" },
          { 0, 217 },
          "2 images in 2 class folders (2 other" },
        { { "a/b/n01440764/a.JPEG", "a/b/n02102040/b.JPEG", "a/b/.n02102041/c.JPEG", "a/b/x.JPEG" },
          { "a/b/n01440764/a.JPEG", "a/b/n02102040/b.JPEG" },
          { 0, 217 },
          "2 images in 2 class folders (2 other" },
        { { "n02102040/a.JPEG", "n02102040/b.JPEG" },
          { "n02102040/a.JPEG", "n02102040/b.JPEG" },
          { 217, 217 },
          "2 images in 1 class folders (0 other" },
        { { "val/x_n02102040.JPEG", "val/a_n01440764.JPEG" },
          { "val/a_n01440764.JPEG", "val/x_n02102040.JPEG" },
          { 0, 217 },
          "2 images (0 not listed" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dataset *d;
        struct error err;
        const char *path = save_names(path_of("folders%zu.tar", i), cases[i].names);
        if (tar_open(path, NULL, NULL, &d, &err) != OK)
            fail_msg("%s", err.text);
        assert_non_null(strstr(d->description, cases[i].says));
        for (size_t k = 0; k < d->count; k++) {
            int picture = 0;
            assert_string_equal(d->ids[k], cases[i].ids[k]);
            assert_int_equal(d->labels[k], cases[i].labels[k]);
            while (strstr(cases[i].names[picture], d->ids[k]) == NULL)
                picture++;
            tar_check_image(d, k, picture);
        }
        assert_null(cases[i].ids[d->count]);
        dataset_close(d);
    }
}

/* The devkit labels images beside folders, or in one; its order is no order of class folders. */
static void test_folders_with_devkit(void **state)
{
    (void)state;
    static const char *const classes[] = { "n02102040/1.JPEG", "n01440764/2.JPEG",
                                           "n02102040/3.JPEG", "n01440764/4.JPEG",
                                           "n01440764/5.JPEG", NULL };
    static const char *const parts[] = { "part0/1.JPEG", "part0/2.JPEG", "part1/3.JPEG",
                                         "part1/4.JPEG", "part1/5.JPEG", NULL };
    static const char *const one[] = { "val/1.JPEG", "val/2.JPEG", "val/3.JPEG",
                                       "val/4.JPEG", "val/5.JPEG", NULL };
    static const char *const deep[] = { "a/b/1.JPEG", "c/d/2.JPEG", NULL };
    static const char *const twice[] = { "n01440764/1.JPEG", "n02102040/1.JPEG",
                                         "n01440764//1.JPEG", NULL };
    struct dataset *d;
    struct error err;
    const char *path = save_names("kit_classes.tar", classes),
               *truth = path_of("%s/kit_truth.txt", tar_top);
    write_text(truth, tar_truth);
    assert_int_equal(tar_open(path, NULL, tar_devkit(), &d, &err), OK);
    assert_string_equal(d->ids[0], "n01440764/2.JPEG");
    assert_int_equal(d->labels[0], 0);
    assert_int_equal(d->labels[4], 217);
    dataset_close(d);
    assert_fails(tar_open(path, truth, tar_devkit(), &d, &err), E_CONFIG, &err, truth,
                 "order of the files' names", "'n01440764/5.JPEG'", NULL);
    path = save_names("kit_parts.tar", parts);
    assert_fails(tar_open(path, NULL, tar_devkit(), &d, &err), E_CONFIG, &err, path,
                 "folder 'part0' (2 images)", NULL);
    assert_int_equal(tar_open(path, truth, tar_devkit(), &d, &err), OK);
    assert_int_equal(d->labels[2], tar_truth_classes[2]);
    dataset_close(d);
    assert_int_equal(tar_open(save_names("kit_one.tar", one), NULL, tar_devkit(), &d, &err), OK);
    assert_int_equal(d->labels[2], tar_truth_classes[2]);
    dataset_close(d);
    assert_fails(tar_open(save_names("kit_deep.tar", deep), NULL, NULL, &d, &err), E_CONFIG, &err,
                 "kit_deep.tar", "class folders", "data.labels", NULL);
    assert_fails(tar_open(save_names("kit_twice.tar", twice), NULL, NULL, &d, &err), E_CONFIG, &err,
                 "two images", "n01440764/", NULL);
    /* a folder beside the images that the devkit labels */
    struct bytes b = { 0 };
    for (int i = 0; i < TAR_IMAGES; i++)
        tar_put_picture(&b, i);
    tar_member(&b, "thumbs/x.JPEG", '0', tar_pictures[0].at, tar_pictures[0].size);
    tar_end(&b);
    assert_int_equal(tar_open(tar_save("kit_loose.tar", &b), NULL, tar_devkit(), &d, &err), OK);
    tar_check_truth(d);
    dataset_close(d);
}

int main(void)
{
    return RUN_TESTS(tar_make_all, tar_remove_all, TEST(test_devkit), TEST(test_flat_folder),
                     TEST(test_list), TEST(test_formats), TEST(test_names), TEST(test_label_errors),
                     TEST(test_members), TEST(test_fingerprint), TEST(test_class_folders),
                     TEST(test_folders_with_devkit));
}
