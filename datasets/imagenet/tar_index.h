/* Where the images of a tar lie, so that each can be read on its own. */
#pragma once

#include "image_list.h"

/* One pass over the headers of the tar open at `fd`, of `size` bytes, that jumps over the data; the
 * descriptor's position is used. Adds every image with its name, size and offset; *others counts
 * what is no image. `path` for messages.
 *
 * E_CONFIG names the file and the member: not a tar, compressed, cut off, joined from several, a
 * member that is a link, sparse, or has a name that leads out of a folder. */
enum status tar_index(int fd, const char *path, uint64_t size, struct image_list *images,
                      size_t *others, struct error *err);
