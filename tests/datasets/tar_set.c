#include "tar_set.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fixtures.h"

char *tar_top;
struct bytes tar_pictures[TAR_IMAGES];

/* Leaves in an order that is neither that of IDs nor of WNIDs, among inner nodes. */
static const struct synset tree[] = { { 3, "n00000300", 0 }, { 1, "n00000900", 0 },
                                      { 2, "n00000100", 0 }, { 4, "n00000200", 2 },
                                      { 5, "n00000050", 1 }, { 300, "n00000700", 0 } };
#define SYNSETS (sizeof tree / sizeof *tree)
/* Classes by rank of WNID: ID 2 -> 0, 3 -> 1, 300 -> 2, 1 -> 3. */
const char tar_truth[] = "2\n300\r\n1\n3\n2\n";
const int tar_truth_classes[TAR_IMAGES] = { 0, 2, 3, 1, 0 };

const char *tar_image_name(int i)
{
    static char names[TAR_IMAGES][40];
    snprintf(names[i], sizeof names[i], "ILSVRC2012_val_%08d.JPEG", i + 1);
    return names[i];
}

void tar_write_devkit(const char *folder, const struct mat_style *style)
{
    struct bytes mat = mat_file(tree, SYNSETS, style);
    write_file(path_of("%s/meta.mat", folder), mat.at, mat.size);
    write_text(path_of("%s/ILSVRC2012_validation_ground_truth.txt", folder), tar_truth);
    bytes_free(&mat);
}

int tar_make_all(void **state)
{
    (void)state;
    tar_top = make_folder();
    for (int i = 0; i < TAR_IMAGES; i++) {
        struct image image = make_picture(20 + 3 * i, 16, (unsigned)i);
        const char *path = path_of("%s/flat/%s", tar_top, tar_image_name(i));
        write_jpeg(path, &image);
        tar_pictures[i].at = slurp(path, &tar_pictures[i].size);
        image_free(&image);
    }
    write_text(path_of("%s/flat/notes.txt", tar_top), "no image");
    tar_write_devkit(path_of("%s/devkit/data", tar_top), &(struct mat_style){ .packed = true });
    return 0;
}

int tar_remove_all(void **state)
{
    (void)state;
    for (int i = 0; i < TAR_IMAGES; i++)
        bytes_free(&tar_pictures[i]);
    remove_folder(tar_top);
    return 0;
}

void tar_put_picture(struct bytes *b, int i)
{
    tar_member(b, tar_image_name(i), '0', tar_pictures[i].at, tar_pictures[i].size);
}

const char *tar_save(const char *name, struct bytes *b)
{
    const char *path = path_of("%s/%s", tar_top, name);
    write_file(path, b->at, b->size);
    bytes_free(b);
    return path;
}

/* All pictures, out of order, among other members. */
const char *tar_save_sound(const char *name)
{
    struct bytes b = { 0 };
    tar_member(&b, "./", '5', NULL, 0);
    tar_member(&b, "README.txt", '0', "hello", 5);
    tar_put_picture(&b, 3);
    tar_member(&b, "._ILSVRC2012_val_00000004.JPEG", '0', "macOS", 5);
    tar_put_picture(&b, 0);
    tar_put_picture(&b, 1);
    tar_put_picture(&b, 4);
    tar_put_picture(&b, 2);
    tar_end(&b);
    return tar_save(name, &b);
}

static struct bytes packed;
static size_t packed_from; /* where names start in paths */

static int pack(const char *path, const struct stat *st, int type, struct FTW *at)
{
    char name[4096];
    size_t size = 0;
    if (at->level == 0)
        return 0;
    if (type == FTW_D) {
        snprintf(name, sizeof name, "%s/", path + packed_from);
        tar_member(&packed, name, '5', NULL, 0);
        return 0;
    }
    if (type != FTW_F || !S_ISREG(st->st_mode) || st->st_nlink > 1)
        return 1;
    uint8_t *bytes = slurp(path, &size);
    tar_member(&packed, path + packed_from, '0', bytes, size);
    free(bytes);
    return 0;
}

const char *tar_pack(const char *folder)
{
    const char *path = path_of("%s.tar", folder);
    packed_from = strlen(folder) + 1;
    bool whole = nftw(folder, pack, 32, FTW_PHYS) == 0;
    tar_end(&packed);
    write_file(path, packed.at, packed.size);
    bytes_free(&packed);
    return whole ? path : NULL;
}

enum status tar_open(const char *path, const char *labels, const char *devkit, struct dataset **out,
                     struct error *err)
{
    const struct dataset_options options = {
        .kind = "imagenet_tar", .path = path, .labels = labels, .devkit = devkit
    };
    *err = (struct error){ 0 };
    return dataset_open(&options, out, err);
}

const char *tar_devkit(void)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/devkit", tar_top);
    return path;
}

/* Image `at` of the set is the picture `i`. */
void tar_check_image(struct dataset *d, size_t at, int i)
{
    struct sample sample;
    struct image want;
    struct error err;
    if (dataset_load(d, at, &sample, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(image_decode(tar_pictures[i].at, tar_pictures[i].size, "x", &want, &err), OK);
    assert_int_equal(sample.image.width, want.width);
    assert_int_equal(sample.image.height, want.height);
    assert_memory_equal(sample.image.rgb, want.rgb, (size_t)want.width * (size_t)want.height * 3);
    image_free(&want);
    sample_free(&sample);
}

void tar_check_truth(struct dataset *d)
{
    assert_int_equal(d->count, TAR_IMAGES);
    assert_true(d->has_labels);
    assert_false(d->has_masks);
    for (int i = 0; i < TAR_IMAGES; i++) {
        assert_string_equal(d->ids[i], tar_image_name(i));
        assert_int_equal(d->labels[i], tar_truth_classes[i]);
        tar_check_image(d, (size_t)i, i);
    }
}
