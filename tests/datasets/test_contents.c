/* The digest of a data set's contents: a change in place is seen where it is sampled, which the
 * fingerprint of names and sizes never sees. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archives.h"
#include "contents.h"
#include "mat_fixtures.h"

enum { MANY = 200 };

struct prints {
    char fingerprint[65], contents[65];
};

static struct prints take(const char *kind, const char *path, const char *labels, const char *only)
{
    const struct dataset_options options = {
        .kind = kind, .path = path, .labels = labels, .classes = "index", .only = only
    };
    struct dataset *d;
    struct error err;
    struct prints p;
    if (dataset_open(&options, &d, &err) != OK)
        fail_msg("%s", err.text);
    assert_string_equal(d->contents, "");
    dataset_sample_contents(d);
    assert_int_equal(strlen(d->contents), 64);
    assert_true(d->changed[d->count - 1] > 1000000000);
    memcpy(p.fingerprint, d->fingerprint, sizeof p.fingerprint);
    memcpy(p.contents, d->contents, sizeof p.contents);
    dataset_close(d);
    return p;
}

/* Takes the prints, changes the byte of the file, and takes them again. */
static void check_change(const char *kind, const char *path, const char *labels, const char *file,
                         size_t at, bool seen)
{
    size_t size;
    struct prints before = take(kind, path, labels, NULL);
    struct prints again = take(kind, path, labels, NULL);
    assert_string_equal(before.contents, again.contents);
    uint8_t *bytes = slurp(file, &size);
    assert_true(at < size);
    bytes[at] ^= 1;
    write_file(file, bytes, size);
    struct prints after = take(kind, path, labels, NULL);
    assert_string_equal(before.fingerprint, after.fingerprint);
    if (seen)
        assert_string_not_equal(before.contents, after.contents);
    else
        assert_string_equal(before.contents, after.contents);
    bytes[at] ^= 1;
    write_file(file, bytes, size);
    free(bytes);
    after = take(kind, path, labels, NULL);
    assert_string_equal(before.contents, after.contents);
}

static const char *image_path(int i)
{
    return path_of("%s/tree/%d/%03d.JPEG", test_folder, i % 2, i);
}

static void write_images(int count)
{
    static uint8_t bytes[1000];
    char list[MANY * 20];
    size_t n = 0;
    for (int i = 0; i < count; i++) {
        memset(bytes, i, sizeof bytes);
        write_file(image_path(i), bytes, sizeof bytes);
        n += (size_t)snprintf(list + n, sizeof list - n, "%d/%03d.JPEG %d\n", i % 2, i, i % 2);
    }
    write_text(path_of("%s/tree/list.txt", test_folder), list);
}

/* All of a small set; of a large one the first and the last, and not the second. */
static void test_files(void **state)
{
    (void)state;
    char list[300];
    snprintf(list, sizeof list, "%s/tree/list.txt", test_folder);
    write_images(60);
    for (int i = 0; i < 60; i += 7)
        check_change("imagenet_list", list, NULL, image_path(i), 999, true);
    write_images(MANY);
    check_change("imagenet_list", list, NULL, image_path(0), 0, true);
    check_change("imagenet_list", list, NULL, image_path(MANY - 1), 500, true);
    check_change("imagenet_list", list, NULL, image_path(1), 500, false);
}

/* What cannot be read now may be there tomorrow, and is no other data set then. */
static void test_unread(void **state)
{
    (void)state;
    struct dataset *d;
    struct error err;
    char list[300];
    snprintf(list, sizeof list, "%s/tree/list.txt", test_folder);
    write_images(20);
    const struct dataset_options options = { .kind = "imagenet_list",
                                             .path = list,
                                             .classes = "index" };
    assert_int_equal(dataset_open(&options, &d, &err), OK);
    assert_int_equal(unlink(image_path(7)), 0);
    dataset_sample_contents(d);
    assert_string_equal(d->contents, "");
    write_images(20);
    dataset_sample_contents(d);
    assert_string_equal(d->contents, take("imagenet_list", list, NULL, NULL).contents);
    dataset_close(d);
}

/* A part is sampled for itself. */
static void test_part(void **state)
{
    (void)state;
    write_images(MANY);
    const char *list = path_of("%s/tree/list.txt", test_folder);
    struct prints whole = take("imagenet_list", list, NULL, NULL),
                  part = take("imagenet_list", list, NULL, "1");
    assert_string_not_equal(whole.contents, part.contents);
    write_file(image_path(1), "changed", 7);
    struct prints changed = take("imagenet_list", list, NULL, "1");
    assert_string_not_equal(part.contents, changed.contents);
}

/* Of a file that is longer than its share the ends. */
static void test_ends(void **state)
{
    (void)state;
    enum { SIZE = CONTENTS_BYTES + 4000 };
    uint8_t *bytes = calloc(SIZE, 1);
    const char *file = path_of("%s/one/a.JPEG", test_folder);
    const char *list = path_of("%s/one/list.txt", test_folder);
    write_file(file, bytes, SIZE);
    write_text(list, "a.JPEG 0\n");
    check_change("imagenet_list", list, NULL, file, 10, true);
    check_change("imagenet_list", list, NULL, file, SIZE - 10, true);
    check_change("imagenet_list", list, NULL, file, SIZE / 2, false);
    free(bytes);
}

static void test_tar(void **state)
{
    (void)state;
    struct bytes tar = { 0 };
    const char *path = path_of("%s/set.tar", test_folder);
    const char *list = path_of("%s/tar.txt", test_folder);
    static const char pixels[] = "as good as a picture";
    tar_member(&tar, "a.JPEG", '0', pixels, sizeof pixels);
    tar_member(&tar, "b.JPEG", '0', pixels, sizeof pixels);
    tar_end(&tar);
    write_file(path, tar.at, tar.size);
    bytes_free(&tar);
    write_text(list, "a.JPEG 0\nb.JPEG 1\n");
    check_change("imagenet_tar", path, list, path, 512 + 3, true);
    check_change("imagenet_tar", path, list, path, 3 * 512 + 3, true);
}

/* ---- masks ----------------------------------------------------------------------------------- */

enum { W = 6, H = 4 };

/* Masks of which one is not as the others; -1: none. */
static const char *write_masks(size_t count, int odd)
{
    static uint8_t pixels[3 * W * H], mask[2][W * H] = { { 1 }, { 0, 1 } };
    struct field *images = calloc(count, sizeof *images), *masks = calloc(count, sizeof *masks);
    const char *path = path_of("%s/set.mat", test_folder);
    for (size_t i = 0; i < count; i++) {
        images[i] = (struct field){ 3, { 3, W, H }, H5T_STD_U8LE, pixels, false };
        masks[i] = (struct field){ 2, { W, H }, H5T_STD_U8LE, mask[(int)i == odd], true };
    }
    mat_write(path, images, masks, count);
    free(images);
    free(masks);
    return path;
}

/* Of a file that is longer than it needs to be, which HDF5 does not mind. */
static struct prints take_large(int odd)
{
    const char *path = write_masks(100, odd);
    assert_int_equal(truncate(path, CONTENTS_WHOLE), 0);
    return take("imagenet_seg", path, NULL, NULL);
}

/* Every mask of a small file; of a large one those of the sample, which leaves out the third. */
static void test_masks(void **state)
{
    (void)state;
    struct prints sound = take("imagenet_seg", write_masks(100, -1), NULL, NULL);
    for (int odd = 0; odd < 100; odd += 33) {
        struct prints other = take("imagenet_seg", write_masks(100, odd), NULL, NULL);
        assert_string_equal(sound.fingerprint, other.fingerprint);
        assert_string_not_equal(sound.contents, other.contents);
    }
    struct prints large = take_large(-1);
    assert_string_not_equal(take_large(0).contents, large.contents);
    assert_string_not_equal(take_large(99).contents, large.contents);
    assert_string_equal(take_large(2).contents, large.contents);
}

int main(void)
{
    return RUN_TESTS(make_test_folder, remove_test_folder, TEST(test_files), TEST(test_unread),
                     TEST(test_part), TEST(test_ends), TEST(test_tar), TEST(test_masks));
}
