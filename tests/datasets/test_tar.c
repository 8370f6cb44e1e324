/* kind = imagenet_tar, and the flat folder, labelled by the devkit or by a list. */
#include "fixtures.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "archives.h"

#define IMAGES 5

static char *top;
static struct bytes pictures[IMAGES];

/* Leaves in an order that is neither that of IDs nor of WNIDs, among inner nodes. */
static const struct synset tree[] = { { 3, "n00000300", 0 }, { 1, "n00000900", 0 },
                                      { 2, "n00000100", 0 }, { 4, "n00000200", 2 },
                                      { 5, "n00000050", 1 }, { 300, "n00000700", 0 } };
#define SYNSETS (sizeof tree / sizeof *tree)
/* Classes by rank of WNID: ID 2 -> 0, 3 -> 1, 300 -> 2, 1 -> 3. */
static const char truth[] = "2\n300\r\n1\n3\n2\n";
static const int truth_classes[IMAGES] = { 0, 2, 3, 1, 0 };

static const char *image_name(int i)
{
    static char names[IMAGES][40];
    snprintf(names[i], sizeof names[i], "ILSVRC2012_val_%08d.JPEG", i + 1);
    return names[i];
}

static void write_devkit(const char *folder, const struct mat_style *style)
{
    struct bytes mat = mat_file(tree, SYNSETS, style);
    write_file(path_of("%s/meta.mat", folder), mat.at, mat.size);
    write_text(path_of("%s/ILSVRC2012_validation_ground_truth.txt", folder), truth);
    bytes_free(&mat);
}

static int make_all(void **state)
{
    (void)state;
    top = make_folder();
    for (int i = 0; i < IMAGES; i++) {
        struct image image = make_picture(20 + 3 * i, 16, (unsigned)i);
        const char *path = path_of("%s/flat/%s", top, image_name(i));
        write_jpeg(path, &image);
        pictures[i].at = slurp(path, &pictures[i].size);
        image_free(&image);
    }
    write_text(path_of("%s/flat/notes.txt", top), "no image");
    write_devkit(path_of("%s/devkit/data", top), &(struct mat_style){ .packed = true });
    return 0;
}

static int remove_all(void **state)
{
    (void)state;
    for (int i = 0; i < IMAGES; i++)
        bytes_free(&pictures[i]);
    remove_folder(top);
    return 0;
}

static void put_picture(struct bytes *b, int i)
{
    tar_member(b, image_name(i), '0', pictures[i].at, pictures[i].size);
}

static const char *save(const char *name, struct bytes *b)
{
    const char *path = path_of("%s/%s", top, name);
    write_file(path, b->at, b->size);
    bytes_free(b);
    return path;
}

/* All pictures, out of order, among other members. */
static const char *save_sound(const char *name)
{
    struct bytes b = { 0 };
    tar_member(&b, "./", '5', NULL, 0);
    tar_member(&b, "README.txt", '0', "hello", 5);
    put_picture(&b, 3);
    tar_member(&b, "._ILSVRC2012_val_00000004.JPEG", '0', "macOS", 5);
    put_picture(&b, 0);
    put_picture(&b, 1);
    put_picture(&b, 4);
    put_picture(&b, 2);
    tar_end(&b);
    return save(name, &b);
}

static enum status open_tar(const char *path, const char *labels, const char *devkit,
                            struct dataset **out, struct error *err)
{
    const struct dataset_options options = {
        .kind = "imagenet_tar", .path = path, .labels = labels, .devkit = devkit
    };
    *err = (struct error){ 0 };
    return dataset_open(&options, out, err);
}

static const char *devkit(void)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/devkit", top);
    return path;
}

/* Image `at` of the set is the picture `i`. */
static void check_image(struct dataset *d, size_t at, int i)
{
    struct sample sample;
    struct image want;
    struct error err;
    if (dataset_load(d, at, &sample, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(image_decode(pictures[i].at, pictures[i].size, "x", &want, &err), OK);
    assert_int_equal(sample.image.width, want.width);
    assert_int_equal(sample.image.height, want.height);
    assert_memory_equal(sample.image.rgb, want.rgb, (size_t)want.width * (size_t)want.height * 3);
    image_free(&want);
    sample_free(&sample);
}

static void check_truth(struct dataset *d)
{
    assert_int_equal(d->count, IMAGES);
    assert_true(d->has_labels);
    assert_false(d->has_masks);
    for (int i = 0; i < IMAGES; i++) {
        assert_string_equal(d->ids[i], image_name(i));
        assert_int_equal(d->labels[i], truth_classes[i]);
        check_image(d, (size_t)i, i);
    }
}

static void test_devkit(void **state)
{
    (void)state;
    static const struct mat_style styles[] = { { .packed = true },
                                               { .packed = false },
                                               { .packed = true, .wide_text = true },
                                               { .packed = false, .wide_text = true } };
    struct dataset *d;
    struct error err;
    const char *path = save_sound("sound.tar");
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        const char *kit = path_of("%s/kit%zu", top, i);
        write_devkit(kit, &styles[i]);
        if (open_tar(path, NULL, kit, &d, &err) != OK)
            fail_msg("%s", err.text);
        check_truth(d);
        assert_non_null(strstr(d->description, "5 images"));
        assert_non_null(strstr(d->description, "3 other"));
        dataset_close(d);
    }
    /* Both files named, each somewhere else. */
    write_text(path_of("%s/truth.txt", top), truth);
    assert_int_equal(
        open_tar(path, path_of("%s/truth.txt", top), path_of("%s/kit0/meta.mat", top), &d, &err),
        OK);
    check_truth(d);
    dataset_close(d);
}

static void test_flat_folder(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    struct dataset_options options = { .kind = "imagenet",
                                       .path = path_of("%s/flat", top),
                                       .devkit = devkit() };
    if (dataset_open(&options, &d, &err) != OK)
        fail_msg("%s", err.text);
    check_truth(d);
    dataset_close(d);
    options.path = path_of("%s/kit0", top);
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "kit0", "no images", NULL);
    options.path = path_of("%s/flat", top);
    options.devkit = NULL;
    assert_fails(dataset_open(&options, &d, &err), E_CONFIG, &err, "flat", "data.devkit", NULL);
}

static void test_list(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    const char *path = save_sound("listed.tar"), *list = path_of("%s/list.txt", top);
    write_text(list, "# part\n"
                     "ILSVRC2012_val_00000004.JPEG 17\nILSVRC2012_val_00000001.JPEG 999\n");
    assert_int_equal(open_tar(path, list, NULL, &d, &err), OK);
    assert_int_equal(d->count, 2);
    assert_int_equal(d->labels[0], 17);
    assert_int_equal(d->labels[1], 999);
    assert_non_null(strstr(d->description, "3 not listed"));
    check_image(d, 0, 3);
    check_image(d, 1, 0);
    dataset_close(d);
    write_text(list, "ILSVRC2012_val_00000004.JPEG 17\n\nILSVRC2012_val_00000009.JPEG 9\n");
    assert_fails(open_tar(path, list, NULL, &d, &err), E_CONFIG, &err,
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
        const char *path = path_of("%s/format%zu.tar", top, f), *list = path_of("%s/f.txt", top);
        const bool may_be_long = formats[f] != ARCHIVE_FORMAT_TAR_USTAR;
        struct archive *a = archive_write_new();
        struct bytes lines = { 0 };
        struct dataset *d;
        struct error err;
        archive_write_set_format(a, formats[f]);
        assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
        for (int i = 0; i < IMAGES; i++) {
            char name[800];
            snprintf(name, sizeof name, "%.*s/%s", may_be_long ? 1 + 60 * i : 3,
                     "folder-folder-folder-folder-folder-folder-folder-folder-folder-folder-"
                     "folder-folder-folder-folder-folder-folder-folder-folder-folder-folder-"
                     "folder-folder-folder-folder-folder-folder-folder-folder-folder-folder-"
                     "folder-folder-folder-folder-folder-folder-folder-folder-folder-folder",
                     image_name(i));
            struct archive_entry *e = archive_entry_new();
            archive_entry_set_pathname(e, name);
            archive_entry_set_filetype(e, AE_IFREG);
            archive_entry_set_perm(e, 0644);
            archive_entry_set_mtime(e, 1, 5); /* a fraction of a second: a pax header */
            archive_entry_set_size(e, (int64_t)pictures[i].size);
            assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
            archive_write_data(a, pictures[i].at, pictures[i].size);
            archive_entry_free(e);
            strcat(name, " 1\n");
            bytes_put(&lines, name, strlen(name));
        }
        assert_int_equal(archive_write_free(a), ARCHIVE_OK);
        write_file(list, lines.at, lines.size);
        bytes_free(&lines);
        if (open_tar(path, list, NULL, &d, &err) != OK)
            fail_msg("format %zu: %s", f, err.text);
        for (int i = 0; i < IMAGES; i++)
            check_image(d, (size_t)i, i);
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
    const char *list = path_of("%s/names.txt", top);
    tar_member(&b, "x", 'x', pax, sizeof pax - 1);
    put_picture(&b, 0);
    tar_member(&b, "./\xc3\xa9.JPEG", '0', pictures[1].at, pictures[1].size);
    tar_member(&b, "\xe9.JPEG", '0', pictures[2].at, pictures[2].size);
    tar_end(&b);
    write_text(list, "d/\xc3\xa9\xc3\xa8.JPEG 1\n\xc3\xa9.JPEG 1\n\xe9.JPEG 1\n");
    if (open_tar(save("names.tar", &b), list, NULL, &d, &err) != OK)
        fail_msg("%s", err.text);
    for (int i = 0; i < 3; i++)
        check_image(d, (size_t)i, i);
    dataset_close(d);
}

struct hostile {
    const char *what; /* also the name of the file */
    void (*make)(struct bytes *);
    const char *says[3];
};

static void make_empty(struct bytes *b)
{
    (void)b;
}

static void make_noise(struct bytes *b)
{
    for (unsigned i = 0, x = 1; i < 4096; i++) {
        x = x * 1664525u + 1013904223u;
        bytes_put(b, &(uint8_t){ (uint8_t)(x >> 24) }, 1);
    }
}

static void make_zeros(struct bytes *b)
{
    tar_end(b);
}

static void make_gzip(struct bytes *b)
{
    bytes_put(b, "\x1f\x8b\x08", 3);
    make_noise(b);
}

static void make_cut(struct bytes *b)
{
    put_picture(b, 0);
    put_picture(b, 1);
    b->size -= 700;
}

static void make_endless(struct bytes *b)
{
    put_picture(b, 0);
    put_picture(b, 1);
}

static void make_huge(struct bytes *b)
{
    put_picture(b, 0);
    tar_header(b, "big.JPEG", '0', (uint64_t)1 << 62);
    tar_end(b);
}

static void make_huge_other(struct bytes *b)
{
    put_picture(b, 0);
    tar_header(b, "big.txt", '0', (uint64_t)1 << 40);
    tar_end(b);
}

static void make_absolute(struct bytes *b)
{
    tar_member(b, "/etc/x.JPEG", '0', pictures[0].at, pictures[0].size);
    tar_end(b);
}

static void make_dotdot(struct bytes *b)
{
    tar_member(b, "a/../../x.JPEG", '0', pictures[0].at, pictures[0].size);
    tar_end(b);
}

static void make_control(struct bytes *b)
{
    tar_member(b, "a\x1b[2Jx.JPEG", '0', pictures[0].at, pictures[0].size);
    tar_end(b);
}

static void make_symlink(struct bytes *b)
{
    tar_member(b, "link.JPEG", '2', NULL, 0);
    tar_end(b);
}

static void make_hardlink(struct bytes *b)
{
    put_picture(b, 0);
    tar_member(b, "hard.JPEG", '1', NULL, 0);
    tar_end(b);
}

static void make_twice(struct bytes *b)
{
    put_picture(b, 0);
    put_picture(b, 1);
    put_picture(b, 0);
    tar_end(b);
}

static void make_checksum(struct bytes *b)
{
    put_picture(b, 0);
    size_t at = b->size;
    put_picture(b, 1);
    b->at[at + 3] ^= 1;
    tar_end(b);
}

static void make_others(struct bytes *b)
{
    tar_member(b, "a.txt", '0', "x", 1);
    tar_end(b);
}

/* pax, GNU.sparse.1.0: the map in front of the data. */
static void make_sparse(struct bytes *b)
{
    static const char pax[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
                              "30 GNU.sparse.name=hole.JPEG\n29 GNU.sparse.realsize=90000\n";
    char map[512] = "1\n512\n512\n";
    struct bytes body = { 0 };
    put_picture(b, 0);
    tar_member(b, "pax", 'x', pax, sizeof pax - 1);
    bytes_put(&body, map, sizeof map);
    bytes_put(&body, map, sizeof map);
    tar_member(b, "GNUSparseFile.0/hole.JPEG", '0', body.at, body.size);
    bytes_free(&body);
    tar_end(b);
}

/* The same, all hole: nothing is stored. */
static void make_hole(struct bytes *b)
{
    static const char pax[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
                              "30 GNU.sparse.name=hole.JPEG\n27 GNU.sparse.realsize=900\n";
    const char map[512] = "0\n";
    tar_member(b, "pax", 'x', pax, sizeof pax - 1);
    tar_member(b, "GNUSparseFile.0/hole.JPEG", '0', map, sizeof map);
    for (int i = 0; i < IMAGES; i++)
        put_picture(b, i);
    tar_end(b);
}

static const struct hostile hostiles[] = {
    { "empty.tar", make_empty, { "too few" } },
    { "noise.tar", make_noise, { "not a tar" } },
    { "zeros.tar", make_zeros, { "no images" } },
    { "gzip.tar", make_gzip, { "gzip", "gunzip" } },
    { "cut.tar", make_cut, { "00000002.JPEG", "beyond the end" } },
    { "endless.tar", make_endless, { "00000002.JPEG", "end mark" } },
    { "huge.tar", make_huge, { "big.JPEG", "beyond the end" } },
    { "huge_other.tar", make_huge_other, { "big.txt", "beyond the end" } },
    { "absolute.tar", make_absolute, { "/etc/x.JPEG", "absolute" } },
    { "dotdot.tar", make_dotdot, { "a/../../x.JPEG", "'..'" } },
    { "control.tar", make_control, { "a?[2Jx.JPEG", "control" } },
    { "symlink.tar", make_symlink, { "link.JPEG", "link" } },
    { "hardlink.tar", make_hardlink, { "hard.JPEG", "link" } },
    { "twice.tar", make_twice, { "two images", "00000001.JPEG" } },
    { "checksum.tar", make_checksum, { "00000001.JPEG", "damaged after" } },
    { "others.tar", make_others, { "no images", "1 other" } },
    { "sparse.tar", make_sparse, { "hole.JPEG", "sparse" } },
    { "hole.tar", make_hole, { "hole.JPEG", "" } },
};

static void test_hostile(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    for (size_t i = 0; i < sizeof hostiles / sizeof *hostiles; i++) {
        struct bytes b = { 0 };
        hostiles[i].make(&b);
        const char *path = save(hostiles[i].what, &b);
        assert_fails(open_tar(path, NULL, devkit(), &d, &err), E_CONFIG, &err, path,
                     hostiles[i].says[0], hostiles[i].says[1], NULL);
        assert_null(d);
    }
    assert_fails(open_tar(top, NULL, devkit(), &d, &err), E_CONFIG, &err, top, "not a file", NULL);
    assert_fails(open_tar("/no/such.tar", NULL, devkit(), &d, &err), E_CONFIG, &err, "/no/such.tar",
                 NULL);
}

/* Cut off anywhere, it is refused: a run never takes the rest for the whole. */
static void test_every_cut(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    struct stat st;
    const char *path = save_sound("cuts.tar");
    assert_int_equal(stat(path, &st), 0);
    for (off_t cut = (st.st_size - 1025) / 256 * 256; cut >= 0; cut -= 256) {
        assert_int_equal(truncate(path, cut), 0);
        assert_fails(open_tar(path, NULL, devkit(), &d, &err), E_CONFIG, &err, path, NULL);
    }
}

/* Any damaged byte of the headers: refused, or read as something, and no crash. */
static void test_every_damage(void **state)
{
    (void)state;
    struct error err;
    size_t refused = 0;
    const char *path = save_sound("damaged.tar");
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    for (off_t at = 0; at < 4 * 512; at++) {
        struct dataset *d;
        uint8_t was;
        assert_int_equal(pread(fd, &was, 1, at), 1);
        assert_int_equal(pwrite(fd, &(uint8_t){ was ^ 0x11 }, 1, at), 1);
        enum status status = open_tar(path, NULL, devkit(), &d, &err);
        assert_true(status == OK || status == E_CONFIG);
        refused += status != OK;
        dataset_close(d);
        assert_int_equal(pwrite(fd, &was, 1, at), 1);
    }
    close(fd);
    assert_true(refused > 900); /* checksums guard all headers */
}

static void test_label_errors(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    const char *path = save_sound("labels.tar"), *text = path_of("%s/bad.txt", top);
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
        assert_fails(open_tar(path, text, devkit(), &d, &err), E_CONFIG, &err, text, cases[i].says,
                     cases[i].more, NULL);
    }
    write_text(text, truth);
    assert_fails(open_tar(path, text, NULL, &d, &err), E_CONFIG, &err, text, "data.devkit", NULL);
    assert_fails(open_tar(path, NULL, NULL, &d, &err), E_CONFIG, &err, path, "data.devkit",
                 "data.labels", NULL);
    assert_fails(open_tar(path, NULL, top, &d, &err), E_CONFIG, &err, top, "ground_truth", NULL);
    assert_fails(open_tar(path, text, top, &d, &err), E_CONFIG, &err, top, "meta.mat", NULL);
    assert_fails(open_tar(path, "/no/such.txt", devkit(), &d, &err), E_CONFIG, &err, "/no/such.txt",
                 NULL);
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
    const char *png = path_of("%s/p.png", top), *list = path_of("%s/members.txt", top);
    size_t png_size;
    assert_int_equal(image_write_png(png, &image, NULL), OK);
    image_free(&image);
    uint8_t *png_bytes = slurp(png, &png_size);
    struct bytes grey = make_flat_jpeg(1, 77), cmyk = make_flat_jpeg(4, 200);
    tar_member(&b, "grey.JPEG", '0', grey.at, grey.size);
    tar_member(&b, "zero.JPEG", '0', NULL, 0);
    tar_member(&b, "cmyk.JPEG", '0', cmyk.at, cmyk.size);
    tar_member(&b, "half.JPEG", '0', pictures[0].at, pictures[0].size / 2);
    tar_member(&b, "p.png", '0', png_bytes, png_size);
    tar_member(&b, "text.JPEG", '0', "not a picture", 13);
    tar_member(&b, "good.JPEG", '0', pictures[1].at, pictures[1].size);
    tar_end(&b);
    write_text(list, "grey.JPEG 1\nzero.JPEG 1\ncmyk.JPEG 1\nhalf.JPEG 1\np.png 1\ntext.JPEG 1\n"
                     "good.JPEG 1\n");
    if (open_tar(save("members.tar", &b), list, NULL, &d, &err) != OK)
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
    check_image(d, 6, 1);
    dataset_close(d);
    bytes_free(&grey);
    bytes_free(&cmyk);
    free(png_bytes);
}

/* A tar that shrinks under an open set: the images it lost fail, the others do not. */
static void test_shrinks(void **state)
{
    (void)state;
    struct dataset *d;
    struct sample sample;
    struct error err;
    const char *path = save_sound("shrinks.tar");
    assert_int_equal(open_tar(path, NULL, devkit(), &d, &err), OK);
    assert_int_equal(truncate(path, 4 * 512 + (long)pictures[3].size), 0);
    check_image(d, 3, 3);
    assert_fails(dataset_load(d, 2, &sample, &err), E_IO, &err, path, image_name(2), "longer",
                 NULL);
    dataset_close(d);
}

static void *load_all(void *arg)
{
    struct dataset *d = arg;
    size_t bad = 0;
    for (size_t n = 0; n < 40; n++) {
        struct sample sample;
        struct error err;
        size_t i = (n * 7) % d->count;
        bad += dataset_load(d, i, &sample, &err) != OK || sample.image.width != 20 + 3 * (int)i;
        sample_free(&sample);
    }
    return bad == 0 ? NULL : d;
}

static void test_threads(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    pthread_t threads[4];
    assert_int_equal(open_tar(save_sound("threads.tar"), NULL, devkit(), &d, &err), OK);
    for (int t = 0; t < 4; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, load_all, d), 0);
    for (int t = 0; t < 4; t++) {
        void *failed;
        pthread_join(threads[t], &failed);
        assert_null(failed);
    }
    dataset_close(d);
}

/* The fingerprint follows names, labels and sizes, not where the bytes lie. */
static void test_fingerprint(void **state)
{
    (void)state;
    struct dataset *a, *b, *c;
    struct error err;
    struct bytes moved = { 0 };
    const char *list = path_of("%s/print.txt", top);
    for (int i = 0; i < IMAGES; i++)
        put_picture(&moved, i);
    tar_end(&moved);
    write_text(list, "ILSVRC2012_val_00000001.JPEG 0\nILSVRC2012_val_00000002.JPEG 2\n");
    const char *one = save_sound("one.tar"), *two = save("two.tar", &moved);
    assert_int_equal(open_tar(one, NULL, devkit(), &a, &err), OK);
    assert_int_equal(open_tar(two, NULL, devkit(), &b, &err), OK);
    assert_int_equal(open_tar(two, list, NULL, &c, &err), OK);
    assert_string_equal(a->fingerprint, b->fingerprint);
    assert_string_not_equal(b->fingerprint, c->fingerprint);
    dataset_close(a);
    dataset_close(b);
    dataset_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devkit),       cmocka_unit_test(test_flat_folder),
        cmocka_unit_test(test_list),         cmocka_unit_test(test_formats),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_every_cut),    cmocka_unit_test(test_every_damage),
        cmocka_unit_test(test_label_errors), cmocka_unit_test(test_members),
        cmocka_unit_test(test_shrinks),      cmocka_unit_test(test_threads),
        cmocka_unit_test(test_fingerprint),
    };
    return cmocka_run_group_tests(tests, make_all, remove_all);
}
