/* The data that the page's script browses: pictures and masks as elements of the page, records and
 * maps as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "decimal.h"
#include "free_all.h"
#include "html.h"
#include "image_scores.h"

enum {
    SIDE = 224,     /* pixels of a picture */
    QUALITY = 80,   /* of its JPEG */
    MOST_CELLS = 64 /* patches per side of a map; finer maps are averaged */
};

/* --- JSON ------------------------------------------------------------------------------------ */

/* Within <script> no text may look like a tag. */
static void json_text(FILE *f, const char *text)
{
    char quoted[MARKUP_QUOTED];
    fputc('"', f);
    while (*text) {
        for (const char *p = markup_next(&text, quoted); *p; p++)
            if ((unsigned char)*p < ' ' || strchr("\"\\<>&", *p))
                fprintf(f, "\\u%04x", (unsigned char)*p);
            else
                fputc(*p, f);
    }
    fputc('"', f);
}

static void json_number(FILE *f, double value)
{
    if (isfinite(value))
        fprintf(f, "%.4g", value);
    else
        fputs("null", f);
}

/* --- pictures -------------------------------------------------------------------------------- */

static enum status put_image(FILE *f, const char *id, bool mask, struct image *image,
                             struct error *err)
{
    uint8_t *bytes;
    size_t size;
    TRY(mask ? png_encode(image, &bytes, &size, err)
             : jpeg_encode(image, QUALITY, &bytes, &size, err));
    fprintf(f, "<image id=\"%s%s\" width=\"100\" height=\"100\" href=\"", id, mask ? "-mask" : "");
    html_data(f, mask ? "image/png" : "image/jpeg", bytes, size);
    fputs("\"/>\n", f);
    free(bytes);
    return OK;
}

/* A picture that cannot be read does not stop the page. */
static enum status put_picture(FILE *f, const struct pictures *p, size_t run, size_t image,
                               uint8_t *rgb, int8_t *labels, struct error *err)
{
    struct image picture = { SIDE, SIDE, rgb };
    struct error why;
    char id[64];
    if (pictures_load(p, image, SIDE, rgb, p->data->has_masks ? labels : NULL, &why) != OK)
        return OK;
    snprintf(id, sizeof id, "p%zu-%zu", run + 1, image);
    TRY(put_image(f, id, false, &picture, err));
    if (!p->data->has_masks)
        return OK;
    for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
        memset(rgb + 3 * i, labels[i] < 0 ? 128 : labels[i] ? 255 : 0, 3);
    return put_image(f, id, true, &picture, err);
}

static enum status put_pictures(FILE *f, const struct pictures *p, size_t run,
                                const struct carried *c, struct error *err)
{
    size_t pixels = (size_t)SIDE * SIDE;
    uint8_t *rgb = malloc(3 * pixels);
    int8_t *labels = malloc(pixels);
    enum status status = rgb && labels ? OK : fail(err, E_NOMEM, "no memory for a picture");
    fputs("<svg class=\"defs\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\n", f);
    for (size_t i = 0; status == OK && i < c->count; i++)
        status = put_picture(f, p, run, c->image[i], rgb, labels, err);
    fputs("</defs></svg>\n", f);
    FREE_ALL(rgb, labels);
    return status;
}

/* --- maps ------------------------------------------------------------------------------------ */

/* Means of map [from, from] over the cells of a grid that is not finer. A pixel counts for the cell
 * that holds its centre. cells: [to, to], then as many counts. */
static void coarsen(const float *map, int from, int to, double *cells)
{
    int all = to * to;
    memset(cells, 0, 2 * (size_t)all * sizeof *cells);
    for (int y = 0; y < from; y++)
        for (int x = 0; x < from; x++) {
            int cell = (int)((y + 0.5) * to / from) * to + (int)((x + 0.5) * to / from);
            cells[cell] += (double)map[y * from + x];
            cells[all + cell] += 1;
        }
    for (int i = 0; i < all; i++)
        cells[i] /= cells[all + i];
}

/* Writes one byte per patch, scaled from the map's lowest value to its highest. */
static void put_bytes(const float *map, int from, int to, double *cells, uint8_t *out)
{
    double low = INFINITY, high = -INFINITY;
    coarsen(map, from, to, cells);
    for (int i = 0; i < to * to; i++) {
        low = fmin(low, cells[i]);
        high = fmax(high, cells[i]);
    }
    for (int i = 0; i < to * to; i++) {
        double share = high > low ? (cells[i] - low) / (high - low) : 0;
        out[i] = isfinite(share) ? (uint8_t)lround(255 * share) : 0;
    }
}

int shown_grid(const struct result_map *map)
{
    return map->grid < MOST_CELLS ? map->grid : MOST_CELLS;
}

static enum status put_map(FILE *f, const struct result_map *map, const float *values,
                           const struct carried *c, struct error *err)
{
    int to = shown_grid(map);
    size_t cells = (size_t)to * (size_t)to, from = (size_t)map->grid * (size_t)map->grid;
    uint8_t *bytes = malloc(cells * c->count + 1);
    double *scratch = malloc(2 * cells * sizeof *scratch);
    enum status status = bytes && scratch ? OK : fail(err, E_NOMEM, "no memory for heat maps");
    for (size_t i = 0; status == OK && i < c->count; i++)
        put_bytes(values + c->image[i] * from, map->grid, to, scratch, bytes + i * cells);
    fputc('"', f);
    if (status == OK)
        html_base64(f, bytes, cells * c->count);
    fputc('"', f);
    FREE_ALL(bytes, scratch);
    return status;
}

/* --- records --------------------------------------------------------------------------------- */

static void put_methods(FILE *f, const struct result *r, const struct shown_maps *m)
{
    fputs(",\n\"methods\":[", f);
    for (size_t k = 0; k < m->count; k++) {
        const struct result_map *map = &r->map[m->map[k]];
        fputs(k ? ",{\"name\":" : "{\"name\":", f);
        json_text(f, map->method);
        fprintf(f, ",\"control\":%s,\"grid\":%d}", map->control ? "true" : "false",
                shown_grid(map));
    }
    fputc(']', f);
}

/* The measures that the run has for any method and image. */
static size_t list_measures(const struct run *run, const struct shown_maps *m,
                            const struct image_measure *found[IMAGE_MEASURES])
{
    const struct result *r = run->result;
    size_t count = 0;
    for (int k = 0; k < IMAGE_MEASURES; k++) {
        bool any = false;
        for (size_t i = 0; i < r->images && !any; i++)
            for (size_t j = 0; r->status[i] == 0 && j < m->count && !any; j++)
                any =
                    !isnan(image_measures[k].score(run, r->map[m->map[j]].method, m->explained, i));
        if (any)
            found[count++] = &image_measures[k];
    }
    return count;
}

static void put_rows(FILE *f, const struct run *run, const struct carried *c,
                     const struct shown_maps *m, const struct image_measure *const *measure,
                     size_t measures)
{
    const struct result *r = run->result;
    fputs(",\n\"rows\":[", f);
    for (size_t k = 0; k < c->rows; k++) {
        size_t i = c->row[k];
        fputs(k ? ",\n[" : "\n[", f);
        json_text(f, r->id[i]);
        fprintf(f, ",%d,%d,%d,%zu", r->label[i], r->predicted[i], r->status[i], i);
        for (size_t s = 0; s < measures * m->count; s++) {
            const char *method = r->map[m->map[s % m->count]].method;
            fputc(',', f);
            json_number(f, r->status[i] == 0
                               ? measure[s / m->count]->score(run, method, m->explained, i)
                               : NAN);
        }
        fputc(']', f);
    }
    fputc(']', f);
}

/* Writes the rows of the images that the page embeds. */
static void put_shown(FILE *f, const struct carried *c)
{
    size_t at = 0;
    fputs(",\n\"shown\":[", f);
    for (size_t k = 0; k < c->rows; k++)
        if (at < c->count && c->image[at] == c->row[k])
            fprintf(f, "%s%zu", at++ ? "," : "", k);
    fputs("],\n\"maps\":[", f);
}

/* Names of the classes that occur. */
static void put_classes(FILE *f, const struct result *r, const struct class_list *c)
{
    bool any = false;
    fputs(",\n\"classes\":{", f);
    for (int k = 0; k < c->count; k++) {
        bool used = false;
        for (size_t i = 0; i < r->images && !used; i++)
            used = r->label[i] == k || r->predicted[i] == k;
        if (!used)
            continue;
        fprintf(f, "%s\"%d\":", any ? "," : "", k);
        json_text(f, c->name[k]);
        any = true;
    }
    fputc('}', f);
}

void html_colours(FILE *f)
{
    enum { STOPS = 18 };
    fputs("<script type=\"application/json\" id=\"colours\">[", f);
    for (int i = 0; i < STOPS; i++) {
        uint8_t rgb[3];
        colour_of((double)i / (STOPS - 1), rgb);
        fprintf(f, "%s[%d,%d,%d]", i ? "," : "", rgb[0], rgb[1], rgb[2]);
    }
    fputs("]</script>\n", f);
}

enum status html_image_data(FILE *f, const struct report *report, size_t index,
                            const struct pictures *pictures, const struct carried *c,
                            const struct shown_maps *m, const struct class_list *classes,
                            struct error *err)
{
    const struct run *run = &report->run[index];
    const struct result *r = run->result;
    const struct image_measure *measure[IMAGE_MEASURES];
    size_t measures = list_measures(run, m, measure);
    enum status status = OK;

    if (pictures->data && c->leader == index)
        TRY(put_pictures(f, pictures, index, c, err));
    fprintf(f,
            "<script type=\"application/json\" class=\"images\">{\"run\":%zu,\"images\":%zu,"
            "\"set\":",
            index + 1, r->images);
    if (pictures->data)
        fprintf(f, "\"p%zu\"", c->leader + 1);
    else
        fputs("null", f);
    put_methods(f, r, m);
    put_classes(f, r, classes);
    fputs(",\n\"measures\":[", f);
    for (size_t k = 0; k < measures; k++) {
        fputs(k ? ",{\"unit\":" : "{\"unit\":", f);
        json_text(f, measure[k]->unit);
        fputs(",\"what\":", f);
        json_text(f, measure[k]->what);
        fputc('}', f);
    }
    fputc(']', f);
    put_rows(f, run, c, m, measure, measures);
    put_shown(f, c);
    for (size_t k = 0; status == OK && k < m->count; k++) {
        fputs(k ? ",\n" : "\n", f);
        status = put_map(f, &r->map[m->map[k]], m->values[k], c, err);
    }
    fputs("]}</script>\n", f);
    return status;
}
