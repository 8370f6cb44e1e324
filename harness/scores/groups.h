/* Whether the model's output drops when one part at a time is removed, and in proportion to the
 * part's heat (SPEC 13). Parts are groups of pixels of like heat (they depend on the map), tiles,
 * or random sets of patches (the same for all maps).
 *
 * heat of a part: the sum over it. drop of a part: the model's output for the whole image, less
 * that without the part. NaN wherever a score is not defined. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* ---- groups of equal size, from the hottest ------------------------------------------------ */

/* Group `i` of `groups` (from 0): ranks [n i / groups, n (i + 1) / groups). */
size_t group_begin(size_t n, int groups, int i);
/* out [groups]: Σ heat by group. rank [n]: position in the order of removal, hottest first. */
void group_heat(const float *heat, const uint32_t *rank, size_t n, int groups, double *out);

/* SaCo (Wu 2024), in [-1, 1], higher is better: Σ over pairs i < j of ±(heat_i - heat_j), + where
 * drop_i >= drop_j, over Σ |heat_i - heat_j|. Parts in descending order of heat. NaN where all heat
 * is equal. A model that never reacts scores 1, so a control is needed beside it. */
double saco(const double *heat, const double *drop, int parts);

/* Faithfulness estimate (Alvarez-Melis 2018): Pearson(heat, drop). Higher is better. */
double faithfulness_estimate(const double *heat, const double *drop, int parts);

/* ---- tiles --------------------------------------------------------------------------------- */

/* out [q, q]: Σ heat in each tile of ⌊side / q⌋² pixels; pixels beyond the last tile are in none.
 */
void tile_heat(const float *heat, int side, int q, double *out);
/* The same for a map [grid, grid] scaled up bilinearly to [side, side], without the affine step to
 * [0, 1], to which rank correlations are blind. Rounded to float, so that tiles of a symmetric map
 * tie. E_NOMEM. */
enum status map_tile_heat(const float *map, int grid, int side, int q, double *out,
                          struct error *err);
/* rank [side, side] for tile `tile`: 0 inside, 1 outside, so that the tile is removed first.
 */
void tile_rank(int side, int q, int tile, uint32_t *rank);
/* Single deletion (IDSDS): Spearman(heat, drop of the logit). Higher is better. E_NOMEM. */
enum status single_deletion(const double *heat, const double *drop, int parts, double *out,
                            struct error *err);

/* ---- random sets of patches ---------------------------------------------------------------- */

/* ⌊cells / 10⌋ patches of a set, at least 1. */
int subset_size(int cells);
/* mask [subsets, cells] of 0 and 1: sets of subset_size(cells) patches without repetition, set i
 * from a stream of its own. */
void draw_subsets(uint64_t seed, int subsets, int cells, uint8_t *mask);
/* The patch of [grid, grid] in which pixel `at` of [side, side] lies. */
size_t patch_of(size_t at, size_t side, size_t grid);
/* out [cells, cells]: Σ heat over the pixels of each patch, for a map [grid, grid] that is no map
 * of these patches: scaled up bilinearly to [side, side], less its lowest value there, but not
 * divided by its range, to which correlations are blind. E_NOMEM. */
enum status map_patch_heat(const float *map, int grid, int side, int cells, float *out,
                           struct error *err);
/* out [subsets]: Σ of the map [cells] over each set. */
void subset_heat(const float *map, int cells, const uint8_t *mask, int subsets, double *out);
/* Faithfulness correlation (Bhatt 2020): Pearson(heat, drop). Higher is better. */
double faithfulness_correlation(const double *heat, const double *drop, int subsets);
