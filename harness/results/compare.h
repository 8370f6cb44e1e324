/* Compares two result files record by record: what differs, in how many images, and from which
 * image on. Also compares them as samples of the same images: paired bootstrap, McNemar. */
#pragma once

#include "result.h"
#include "significance.h"
#include "stats.h"

struct difference {
    char what[160]; /* "perturbation/raw/predicted/positive/hit" */
    size_t images;  /* that differ */
    size_t first;   /* index of the first */
    double largest; /* maps: of the map's largest value; else absolute; 0 where it has no size */
};

struct comparison {
    bool same_images;         /* same ids in the same order; otherwise nothing else was compared */
    size_t first_other;       /* index of the first id that differs, where !same_images */
    struct difference *found; /* what differs by more than the tolerance */
    size_t founds;
    size_t compared; /* datasets looked at: all that both files hold */
    char **lonely;   /* entries that only one of the files has: "only A: explain/raw/target" */
    size_t lonelies;
    double seconds[2]; /* per image; NaN where the file does not say */
};

/* E_DATA where both have curves but at different points. */
enum status compare_axes(const struct result *a, const struct result *b, struct error *err);

/* tolerance: for float records (maps relative, the others absolute); counts, classes and hits must
 * be equal. NaN equals NaN. */
enum status compare_results(const struct result *a, const struct result *b, double tolerance,
                            struct comparison *out, struct error *err);
void comparison_free(struct comparison *);

struct paired_row { /* the figure of both runs, on the images that both scored */
    const char *method;
    enum explained explained;
    bool agnostic;              /* in both runs; the row stands for both classes */
    const char *figure;         /* "positive AUC", "mIoU" ... */
    double value[2];            /* percent */
    struct interval difference; /* of B - A, paired bootstrap */
    double p;                   /* McNemar on the hits at 50 % removed; NaN for segmentation */
    bool untouched;             /* the records are equal in every image */
    /* Of the images' own AUCs, positive where B is better; NaN for segmentation, whose figures are
     * totals. p of sign flips, and by Holm over all rows. */
    double p_signs, p_holm;
    struct effect effect;
};

struct paired {
    struct mcnemar top1; /* on the whole images */
    size_t images;       /* scored in both */
    size_t labelled;
    struct paired_row *row;
    size_t rows;
};

/* The images must be the same, which compare_results checks. `weigh`: tests and effect sizes of the
 * images' differences, too, which take longer than all the rest. */
enum status pair_results(const struct result *a, const struct result *b,
                         const struct bootstrap_options *, bool weigh, struct paired *out,
                         struct error *err);
void paired_free(struct paired *);
