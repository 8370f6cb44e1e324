#include "attn_figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first token that is drawn: the part contains CLS, as near to its middle as possible. */
static int first_token(const struct attn_figure *f, const struct attn_model *s)
{
    const struct geometry *g = &s->model->geo;
    int first = g->cls_at - f->tokens / 2, last = g->tokens - f->tokens;
    return first < 0 ? 0 : first < last ? first : last;
}

/* |a| of the tokens shown. Returns the largest value, and in *low the least (0 for
 * probabilities). */
static double cut_out(const struct attn_model *s, int first, int tokens, float *out, double *low)
{
    size_t len = (size_t)s->model->geo.tokens;
    double high = 0;
    *low = INFINITY;
    for (int i = 0; i < tokens; i++)
        for (int j = 0; j < tokens; j++) {
            double x = fabs((double)s->matrix[(size_t)(first + i) * len + (size_t)(first + j)]);
            *low = fmin(*low, x);
            high = fmax(high, x);
            out[i * tokens + j] = (float)x;
        }
    if (inspect_kind(s->model)->probabilities)
        *low = 0;
    return high;
}

/* Scales the values to [0, 1]: linearly from the least to the largest, or by the logarithm from a
 * thousandth of the largest, so that a few large entries do not leave all others black. */
static void scale_values(bool linear, double low, double high, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double x = (double)values[i];
        double by_log = x > 0 && high > 0 ? 1 + log10(x / high) / ATTN_DECADES : 0;
        double share = high > low ? (x - low) / (high - low) : 0;
        values[i] = (float)(linear ? share : fmax(0, by_log));
    }
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
    double low, high = cut_out(s, first_token(f, s), f->tokens, values, &low);
    scale_values(f->linear, low, high, values, (size_t)f->tokens * (size_t)f->tokens);
    panel_blocks(values, f->tokens, times, rgb);
    free(values);
    struct panel_cell *cell = &f->panel.cells[row * f->panel.columns + column];
    cell->first = first_token(f, s);
    snprintf(cell->title, sizeof cell->title, "layer %d, max %.2g", s->layers[column], high);
    return OK;
}

/* "tokens 66 to 129 of 197 (CLS: 98)", of each model. */
static void put_tokens(const struct attn_figure *f, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "tokens ");
    for (int k = 0; k < f->model_count && used < size; k++) {
        const struct geometry *g = &f->models[k].model->geo;
        int first = first_token(f, &f->models[k]);
        used +=
            (size_t)snprintf(out + used, size - used, "%s%d to %d of %d (CLS: %d)",
                             k > 0 ? "; " : "", first, first + f->tokens - 1, g->tokens, g->cls_at);
    }
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
             "row: token that attends; column: token attended to; n = 1 image, %s preprocessing",
             preprocess_names[o->cli.preprocess]);
    put_tokens(f, panel->note[3], sizeof *panel->note);
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
    panel->scale_low = f->linear ? "min" : "max/1000";
    panel->scale_high = "max";
    panel->tokens = f->tokens;
}

enum status attn_figure_open(struct attn_figure *f, const struct attn_options *o, struct error *err)
{
    int rows = 0, columns = 0;
    f->linear = o->scale == SCALE_LINEAR;
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
