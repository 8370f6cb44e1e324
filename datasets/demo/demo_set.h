/* The demo set on disk: a JPEG tree, its list, and a .mat with the masks. */
#pragma once

#include "demo.h"
#include "status.h"

#define DEMO_JPEG_QUALITY 92

/* Files of a demo set's folder. Pictures are val/nXXXXXXXX/demo_NNNNNN.JPEG, listed in order of
 * their index, which is also their place in the .mat. */
#define DEMO_LIST "labels.txt"
#define DEMO_MAT "demo_gtsegs.mat"
#define DEMO_STAMP "demo.txt"

/* Replaces a picture by what it is after storing it as JPEG and reading it back: rgb [side, side,
 * 3], in place. */
enum status demo_through_jpeg(uint8_t *rgb, int side, struct error *err);

/* Makes sure that the set is on disk under `path`, in a folder whose name identifies it; *folder is
 * that folder, malloc'ed. It is written under another name and renamed, so it is complete or
 * absent, also when several processes write it at once. */
enum status demo_set_write(const char *path, const struct demo_spec *spec, int count, char **folder,
                           struct error *err);
