/* The classes of a tar's images by their folders. */
#pragma once

#include "tar_index.h"

struct tar_labels {
    bool by_folder;    /* the images have their labels */
    bool by_id;        /* the folders' names are ILSVRC2012_IDs */
    char *description; /* of a set by_folder, for the log; malloc'ed */
};

/* As the same tree unpacked has them (imagenet_folder.c), from what all images have in common of
 * their folders on down, or from the folder val there. Leaves the images that such a set has, in
 * its order; the others count as members->others. Where the images lie in one folder that is no
 * class, or are those that options->devkit labels, by_folder is false and they have no labels yet.
 * `path` for messages. E_CONFIG as class_folders_resolve, or where images lie neither way. */
enum status tar_classes(const struct dataset_options *, const char *path, struct tar_members *,
                        struct tar_labels *out, struct error *err);
