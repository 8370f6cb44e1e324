/* The images that a run's methods explain best and worst, with their heat maps, in the printed
 * form; and the place where all images are browsed. */
#include "html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "decimal.h"
#include "free_all.h"
#include "image_scores.h"

enum {
    SHOWN = 4,    /* images at either end */
    THUMB = 112,  /* pixels a side of a heat map; in print a tile is 2 cm */
    QUALITY = 85, /* of its JPEG */
    MOST_ACROSS = 12
};

struct gallery {
    FILE *f;
    const struct report *report;
    const struct run *run;
    const struct pictures *pictures;
    size_t index;
    const struct carried *carried;
    const struct shown_maps *maps;
    const struct class_list *classes;
    const struct image_measure *measure;
    struct error *err;
};

/* --- tiles ----------------------------------------------------------------------------------- */

/* Writes a tile's caption and ends the tile. */
static void tile_end(struct gallery *g, const char *name, const char *unit, double score)
{
    char text[DECIMAL_SIZE];
    html_element(g->f, "<figcaption>", "", "%s", name);
    if (!isnan(score))
        html_element(g->f, " <span>", "</span>", "%s %s", unit, decimal(text, score, 1));
    fputs("</figcaption></figure>\n", g->f);
}

/* Refers to a picture that html_data.c wrote into the page once. */
static void picture_tile(struct gallery *g, size_t image, bool mask)
{
    char key[64];
    snprintf(key, sizeof key, "p%zu-%zu", g->carried->leader + 1, image);
    html_element(g->f, "<figure><svg viewBox=\"0 0 100 100\" role=\"img\" aria-label=\"", "\">",
                 "%s, the %s", g->run->result->id[image], mask ? "data set's mask" : "picture");
    fprintf(g->f, "<use href=\"#%s\"/>", key);
    if (mask)
        fprintf(g->f, "<use class=\"mask\" href=\"#%s-mask\"/>", key);
    fputs("</svg>", g->f);
    tile_end(g, mask ? "mask" : "picture", "", NAN);
}

/* rgb [THUMB, THUMB, 3] is the picture, or NULL. */
static enum status heat_tile(struct gallery *g, const struct result_map *map, const float *values,
                             const uint8_t *rgb, double score)
{
    size_t pixels = (size_t)THUMB * THUMB;
    float *heat = malloc(pixels * sizeof *heat);
    struct image image = { THUMB, THUMB, malloc(3 * pixels) };
    uint8_t *bytes = NULL;
    size_t size;
    enum status status = heat && image.rgb ? OK : fail(g->err, E_NOMEM, "no memory for a heat map");
    if (status == OK)
        status = pictures_heat(values, map->grid, THUMB, heat, g->err);
    if (status == OK) {
        if (rgb)
            colour_overlay(rgb, heat, pixels, image.rgb);
        else
            colour_values(heat, pixels, image.rgb);
        status = jpeg_encode(&image, QUALITY, &bytes, &size, g->err);
    }
    if (status == OK) {
        html_element(g->f, "<figure><img alt=\"", "\" src=\"", "%s, heat map", map->method);
        html_data(g->f, "image/jpeg", bytes, size);
        fputs("\">", g->f);
        tile_end(g, map->method, g->measure->unit, score);
    }
    FREE_ALL(bytes, heat, image.rgb);
    return status;
}

/* --- cards ----------------------------------------------------------------------------------- */

static void card_head(struct gallery *g, const struct image_place *at)
{
    const struct result *r = g->run->result;
    int label = r->label[at->image], answer = r->predicted[at->image];
    char buffer[32], mean[DECIMAL_SIZE];
    fprintf(g->f, "<article data-run=\"%zu\" data-image=\"%zu\">", g->index + 1, at->image);
    html_element(g->f, "<h5>", "</h5>", "%s", r->id[at->image]);
    html_element(g->f, "<p>", "", "mean %s ", g->measure->unit);
    fprintf(g->f, "<b>%s</b>", decimal(mean, at->score, 1));
    if (label >= 0) {
        html_format(g->f, " · %s", class_list_name(g->classes, label, buffer));
        if (label == answer)
            fputs(" <span class=\"right\">✓ right</span>", g->f);
        else
            html_element(g->f, " <span class=\"wrong\">", "</span>", "✗ answered %s",
                         class_list_name(g->classes, answer, buffer));
    }
    fputs("</p>\n", g->f);
}

/* The number of columns that makes rows of nearly equal length, so that no row has a single
 * tile. */
static void begin_tiles(struct gallery *g, size_t tiles)
{
    size_t rows = (tiles + MOST_ACROSS - 1) / MOST_ACROSS;
    fprintf(g->f, "<div class=\"tiles\" style=\"--across: %zu\">\n",
            rows ? (tiles + rows - 1) / rows : 1);
}

static enum status heat_tiles(struct gallery *g, size_t image, const uint8_t *rgb)
{
    const struct result *r = g->run->result;
    for (size_t k = 0; k < g->maps->count; k++) {
        const struct result_map *map = &r->map[g->maps->map[k]];
        size_t cells = (size_t)map->grid * (size_t)map->grid;
        TRY(heat_tile(g, map, g->maps->values[k] + image * cells, rgb,
                      g->measure->score(g->run, map->method, map->explained, image)));
    }
    return OK;
}

/* A picture that cannot be read does not stop the page. */
static enum status image_card(struct gallery *g, const struct image_place *at)
{
    struct error why = { 0 };
    uint8_t *rgb = malloc(3 * (size_t)THUMB * THUMB);
    if (!rgb)
        return fail(g->err, E_NOMEM, "no memory for a picture");
    bool data = g->pictures->data != NULL;
    bool has = data && pictures_load(g->pictures, at->image, THUMB, rgb, NULL, &why) == OK;
    bool mask = has && g->pictures->data->has_masks;
    card_head(g, at);
    if (data && !has)
        html_element(g->f, "<p class=\"note\">", "</p>\n", "No picture: %s", why.text);
    begin_tiles(g, g->maps->count + has + mask);
    if (has)
        picture_tile(g, at->image, false);
    if (mask)
        picture_tile(g, at->image, true);
    enum status status = heat_tiles(g, at->image, has ? rgb : NULL);
    fputs("</div></article>\n", g->f);
    free(rgb);
    return status;
}

/* From `at` on, step 1 or -1. */
static enum status cards(struct gallery *g, const struct image_place *at, int step, size_t count,
                         const char *title)
{
    if (count == 0)
        return OK;
    fprintf(g->f, "<h4>%s: %s</h4>\n", g->measure->title, title);
    if (step > 0)
        html_element(g->f, "<p class=\"note\">", "</p>\n", "%s", g->measure->what);
    fputs(step > 0 ? "<div class=\"cards\">\n" : "<div class=\"cards worst\">\n", g->f);
    for (size_t i = 0; i < count; i++)
        TRY(image_card(g, at + step * (int)i));
    fputs("</div>\n", g->f);
    return OK;
}

static void gallery_head(struct gallery *g)
{
    fputs("<h3>Best and worst images</h3>\n", g->f);
    html_element(g->f, "<p class=\"note\">", "</p>\n",
                 "Ranked by the mean over the methods without controls, %s class.%s%s",
                 explained_names[g->maps->explained],
                 g->pictures->data ? "" : " Heat maps alone, as the pictures cannot be read here: ",
                 g->pictures->data ? "" : g->pictures->why);
    fputs("<p class=\"scale\">cold <span></span> hot; each map is scaled by itself</p>\n", g->f);
}

static enum status best_and_worst(struct gallery *g)
{
    struct image_place *ranked = calloc(g->run->result->images + 1, sizeof *ranked);
    enum status status = ranked ? OK : fail(g->err, E_NOMEM, "no memory for the heat maps");
    bool begun = false;
    for (int k = 0; status == OK && k < IMAGE_MEASURES; k++) {
        g->measure = &image_measures[k];
        size_t count = image_rank(g->run, g->measure, ranked), worst = count / 2;
        if (count == 0)
            continue;
        if (!begun)
            gallery_head(g);
        begun = true;
        worst = worst < SHOWN ? worst : SHOWN;
        status = cards(g, ranked, 1, count - worst < SHOWN ? count - worst : SHOWN, "the best");
        if (status == OK)
            status = cards(g, ranked + count - 1, -1, worst, "the worst");
    }
    free(ranked);
    return status;
}

/* --- the whole ------------------------------------------------------------------------------- */

static void say_averaged(const struct gallery *g)
{
    for (size_t k = 0; k < g->maps->count; k++) {
        const struct result_map *map = &g->run->result->map[g->maps->map[k]];
        int shown = shown_grid(map);
        if (shown == map->grid)
            continue;
        html_element(g->f, "<p class=\"note\">", "</p>\n",
                     "Below, maps of %d × %d are averaged to %d × %d; scores are of the maps "
                     "themselves.",
                     map->grid, map->grid, shown, shown);
        return;
    }
}

static enum status put_all(struct gallery *g)
{
    TRY(html_image_data(g->f, g->report, g->index, g->pictures, g->carried, g->maps, g->classes,
                        g->err));
    TRY(best_and_worst(g));
    say_averaged(g);
    fprintf(g->f,
            "<section class=\"browser\" data-run=\"%zu\" hidden><h3>All images</h3></section>\n"
            "<noscript><p class=\"note no-script\">All %zu images can be browsed here where "
            "scripts may run; the result file has every record.</p></noscript>\n",
            g->index + 1, g->run->result->images);
    return OK;
}

enum status html_images(FILE *f, const struct report *report, size_t index,
                        const struct pictures *pictures, struct error *err)
{
    const struct run *run = &report->run[index];
    struct carried carried;
    struct shown_maps maps;
    struct class_list classes;

    TRY(shown_maps_read(run->result, &maps, err));
    if (maps.count == 0) {
        shown_maps_free(&maps);
        return OK;
    }
    enum status status = carried_choose(report, index, &carried, err);
    if (status == OK) {
        struct error why = { 0 };
        if (result_classes(run->result, &classes, &why) != OK)
            html_element(f, "<p class=\"note\">", "</p>\n", "Classes are told by their numbers: %s",
                         why.text);
        struct gallery g = { .f = f,
                             .report = report,
                             .run = run,
                             .pictures = pictures,
                             .index = index,
                             .carried = &carried,
                             .maps = &maps,
                             .classes = &classes,
                             .err = err };
        status = put_all(&g);
        class_list_free(&classes);
        carried_free(&carried);
    }
    shown_maps_free(&maps);
    return status;
}
