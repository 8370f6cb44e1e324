/* Where the images of a tar lie, so that each can be read on its own. */
#pragma once

#include "class_folders.h"

struct tar_members {
    struct image_list images; /* with their offsets */
    /* Every folder that the tar unpacks to, tidied, in any order, some of them repeatedly; parents
     * may be left out. */
    struct class_folders folders;
    size_t others, folder_members; /* what is no image, folders included; and those alone */
};

/* One pass over the headers of the tar open at `fd`, of `size` bytes, that jumps over the data; the
 * descriptor's position is used. `path` for messages.
 *
 * E_CONFIG names the file and the member: not a tar, compressed, cut off, joined from several, a
 * member that is a link, sparse, or has a name that leads out of a folder. */
enum status tar_index(int fd, const char *path, uint64_t size, struct tar_members *out,
                      struct error *err);
void tar_members_free(struct tar_members *);
