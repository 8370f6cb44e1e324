/* Files and folders for the tests of datasets/. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include "dataset.h"

#include <cmocka.h> /* after ours: it makes a macro of fail() */

/* The folder with the golden files: $EVALH_SHARED, beside the checkout, or /work/shared; NULL where
 * there is none, and then says so. */
const char *shared_folder(void);

/* A new folder under $TMPDIR or /tmp; removed with what is in it by remove_folder. */
char *make_folder(void);
void remove_folder(char *path);

/* printf into a path that stays valid until the 16th call after. */
const char *path_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes a file, making the folders that lead to it. */
void write_file(const char *path, const void *bytes, size_t size);
void write_text(const char *path, const char *text);
uint8_t *slurp(const char *path, size_t *size);

/* A picture that is different in every pixel and channel. Freed by image_free. */
struct image make_picture(int width, int height, unsigned seed);
void write_jpeg(const char *path, const struct image *);

/* The status is `want` and the message holds every text of the NULL-terminated rest. */
void assert_fails(enum status got, enum status want, const struct error *err, ...);
