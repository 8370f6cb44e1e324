#include "attn_figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is drawn of a matrix, in [0,1]: |a| from its least to its largest over the tokens shown;
 * probabilities from 0 to the largest shown. Returns that largest. */
static double normalise(const struct attn_model *s, int tokens, float *out)
{
    int len = s->model->geo.tokens;
    double low = INFINITY, high = 0;
    for (int i = 0; i < tokens; i++)
        for (int j = 0; j < tokens; j++) {
            double x = fabs((double)s->matrix[(size_t)i * (size_t)len + (size_t)j]);
            low = fmin(low, x);
            high = fmax(high, x);
        }
    if (inspect_kind(s->model)->probabilities)
        low = 0;
    for (int i = 0; i < tokens; i++)
        for (int j = 0; j < tokens; j++) {
            double x = fabs((double)s->matrix[(size_t)i * (size_t)len + (size_t)j]);
            out[i * tokens + j] = high > low ? (float)((x - low) / (high - low)) : 0;
        }
    return high;
}

enum status attn_figure_draw(struct attn_figure *f, const struct attn_model *s, int row, int column,
                             struct error *err)
{
    const int sharp = 480; /* pixels a side at least, so that a token has sharp edges */
    int times = (sharp + f->tokens - 1) / f->tokens;
    float *values = malloc((size_t)f->tokens * (size_t)f->tokens * sizeof *values);
    uint8_t *rgb = panel_picture(&f->panel, row, column, f->tokens * times);
    if (values == NULL || rgb == NULL) {
        free(values);
        return fail(err, E_NOMEM, "no memory for a figure");
    }
    double high = normalise(s, f->tokens, values);
    panel_blocks(values, f->tokens, times, rgb);
    free(values);
    struct panel_cell *cell = &f->panel.cells[row * f->panel.columns + column];
    snprintf(cell->title, sizeof cell->title, "layer %d, max %.2g", s->layers[column], high);
    return OK;
}

static void put_words(struct attn_figure *f, const struct attn_options *o)
{
    struct panel *panel = &f->panel;
    char name[128];
    const char *slash = strrchr(o->image, '/');
    snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : o->image);
    snprintf(panel->heading[0], sizeof *panel->heading, "Attention of %s%s%s, %.80s",
             f->models[0].title, f->model_count > 1 ? " and " : "",
             f->model_count > 1 ? f->models[1].title : "", name);
    snprintf(panel->note[0], sizeof *panel->note,
             "row: token that attends; column: token attended to; first %d tokens; n = 1 image, %s "
             "preprocessing",
             f->tokens, preprocess_names[o->cli.preprocess]);
    const char *first = inspect_kind(f->models[0].model)->drawn, *second = first;
    if (f->model_count > 1)
        second = inspect_kind(f->models[1].model)->drawn;
    bool two = strcmp(first, second) != 0;
    snprintf(panel->note[1], sizeof *panel->note, "%s%s%s", first, two ? "; " : "",
             two ? second : "");
    for (int k = 0, used = 0; k < f->model_count; k++)
        used += snprintf(
            panel->note[2] + used, sizeof *panel->note - (size_t)used, "%s%.12s",
            k > 0 ? ", " : "sha256 of the checkpoint: ", f->models[k].model->checkpoint->sha256);
    panel->scale = "attention";
    panel->scale_low = "min";
    panel->scale_high = "max";
    panel->tokens = f->tokens;
}

enum status attn_figure_open(struct attn_figure *f, const struct attn_options *o, struct error *err)
{
    int rows = 0, columns = 0;
    f->tokens = o->tokens > 0 ? o->tokens : 1000000;
    for (int k = 0; k < f->model_count; k++) {
        const struct attn_model *s = &f->models[k];
        rows += s->drawn;
        columns = s->layer_count > columns ? s->layer_count : columns;
        f->tokens = s->model->geo.tokens < f->tokens ? s->model->geo.tokens : f->tokens;
    }
    TRY(panel_open(&f->panel, rows, columns, err));
    put_words(f, o);
    return OK;
}
