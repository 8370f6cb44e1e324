#include "attn_figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is drawn of a matrix, in [0,1]: of a Vim |alpha| from its least to its largest over the
 * tokens shown, of a ViT the probabilities up to the largest shown. Returns that largest. */
static double normalise(const struct attn_side *s, int tokens, float *out)
{
    int len = s->scene.model->geo.tokens;
    bool vit = s->scene.model->geo.heads > 0;
    double low = INFINITY, high = 0;
    for (int i = 0; i < tokens; i++)
        for (int j = 0; j < tokens; j++) {
            double x = fabs((double)s->matrix[(size_t)i * (size_t)len + (size_t)j]);
            low = fmin(low, x);
            high = fmax(high, x);
        }
    if (vit)
        low = 0;
    for (int i = 0; i < tokens; i++)
        for (int j = 0; j < tokens; j++) {
            double x = fabs((double)s->matrix[(size_t)i * (size_t)len + (size_t)j]);
            out[i * tokens + j] = high > low ? (float)((x - low) / (high - low)) : 0;
        }
    return high;
}

enum status attn_figure_draw(struct attn_figure *f, const struct attn_side *s, int row, int column,
                             struct error *err)
{
    const int sharp = 480; /* pixels a side at least, so that a token has sharp edges */
    int times = (sharp + f->tokens - 1) / f->tokens;
    float *values = malloc((size_t)f->tokens * (size_t)f->tokens * sizeof *values);
    uint8_t *rgb = sheet_picture(&f->sheet, row, column, f->tokens * times);
    if (values == NULL || rgb == NULL) {
        free(values);
        return fail(err, E_NOMEM, "no memory for a figure");
    }
    double high = normalise(s, f->tokens, values);
    sheet_blocks(values, f->tokens, times, rgb);
    free(values);
    struct sheet_cell *cell = &f->sheet.cells[row * f->sheet.columns + column];
    snprintf(cell->title, sizeof cell->title, "layer %d, max %.2g", s->layers[column], high);
    return OK;
}

static void put_words(struct attn_figure *f, const struct attn_options *o)
{
    struct sheet *sheet = &f->sheet;
    char name[128];
    const char *slash = strrchr(o->image, '/');
    snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : o->image);
    snprintf(sheet->heading[0], sizeof *sheet->heading, "Attention of %s%s%s, %.80s",
             f->sides[0].title, f->side_count > 1 ? " and " : "",
             f->side_count > 1 ? f->sides[1].title : "", name);
    snprintf(sheet->note[0], sizeof *sheet->note,
             "row: token that attends; column: token attended to; first %d tokens; n = 1 image, %s "
             "preprocessing",
             f->tokens, preprocess_names[o->cli.scene.preprocess]);
    bool vim = false, vit = false;
    for (int k = 0; k < f->side_count; k++)
        *(f->sides[k].scene.model->geo.heads > 0 ? &vit : &vim) = true;
    snprintf(sheet->note[1], sizeof *sheet->note, "%s%s%s",
             vim ? "Vim: |alpha| (Eq. 14), both directions added, min to max of the tokens shown; "
                   "alike in both protocols"
                 : "",
             vim && vit ? "; " : "", vit ? "ViT: softmax, 0 to max" : "");
    for (int k = 0, used = 0; k < f->side_count; k++)
        used += snprintf(sheet->note[2] + used, sizeof *sheet->note - (size_t)used, "%s%.12s",
                         k > 0 ? ", " : "sha256 of the checkpoint: ",
                         f->sides[k].scene.model->checkpoint->sha256);
    sheet->scale = "attention";
    sheet->scale_low = "min";
    sheet->scale_high = "max";
    sheet->tokens = f->tokens;
}

enum status attn_figure_open(struct attn_figure *f, const struct attn_options *o, struct error *err)
{
    int rows = 0, columns = 0;
    f->tokens = o->tokens > 0 ? o->tokens : 1000000;
    for (int k = 0; k < f->side_count; k++) {
        const struct attn_side *s = &f->sides[k];
        rows += s->drawn;
        columns = s->layer_count > columns ? s->layer_count : columns;
        f->tokens = s->scene.model->geo.tokens < f->tokens ? s->scene.model->geo.tokens : f->tokens;
    }
    TRY(sheet_open(&f->sheet, rows, columns, err));
    put_words(f, o);
    return OK;
}
