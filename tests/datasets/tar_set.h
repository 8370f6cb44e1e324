/* The tars of test_tar.c and test_tar_hostile.c: five pictures, as files and within tars, and a
 * devkit that labels them. All lies in one folder, made before a group of tests and removed after
 * it. */
#pragma once

#include "archives.h"
#include "dataset.h"

#define TAR_IMAGES 5

extern char *tar_top;                           /* the folder */
extern struct bytes tar_pictures[TAR_IMAGES];   /* the JPEG files */
extern const char tar_truth[];                  /* the devkit's ground truth, a file's text */
extern const int tar_truth_classes[TAR_IMAGES]; /* what it means */

int tar_make_all(void **state); /* of a group of tests */
int tar_remove_all(void **state);

const char *tar_image_name(int i);
void tar_write_devkit(const char *folder, const struct mat_style *);
const char *tar_devkit(void); /* the folder of one */

/* Appends picture i. */
void tar_put_picture(struct bytes *, int i);
/* Writes and frees `b`; the path stays valid as path_of's. */
const char *tar_save(const char *name, struct bytes *b);
/* All pictures, out of order, among other members. */
const char *tar_save_sound(const char *name);

/* Makes folder.tar of what is in the folder, in any order, and returns its path; NULL where that is
 * not all files and folders. */
const char *tar_pack(const char *folder);

enum status tar_open(const char *path, const char *labels, const char *devkit, struct dataset **out,
                     struct error *err);
/* Image `at` of the set is the picture i. */
void tar_check_image(struct dataset *, size_t at, int i);
/* All pictures are there, labelled by the devkit. */
void tar_check_truth(struct dataset *);
