#include "explain_figure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "csv.h"
#include "log.h"
#include "panel.h"

void explain_figure_stem(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(out, size, "%s", slash != NULL ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (dot != NULL && dot != out)
        *dot = '\0';
}

/* Two models have a row each; one model's pictures take two rows where they are more than four. */
static int count_columns(const struct explain_figure *p)
{
    int cells = 1 + p->method_count;
    return p->model_count > 1 || cells <= 4 ? cells : (cells + 1) / 2;
}

static enum status put_heat(const struct explain_figure *p, const struct explained_model *model,
                            int m, int cell, struct panel *panel, struct error *err)
{
    int s = model->inference.engine->info.image_size;
    size_t pixels = (size_t)s * (size_t)s;
    uint8_t *rgb = panel_picture(panel, cell / panel->columns, cell % panel->columns, s);
    if (rgb == NULL)
        return fail(err, E_NOMEM, "no memory for a heat map");
    bool same = true; /* such a map has no order, and its heat is 0 everywhere (SPEC 6) */
    for (size_t i = 1; i < pixels; i++)
        same &= model->heat[(size_t)m * pixels + i] == model->heat[(size_t)m * pixels];
    colour_overlay(model->inference.picture.rgb, model->heat + (size_t)m * pixels, pixels, rgb);
    snprintf(panel->cells[cell].title, sizeof panel->cells->title, "%s%s", p->methods[m],
             same ? " (constant)" : "");
    return OK;
}

static enum status put_model(const struct explain_figure *p, int k, struct panel *panel,
                             struct error *err)
{
    const struct explained_model *model = &p->models[k];
    int s = model->inference.engine->info.image_size, row = k; /* two models: all in one row */
    uint8_t *rgb = panel_picture(panel, row, 0, s);
    if (rgb == NULL)
        return fail(err, E_NOMEM, "no memory for a picture");
    memcpy(rgb, model->inference.picture.rgb, (size_t)s * (size_t)s * 3);
    snprintf(panel->cells[row * panel->columns].title, sizeof panel->cells->title, "image");
    if (p->model_count > 1)
        snprintf(panel->row_titles[row], sizeof *panel->row_titles, "%s",
                 model->inference.engine->info.title);
    for (int m = 0; m < p->method_count; m++)
        TRY(put_heat(p, model, m, row * panel->columns + 1 + m, panel, err));
    return OK;
}

/* Every figure names its data, model, method, protocol and n. */
static void put_words(const struct explain_figure *p, const char *image, struct panel *panel)
{
    char buffer[32], stem[128];
    explain_figure_stem(image, stem, sizeof stem);
    snprintf(panel->heading[0], sizeof *panel->heading, "%s", stem);
    for (int k = 0; k < p->model_count; k++) {
        const struct explained_model *model = &p->models[k];
        int top = inference_top(&model->inference);
        snprintf(panel->heading[k + 1], sizeof *panel->heading, "%.80s: %.60s, %.1f %%%s",
                 model->inference.engine->info.title,
                 class_list_name(&p->names, model->class, buffer),
                 100 * inference_probability(&model->inference, model->class),
                 top == model->class ? " (predicted)" : " (not what it predicts)");
    }
    snprintf(panel->note[0], sizeof *panel->note,
             "%s protocol, %s preprocessing, n = 1 image; each map from its least to its largest",
             p->protocol, p->preprocess);
    for (int k = 0, used = 0; k < p->model_count; k++)
        used += snprintf(panel->note[1] + used, sizeof *panel->note - (size_t)used, "%s%.12s",
                         k > 0 ? ", " : "sha256 of the checkpoint: ",
                         engine_fingerprint(p->models[k].inference.engine));
}

/* Writes the maps themselves, one line per patch. */
static enum status write_csv(const struct explain_figure *p, const char *stem, struct error *err)
{
    char *path;
    if (asprintf(&path, "%s.csv", stem) < 0)
        return fail(err, E_NOMEM, "out of memory");
    FILE *f = fopen(path, "w");
    enum status status =
        f != NULL ? OK : fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    for (int k = 0; status == OK && k < p->model_count; k++) {
        const struct explained_model *model = &p->models[k];
        const struct engine *e = model->inference.engine;
        if (k == 0)
            fputs("model,method,class,row,column,relevance\n", f);
        for (int m = 0; m < p->method_count; m++) {
            const float *map = model->maps + engine_map_at(e, 0, m, CLASS_PREDICTED);
            int width = e->prepared[m]->side;
            for (int i = 0; i < width * width; i++) {
                csv_field(f, e->info.title);
                fputc(',', f);
                csv_field(f, p->methods[m]);
                fprintf(f, ",%d,%d,%d", model->class, i / width, i % width);
                csv_number(f, (double)map[i]);
                fputc('\n', f);
            }
        }
    }
    if (f != NULL && (ferror(f) | fclose(f)) != 0 && status == OK)
        status = fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    free(path);
    return status;
}

enum status explain_figure_draw(const struct explain_figure *p, const char *image, const char *stem,
                                struct error *err)
{
    struct panel panel;
    int columns = count_columns(p);
    int rows = p->model_count > 1 ? p->model_count : p->method_count / columns + 1;
    TRY(panel_open(&panel, rows, columns, err));
    enum status status = OK;
    for (int k = 0; k < p->model_count && status == OK; k++)
        status = put_model(p, k, &panel, err);
    put_words(p, image, &panel);
    panel.scale = "relevance";
    panel.scale_low = "low";
    panel.scale_high = "high";
    if (status == OK)
        status = panel_draw(&panel, stem, p->vector, err);
    if (status == OK)
        status = write_csv(p, stem, err);
    if (status == OK)
        log_info("wrote %s.png%s, .csv", stem, p->vector ? ", .pdf, .svg" : "");
    panel_close(&panel);
    return status;
}
