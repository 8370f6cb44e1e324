/* Layers with fresh weights: how alike maps stay. */
#include <stdio.h>

#include "document.h"
#include "randomised.h"

/* So many methods stand beside each other. */
enum { METHODS = GRID_COLUMNS - 1 };

static void layer_table(const struct writer *w, const struct randomised *t, int scheme,
                        size_t first, bool *failed)
{
    char align[GRID_COLUMNS + 1] = "l", name[RANDOMISED_NAME];
    size_t count = t->rows - first < METHODS ? t->rows - first : METHODS;
    struct grid g;
    for (size_t m = 0; m < count; m++)
        align[1 + m] = 'r';
    grid_begin(&g, align);
    grid_cell(&g, "fresh weights");
    for (size_t m = 0; m < count; m++)
        grid_cell(&g, "%s", t->row[first + m].method);
    for (size_t k = 0; k < t->layers; k++) {
        grid_cell(&g, "%s", randomised_layer(t, k, name));
        for (size_t m = 0; m < count; m++)
            number_cell(&g, t->row[first + m].like[scheme][RANDOMISED_SPEARMAN_ABS][k]);
    }
    if (scheme == RANDOMISED_CASCADE) {
        grid_cell(&g, "eMPRT ↑");
        for (size_t m = 0; m < count; m++)
            number_cell(&g, t->row[first + m].emprt);
    }
    put_table(w, &g, failed,
              "Randomisation, %s: rank correlation of magnitudes with the maps of the model itself "
              "(lower is better), %s class, n = %zu",
              randomised_titles[scheme], explained_names[t->explained], t->images);
}

void randomisation_tables(const struct writer *w, const struct randomised *t, bool *failed)
{
    if (t->rows == 0)
        return;
    for (int s = 0; s < RANDOMISED_SCHEMES; s++)
        for (size_t first = 0; first < t->rows; first += METHODS)
            layer_table(w, t, s, first, failed);
    say(w, w->style->text.paragraph,
        "A map that hardly changes when layers get fresh weights does not show what they have "
        "learnt; 1 is the same map. The read-out is the head and what follows the last layer, the "
        "embedding what lies before the first: patch projection, positions, tokens. eMPRT: how "
        "much "
        "more evenly the map's values are spread when all of the model is fresh, relative. "
        "Spearman "
        "with signs, Pearson and SSIM stand in the CSV and JSON reports.");
}
