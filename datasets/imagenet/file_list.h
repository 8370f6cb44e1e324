/* Text lists of images and their labels. */
#pragma once

#include "class_index.h"
#include "image_list.h"

/* The position of an entry in its file. */
struct list_line {
    size_t number;
    bool bare;    /* the name may lack its suffix, as ImageId has it */
    bool comment; /* begins with '#': an entry where there is such a file, a comment elsewhere */
};

/* The images of the text file `path`, in its order. Each line is one of
 *
 *     name label                     a class index (data.label_base) or a WordNet id, after a blank
 *     name_nXXXXXXXX.JPEG            a name that ends in its class's WordNet id, without a label
 *
 * or, under a header ImageId,..., as Kaggle hands out ImageNet's solutions,
 *
 *     name,label                     the suffix may be left out
 *     name,wnid x y x y wnid ...     boxes, all of one class
 *
 * Relative names start from `root`; NULL: they are not looked up, all sizes are 0, and what depends
 * on which files there are is left to the caller, whom *lines tells: [out->count], malloc'ed, may
 * be NULL. A file that is listed twice, by whatever spelling or link, is E_CONFIG with
 * path:line. */
enum status file_list_read(const char *path, const char *root, struct class_index *classes,
                           struct image_list *out, struct list_line **lines, struct error *err);

/* The class that a file's name ends in ("..._n02102040.JPEG"), in wnid; false where it does not. */
bool wnid_of_name(const char *name, char wnid[WNID_LENGTH + 1]);

/* What a name without its suffix may end in; NULL-terminated. */
extern const char *const image_suffixes[];
