#include "explain_panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "log.h"
#include "sheet.h"

int panel_top(const struct scene *s)
{
    int top = 0;
    for (int k = 1; k < s->model->geo.classes; k++)
        if (s->logits[k] > s->logits[top])
            top = k;
    return top;
}

double panel_probability(const struct scene *s, int class)
{
    double top = s->logits[panel_top(s)], sum = 0;
    for (int k = 0; k < s->model->geo.classes; k++)
        sum += exp((double)s->logits[k] - top);
    return exp((double)s->logits[class] - top) / sum;
}

void panel_stem(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(out, size, "%s", slash != NULL ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (dot != NULL && dot != out)
        *dot = '\0';
}

/* With two models a row each; one model's pictures in two rows where they are more than four. */
static int count_columns(const struct panel *p)
{
    int cells = 1 + p->method_count;
    return p->side_count > 1 || cells <= 4 ? cells : (cells + 1) / 2;
}

static enum status put_heat(const struct panel *p, const struct panel_side *side, int m, int cell,
                            struct sheet *sheet, struct error *err)
{
    int s = side->scene.model->geo.image_size;
    size_t pixels = (size_t)s * (size_t)s;
    uint8_t *rgb = sheet_picture(sheet, cell / sheet->columns, cell % sheet->columns, s);
    if (rgb == NULL)
        return fail(err, E_NOMEM, "no memory for a heat map");
    bool same = true; /* such a map says nothing, and its heat is 0 everywhere (SPEC 6) */
    for (size_t i = 1; i < pixels; i++)
        same &= side->heat[(size_t)m * pixels + i] == side->heat[(size_t)m * pixels];
    colour_overlay(side->scene.picture.rgb, side->heat + (size_t)m * pixels, pixels, rgb);
    snprintf(sheet->cells[cell].title, sizeof sheet->cells->title, "%s%s", p->methods[m]->name,
             same ? " (constant)" : "");
    return OK;
}

static enum status put_side(const struct panel *p, int k, struct sheet *sheet, struct error *err)
{
    const struct panel_side *side = &p->sides[k];
    int s = side->scene.model->geo.image_size, row = k; /* two models: all in one row */
    uint8_t *rgb = sheet_picture(sheet, row, 0, s);
    if (rgb == NULL)
        return fail(err, E_NOMEM, "no memory for a picture");
    memcpy(rgb, side->scene.picture.rgb, (size_t)s * (size_t)s * 3);
    snprintf(sheet->cells[row * sheet->columns].title, sizeof sheet->cells->title, "image");
    if (p->side_count > 1)
        scene_title(&side->scene, sheet->row_titles[row], sizeof *sheet->row_titles);
    for (int m = 0; m < p->method_count; m++)
        TRY(put_heat(p, side, m, row * sheet->columns + 1 + m, sheet, err));
    return OK;
}

/* Data, model, method, protocol and n are in every figure. */
static void put_words(const struct panel *p, const char *image, struct sheet *sheet)
{
    char buffer[32], title[96], stem[128];
    panel_stem(image, stem, sizeof stem);
    snprintf(sheet->heading[0], sizeof *sheet->heading, "%s", stem);
    for (int k = 0; k < p->side_count; k++) {
        const struct panel_side *side = &p->sides[k];
        int top = panel_top(&side->scene);
        scene_title(&side->scene, title, sizeof title);
        snprintf(sheet->heading[k + 1], sizeof *sheet->heading, "%s: %.60s, %.1f %%%s", title,
                 class_name(&p->names, side->class, buffer),
                 100 * panel_probability(&side->scene, side->class),
                 top == side->class ? " (predicted)" : " (not what it predicts)");
    }
    snprintf(sheet->note[0], sizeof *sheet->note,
             "%s protocol, %s preprocessing, n = 1 image; each map from its least to its largest",
             p->protocol, p->preprocess);
    for (int k = 0, used = 0; k < p->side_count; k++)
        used += snprintf(sheet->note[1] + used, sizeof *sheet->note - (size_t)used, "%s%.12s",
                         k > 0 ? ", " : "sha256 of the checkpoint: ",
                         p->sides[k].scene.model->checkpoint->sha256);
}

enum status panel_draw(const struct panel *p, const char *image, const char *stem,
                       struct error *err)
{
    struct sheet sheet;
    int columns = count_columns(p);
    int rows = p->side_count > 1 ? p->side_count : p->method_count / columns + 1;
    TRY(sheet_open(&sheet, rows, columns, err));
    enum status status = OK;
    for (int k = 0; k < p->side_count && status == OK; k++)
        status = put_side(p, k, &sheet, err);
    put_words(p, image, &sheet);
    sheet.scale = "relevance";
    sheet.scale_low = "low";
    sheet.scale_high = "high";
    if (status == OK)
        status = sheet_draw(&sheet, stem, p->vector, err);
    if (status == OK)
        log_info("wrote %s.png%s", stem, p->vector ? ", .pdf, .svg" : "");
    sheet_close(&sheet);
    return status;
}
