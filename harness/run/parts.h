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
enum status parts_columns(const struct plan *, struct records *, const char *prefix, size_t parts,
                          struct part_columns *, struct error *);

/* Parts that are the same for all images, e.g. tiles: rank [parts, S*S] in engine memory is 0 in
 * the part and 1 outside. views [slice] and logits [slice, classes] are scratch memory. */
struct part_room {
    uint32_t *rank;
    uint8_t *fill;
    size_t parts, slice;
    struct view *views;
    float *logits;
};
enum status parts_room_open(const struct plan *, size_t parts, struct part_room *, struct error *);
size_t parts_room_bytes(const struct plan *, size_t parts); /* of engine memory */

/* What a task of such parts keeps, at the head of its state; and its functions `close` and `run`,
 * which classifies every image of the visit without each of these parts and stores the outputs. */
struct parts {
    struct part_columns columns;
    struct part_room room;
};
void parts_close(void *state, const struct plan *);
enum status parts_run(void *state, const struct plan *, const struct visit *, struct records *,
                      struct error *);
