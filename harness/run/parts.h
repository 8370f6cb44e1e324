/* Images with one part removed at a time, which the tasks of SPEC 13 classify. */
#pragma once

#include "task.h"

/* Makes a fill in the mean colour of the model's input, rounded to 8 bits, for every image: [S, S,
 * 3] in engine memory, to be freed with engine_free. NULL where memory ran out. */
uint8_t *parts_mean_fill(const struct plan *);

/* Adds columns prob and logit [parts + 1] for each class asked for, below PREFIX/CLASS; the first
 * entry is that of the unmasked image. */
struct part_columns {
    int prob[CLASS_CHOICES], logit[CLASS_CHOICES];
};
enum status parts_columns(const struct plan *, struct records *, const char *prefix, int parts,
                          struct part_columns *, struct error *);

/* Parts that are the same for all images, e.g. tiles: rank [parts, S*S] in engine memory is 0 in
 * the part and 1 outside. Classifies every image of the visit without each of these parts, and
 * stores the outputs. views [slice] and logits [slice, classes] are scratch memory. */
struct part_room {
    uint32_t *rank;
    uint8_t *fill;
    int parts;
    size_t slice;
    struct view *views;
    float *logits;
};
enum status parts_room_open(const struct plan *, int parts, struct part_room *, struct error *);
size_t parts_room_bytes(const struct plan *, int parts); /* of engine memory */
void parts_room_close(const struct plan *, struct part_room *);
enum status parts_classify(const struct plan *, const struct visit *, const struct part_room *,
                           const struct part_columns *, struct records *, struct error *);
