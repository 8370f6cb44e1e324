/* The class folders of a tree, or of a tar of one. */
#pragma once

#include "class_index.h"
#include "image_list.h"

struct class_folder {
    char *name;    /* owned */
    size_t images; /* in it */
    int32_t label; /* set by class_folders_resolve; -1: no class, and no images */
};

/* In order of their names, byte by byte. */
struct class_folders {
    struct class_folder *items;
    size_t count, room;
    bool by_id; /* set by class_folders_resolve: the names are ILSVRC2012_IDs */
};

/* Takes ownership of `name`, also when it fails; NULL is E_NOMEM. */
enum status class_folders_add(struct class_folders *, char *name, size_t images, struct error *);
void class_folders_free(struct class_folders *);

/* Labels the folders of `root` (for messages) as class_index.h says; *classes is how many of them
 * are classes. E_CONFIG names a folder with images that is none, or says what about numbers cannot
 * be decided. */
enum status class_folders_resolve(struct class_folders *, const char *root, struct class_index *,
                                  size_t *classes, struct error *);
/* Gives images, whose label is the place of their folder, the folder's label. */
void class_folders_apply(const struct class_folders *, struct image_list *);
/* What was found, for the log, and which of the `known` classes have no folder; `others` counts
 * what was left out beside the folders. malloc'ed; NULL when memory is out. */
char *class_folders_describe(const struct class_folders *, const struct class_list *known,
                             const char *root, size_t images, size_t classes, size_t others);
