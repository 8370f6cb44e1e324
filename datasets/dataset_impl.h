/* What the kinds of data set share. Private to datasets/. */
#pragma once

#include <stddef.h>

#include "dataset.h"

/* One image as a kind finds it, while it opens. */
struct entry {
    char *id;        /* owned */
    int32_t label;   /* -1: none */
    uint64_t size;   /* bytes of its file, for the fingerprint */
    uint64_t offset; /* where they start in an archive */
};

struct entries {
    struct entry *items;
    size_t count, room;
};

/* Takes over `id` (also when it fails; NULL is E_NOMEM). */
enum status entries_add(struct entries *, char *id, int32_t label, uint64_t size,
                        struct error *err);
void entries_free(struct entries *);

/* Moves the entries into dataset->{count, ids, labels} and computes the fingerprint. */
enum status dataset_take(struct dataset *, struct entries *, struct error *err);

/* malloc'ed; NULL when memory is out. */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* folder/name, or name alone where it is absolute. */
char *path_join(const char *folder, const char *name);

/* The image in the file folder/id. */
enum status file_image(const char *folder, const char *id, struct image *out, struct error *err);

/* The entries of the text list `path`, whose relative names start from `root`; NULL: the names are
 * not looked up and all sizes are 0. *lines (may be NULL): the line of each, malloc'ed. E_CONFIG
 * with path:line. */
enum status list_read(const char *path, const char *root, struct entries *out, size_t **lines,
                      struct error *err);

/* Images in files whose path is `folder`/id. impl is the folder, malloc'ed. */
enum status files_load(struct dataset *, size_t index, struct sample *, struct error *err);
void files_close(struct dataset *);

/* True where the name ends in .jpg, .jpeg or .png, in any case. */
bool has_image_suffix(const char *name);

extern const struct dataset_kind dataset_imagenet, dataset_imagenet_list, dataset_imagenet_tar,
    dataset_imagenet_seg, dataset_demo;
