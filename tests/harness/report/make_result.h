/* Writes result files (schema 1) with made-up, consistent records. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct make_result {
    size_t images;
    int grid;
    unsigned seed;
    const char *arch, *dataset, *protocol, *checkpoint, *sha256;
    const char *fingerprint; /* of the data set; NULL: a made-up one */
    const char *explain;     /* extra lines of [explain] in the stored config */
    const char *methods;     /* blank between them */
    double top1;             /* share of images whose first prediction is right */
    int skipped;             /* images of status 1 */
    bool labels, perturbation, segmentation, extras; /* extras: the optional datasets */
    bool validation;      /* named and labelled as the images of ImageNet validation */
    const char *compute;  /* extra lines of [compute] in the stored config; NULL: none */
    const char *controls; /* of the methods; NULL: a file from before version 0.2 */
    int image_size;       /* 0: the file does not say */
    int void_pixels;      /* of every mask; all of them: nothing is labelled */
    bool shortcuts;       /* with segmentation: shares of heat in a shortcut, some of them NaN */
};

extern const struct make_result make_result_default;

/* 0, or -1 where HDF5 refuses. */
int make_result_file(const char *path, const struct make_result *);
