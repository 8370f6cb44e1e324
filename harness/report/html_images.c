/* The images that a run's methods explain best and worst, and the scores of every image. */
#include "html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "decimal.h"
#include "image_scores.h"

enum {
    SHOWN = 4,    /* images at either end */
    THUMB = 176,  /* pixels a side of an embedded picture */
    QUALITY = 82, /* of its JPEG */
    MOST_PATCHES = 256,
    MOST_ROWS = 6000 /* of the tables of all images, together: a page stays below 10 MB */
};

/* --- pictures and heat ----------------------------------------------------------------------- */

struct gallery {
    FILE *f;
    const struct run *run;
    const struct pictures *pictures;
    size_t index;
    float **maps; /* [result->maps] of the predicted class, NULL: not shown */
    struct error *err;
};

static enum status put_png(struct gallery *g, uint8_t *rgb, int side)
{
    const struct image image = { side, side, rgb };
    uint8_t *bytes;
    size_t size;
    TRY(png_encode(&image, &bytes, &size, g->err));
    html_data(g->f, "image/png", bytes, size);
    free(bytes);
    return OK;
}

/* A tile's caption, which ends the tile. */
static void tile_end(struct gallery *g, const char *name, const char *unit, double score)
{
    char text[DECIMAL_SIZE];
    html_element(g->f, "</svg><figcaption>", "", "%s", name);
    if (!isnan(score))
        html_element(g->f, " <span>", "</span>", "%s %s", unit, decimal(text, score, 1));
    fputs("</figcaption></figure>\n", g->f);
}

static void tile_begin(struct gallery *g, const char *name, const char *what)
{
    html_element(g->f, "<figure><svg viewBox=\"0 0 100 100\" role=\"img\" aria-label=\"", "\">",
                 "%s, %s", name, what);
}

/* The other tiles of the image show it below their heat, by its id. */
static enum status picture_tile(struct gallery *g, uint8_t *rgb, size_t image, const char *key)
{
    const struct image picture = { THUMB, THUMB, rgb };
    uint8_t *bytes;
    size_t size;
    TRY(jpeg_encode(&picture, QUALITY, &bytes, &size, g->err));
    tile_begin(g, g->run->result->id[image], "the picture");
    fprintf(g->f, "<image id=\"%s\" width=\"100\" height=\"100\" href=\"", key);
    html_data(g->f, "image/jpeg", bytes, size);
    free(bytes);
    fputs("\"/>", g->f);
    tile_end(g, "picture", "", NAN);
    return OK;
}

static enum status mask_tile(struct gallery *g, const int8_t *labels, const char *key)
{
    size_t pixels = (size_t)THUMB * THUMB;
    uint8_t *rgb = malloc(3 * pixels);
    if (!rgb)
        return fail(g->err, E_NOMEM, "no memory for a mask");
    for (size_t i = 0; i < pixels; i++)
        memset(rgb + 3 * i, labels[i] < 0 ? 128 : labels[i] ? 255 : 0, 3);
    tile_begin(g, "foreground", "the data set's mask");
    fprintf(g->f, "<use href=\"#%s\"/><image class=\"mask\" width=\"100\" height=\"100\" href=\"",
            key);
    enum status status = put_png(g, rgb, THUMB);
    fputs("\"/>", g->f);
    tile_end(g, "mask", "", NAN);
    free(rgb);
    return status;
}

/* A pixel a patch: the page's reader does the upsampling, as smoothly as SPEC 6. */
static enum status heat_tile(struct gallery *g, const struct result_map *map, const float *values,
                             const char *key, const struct image_measure *m, double score)
{
    int side = map->grid;
    size_t cells = (size_t)side * (size_t)side;
    float low = INFINITY, high = -INFINITY;
    uint8_t *rgb = malloc(3 * cells);
    if (!rgb)
        return fail(g->err, E_NOMEM, "no memory for a heat map");
    for (size_t i = 0; i < cells; i++) {
        low = fminf(low, values[i]);
        high = fmaxf(high, values[i]);
    }
    for (size_t i = 0; i < cells; i++)
        colour_of(high > low ? (double)(values[i] - low) / (double)(high - low) : 0, rgb + 3 * i);
    tile_begin(g, map->method, "heat map");
    if (g->pictures->data)
        fprintf(g->f, "<use class=\"under\" href=\"#%s\"/>", key);
    fprintf(g->f,
            "<image class=\"heat\" preserveAspectRatio=\"none\" width=\"100\" height=\"100\"%s "
            "href=\"",
            g->pictures->data ? " opacity=\"0.6\"" : "");
    enum status status = put_png(g, rgb, side);
    fputs("\"/>", g->f);
    tile_end(g, map->method, m->unit, score);
    free(rgb);
    return status;
}

/* Picture and mask, or why they are not there; a picture that cannot be read is no reason to give
 * up the page. */
static enum status picture_tiles(struct gallery *g, size_t image, const char *key)
{
    size_t pixels = (size_t)THUMB * THUMB;
    const struct pictures *p = g->pictures;
    struct error why;
    uint8_t *rgb = malloc(3 * pixels);
    int8_t *labels = malloc(pixels);
    enum status status = rgb && labels ? OK : fail(g->err, E_NOMEM, "no memory for a picture");
    if (status == OK) {
        enum status read =
            pictures_load(p, image, THUMB, rgb, p->data->has_masks ? labels : NULL, &why);
        if (read != OK)
            html_element(g->f, "<p class=\"note\">", "</p>\n", "No picture: %s", why.text);
        else
            status = picture_tile(g, rgb, image, key);
        if (read == OK && status == OK && p->data->has_masks)
            status = mask_tile(g, labels, key);
    }
    free(rgb);
    free(labels);
    return status;
}

static enum status image_card(struct gallery *g, const struct image_measure *m,
                              const struct image_place *at)
{
    const struct result *r = g->run->result;
    char key[64], mean[DECIMAL_SIZE];
    snprintf(key, sizeof key, "r%zu-%c%zu", g->index + 1, m->unit[0], at->image);
    html_element(g->f, "<article><h5>", "</h5>", "%s", r->id[at->image]);
    fprintf(g->f, "<p>mean %s <b>%s</b>", m->unit, decimal(mean, at->score, 1));
    if (r->label[at->image] >= 0)
        fprintf(g->f, " · class %d, answered %d%s", r->label[at->image], r->predicted[at->image],
                r->label[at->image] == r->predicted[at->image] ? "" : " (wrong)");
    fputs("</p>\n<div class=\"tiles\">\n", g->f);
    if (g->pictures->data)
        TRY(picture_tiles(g, at->image, key));
    for (size_t i = 0; i < r->maps; i++) {
        const struct result_map *map = &r->map[i];
        size_t cells = (size_t)map->grid * (size_t)map->grid;
        if (g->maps[i])
            TRY(heat_tile(g, map, g->maps[i] + at->image * cells, key, m,
                          m->score(g->run, map->method, map->explained, at->image)));
    }
    fputs("</div></article>\n", g->f);
    return OK;
}

/* From `at` on, step 1 or -1. */
static enum status cards(struct gallery *g, const struct image_measure *m,
                         const struct image_place *at, int step, size_t count, const char *title)
{
    fprintf(g->f, "<h4>%s: %s</h4>\n", m->title, title);
    if (step > 0)
        html_element(g->f, "<p class=\"note\">", "</p>\n", "%s", m->what);
    fputs("<div class=\"cards\">\n", g->f);
    for (size_t i = 0; i < count; i++)
        TRY(image_card(g, m, at + step * (int)i));
    fputs("</div>\n", g->f);
    return OK;
}

static void gallery_head(struct gallery *g)
{
    fputs("<h3>Best and worst images</h3>\n", g->f);
    html_element(g->f, "<p class=\"note\">", "</p>\n",
                 "Ranked by the mean over the methods without controls, predicted class.%s%s",
                 g->pictures->data ? "" : " Heat maps alone, as the pictures cannot be read here: ",
                 g->pictures->data ? "" : g->pictures->why);
    fputs("<p class=\"scale\">cold <span></span> hot; each map is scaled by itself</p>\n", g->f);
}

static enum status gallery(struct gallery *g, struct image_place *ranked)
{
    bool begun = false;
    for (int k = 0; k < IMAGE_MEASURES; k++) {
        const struct image_measure *m = &image_measures[k];
        size_t count = image_rank(g->run, m, ranked), worst = count / 2;
        if (count == 0)
            continue;
        if (!begun)
            gallery_head(g);
        begun = true;
        worst = worst < SHOWN ? worst : SHOWN;
        TRY(cards(g, m, ranked, 1, count - worst < SHOWN ? count - worst : SHOWN, "the best"));
        TRY(cards(g, m, ranked + count - 1, -1, worst, "the worst"));
    }
    return OK;
}

static enum status read_maps(struct gallery *g)
{
    const struct result *r = g->run->result;
    for (size_t i = 0; i < r->maps; i++) {
        if (r->map[i].explained != EXPLAINED_PREDICTED || r->images == 0)
            continue;
        if (r->map[i].grid < 1 || r->map[i].grid > MOST_PATCHES)
            return fail(g->err, E_DATA, "%s: maps of %d patches a side: 1 to %d can be shown",
                        r->path, r->map[i].grid, MOST_PATCHES);
        TRY(result_read_maps(r, &r->map[i], &g->maps[i], g->err));
    }
    return OK;
}

/* --- all images ------------------------------------------------------------------------------ */

static void image_row(FILE *f, const struct run *run, const bool *shown, size_t image)
{
    const struct result *r = run->result;
    char text[DECIMAL_SIZE];
    html_element(f, "<tr><th scope=\"row\">", "</th>", "%s", r->id[image]);
    if (r->label[image] < 0)
        fputs("<td>–</td>", f);
    else
        fprintf(f, "<td>%d</td>", r->label[image]);
    fprintf(f, "<td>%d</td>", r->predicted[image]);
    for (size_t k = 0; k < IMAGE_MEASURES * r->maps; k++) {
        const struct result_map *map = &r->map[k % r->maps];
        if (!shown[k])
            continue;
        double score =
            r->status[image] == 0
                ? image_measures[k / r->maps].score(run, map->method, map->explained, image)
                : NAN;
        fprintf(f, "<td>%s</td>", decimal(text, score, 1));
    }
    fputs("</tr>\n", f);
}

static enum status all_images(FILE *f, const struct run *run, size_t most, struct error *err)
{
    const struct result *r = run->result;
    size_t rows = r->images < most ? r->images : most;
    bool *shown = calloc(IMAGE_MEASURES * (r->maps + 1), sizeof *shown);
    if (!shown)
        return fail(err, E_NOMEM, "no memory for the table of images");
    fputs("<details><summary>Every image's scores</summary>\n"
          "<div class=\"scroll tall\" role=\"region\" tabindex=\"0\" "
          "aria-label=\"Every image's scores\"><table><caption><span>",
          f);
    html_format(f, "%zu of %zu images, predicted class%s", rows, r->images,
                rows < r->images ? ", the first of them; the file has all" : "");
    fputs("</span></caption>\n<thead><tr><th scope=\"col\">image</th><th scope=\"col\">class</th>"
          "<th scope=\"col\">answer</th>",
          f);
    for (size_t k = 0; k < IMAGE_MEASURES * r->maps; k++) {
        const struct result_map *map = &r->map[k % r->maps];
        bool perturbation = k / r->maps == 0;
        bool has = perturbation
                       ? result_find_curve(r, map->method, map->explained, REMOVE_HOTTEST) ||
                             result_find_curve(r, map->method, map->explained, REMOVE_COLDEST)
                       : result_find_segmentation(r, map->method, map->explained) != NULL;
        shown[k] = map->explained == EXPLAINED_PREDICTED && has;
        if (shown[k])
            html_element(f, "<th scope=\"col\">", "</th>", "%s %s", map->method,
                         image_measures[k / r->maps].unit);
    }
    fputs("</tr></thead>\n<tbody>\n", f);
    for (size_t i = 0; i < rows; i++)
        image_row(f, run, shown, i);
    fputs("</tbody></table></div></details>\n", f);
    free(shown);
    return OK;
}

enum status html_images(FILE *f, const struct report *report, size_t index,
                        const struct pictures *pictures, struct error *err)
{
    const struct run *run = &report->run[index];
    const struct result *r = run->result;
    struct gallery g = { f, run, pictures, index, NULL, err };
    struct image_place *ranked = calloc(r->images ? r->images : 1, sizeof *ranked);

    g.maps = calloc(r->maps ? r->maps : 1, sizeof *g.maps);
    enum status status =
        ranked && g.maps ? read_maps(&g) : fail(err, E_NOMEM, "no memory for the heat maps");
    if (status == OK)
        status = gallery(&g, ranked);
    for (size_t i = 0; g.maps && i < r->maps; i++)
        free(g.maps[i]);
    free(g.maps);
    free(ranked);
    return status == OK ? all_images(f, run, MOST_ROWS / report->runs, err) : status;
}
