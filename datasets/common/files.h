/* Paths, and data sets whose images are files in a folder. */
#pragma once

#include "dataset_kind.h"

/* malloc'ed; NULL when memory is out. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* folder/name, or name alone where it is absolute; malloc'ed, NULL when memory is out. */
char *path_join(const char *folder, const char *name);
/* Takes out "./" at the front of any part, and empty parts, in place. */
void path_tidy(char *);

/* True where the name ends in .jpg, .jpeg or .png, in any case. */
bool has_image_suffix(const char *name);

/* The image in the file folder/id. */
enum status file_image(const char *folder, const char *id, struct image *out, struct error *err);

/* Images in files whose path is `folder`/id. dataset->impl is the folder, malloc'ed. */
enum status files_load(struct dataset *, size_t index, struct sample *, struct error *err);
/* From the ends of the file. */
bool files_peek(struct dataset *, size_t index, size_t place, size_t bytes, struct sha256 *);
void files_close(struct dataset *);
