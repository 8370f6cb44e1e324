/* Files and folders for the tests of datasets/. */
#pragma once

#include <stdint.h>

#include "dataset.h"

#include "run_tests.h"

/* The folder with the golden files: $EVALH_SHARED, beside the checkout, or /work/shared; NULL where
 * there is none, and then says so. */
const char *shared_folder(void);

/* A new folder under $TMPDIR or /tmp; removed with what is in it by remove_folder. */
char *make_folder(void);
void remove_folder(char *path);
/* The folder of a group of tests, as cmocka's setup and teardown. */
extern char *test_folder;
int make_test_folder(void **state);
int remove_test_folder(void **state);

/* printf into a path that stays valid until the 16th call after. */
const char *path_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes a file, making the folders that lead to it. */
void write_file(const char *path, const void *bytes, size_t size);
void write_text(const char *path, const char *text);
uint8_t *slurp(const char *path, size_t *size);

/* A picture that is different in every pixel and channel. Freed by image_free. */
struct image make_picture(int width, int height, unsigned seed);
/* How a JPEG is written. */
struct jpeg_style {
    int luma; /* horizontal and vertical sampling factor; 0: grey */
    bool progressive;
    bool separate; /* a scan for each component; not with progressive, which has its own */
};
/* malloc'ed, *size bytes. */
uint8_t *encode_jpeg(const struct image *, const struct jpeg_style *, size_t *size);
/* In libjpeg's default style, which is luma 2 and not progressive. */
void write_jpeg(const char *path, const struct image *);

/* Runs `load` in four threads at once. It gets the data set and returns how many images it failed
 * to load, which must be none. */
void assert_loads_in_threads(struct dataset *, size_t (*load)(struct dataset *));

/* The status is `want` and the message holds every text of the NULL-terminated rest. */
void assert_fails(enum status got, enum status want, const struct error *err, ...);
