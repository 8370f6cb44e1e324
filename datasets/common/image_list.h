/* The images of a data set while it opens: names, labels, and the input of its fingerprint. */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

#include "dataset_kind.h"

/* An image as a kind finds it while it opens. */
struct image_entry {
    char *id;        /* owned */
    int32_t label;   /* -1: none */
    uint64_t size;   /* bytes of its file, for the fingerprint */
    uint64_t offset; /* where they start in an archive */
    int64_t changed; /* when its file was last written, in seconds since 1970; 0: unknown */
    /* Of an image in a file of its own; links 0: it is in none. */
    dev_t device;
    ino_t inode;
    nlink_t links;
};

struct image_list {
    struct image_entry *items;
    size_t count, room;
};

/* Takes ownership of `id`, also when it fails; NULL is E_NOMEM. */
enum status image_list_add(struct image_list *, char *id, int32_t label, uint64_t size,
                           struct error *err);
/* The same for an image in a file of its own, as stat() has it. */
enum status image_list_add_file(struct image_list *, char *id, int32_t label, const struct stat *,
                                struct error *err);
void image_list_free(struct image_list *);

/* Where listing them went well so far, moves the entries into dataset->{count, ids, labels} and
 * computes the fingerprint. Frees the list in any case, and returns how all went. */
enum status dataset_take_images(struct dataset *, struct image_list *, enum status so_far,
                                struct error *err);
