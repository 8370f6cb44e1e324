/* evalh export: the maps of a result file, as files that a run takes maps from, or as pictures. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "colour.h"
#include "command.h"
#include "export_choice.h"
#include "free_all.h"
#include "gnuplot.h"
#include "log.h"
#include "map_write.h"
#include "outputs.h"
#include "pictures.h"

enum form { FORM_H5, FORM_NPY, FORM_PNG };
static const char *const forms[] = { "h5", "npy", "png", NULL };

struct options {
    const char *result, *out;
    int form; /* enum form */
    struct export_choice choice;
};

/* ---- maps ------------------------------------------------------------------------------------ */

static enum status write_folder(const char *path, const struct export_rows *rows,
                                const struct export_maps *m, struct error *err)
{
    size_t cells = m->side * m->side;
    TRY(make_directory(path, err));
    for (size_t i = 0; i < rows->count; i++) {
        TRY(map_folder_write(path, rows->id[i], false, m->side, m->map + i * cells, err));
        if (m->target != NULL)
            TRY(map_folder_write(path, rows->id[i], true, m->side, m->target + i * cells, err));
    }
    return OK;
}

/* ---- pictures -------------------------------------------------------------------------------- */

static enum status write_png(const char *path, const struct image *image, struct error *err)
{
    uint8_t *bytes;
    size_t size;
    TRY(png_encode(image, &bytes, &size, err));
    FILE *f = fopen(path, "wb");
    bool good = f != NULL && fwrite(bytes, 1, size, f) == size;
    good = f != NULL && fclose(f) == 0 && good;
    free(bytes);
    if (good)
        return OK;
    fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    if (f != NULL)
        remove(path);
    return E_IO;
}

/* A picture and the memory for one that lies under heat. */
struct canvas {
    size_t side;
    uint8_t *rgb, *covered; /* [side, side, 3] */
};

static enum status write_overlay(const char *folder, const char *id, bool target,
                                 const struct canvas *c, const float *heat, struct error *err)
{
    char path[MAP_PATH_SIZE];
    struct image image = { .width = (int)c->side, .height = (int)c->side, .rgb = c->covered };
    TRY(map_folder_path(folder, id, target, "png", path, err));
    colour_overlay(c->rgb, heat, c->side * c->side, c->covered);
    return write_png(path, &image, err);
}

/* DIR/METHOD/ID.png: each image as the model saw it, under the heat of its map. */
static enum status write_overlays(const char *path, const struct pictures *pictures,
                                  const struct export_rows *rows, const struct export_maps *m,
                                  struct error *err)
{
    size_t pixels = m->side * m->side;
    struct canvas c = { m->side, malloc(3 * pixels), malloc(3 * pixels) };
    enum status status = c.rgb != NULL && c.covered != NULL
                             ? make_directory(path, err)
                             : fail(err, E_NOMEM, "no memory for pictures of %zu pixels", pixels);
    for (size_t i = 0; status == OK && i < rows->count; i++) {
        status = pictures_load(pictures, rows->row[i], (int)c.side, c.rgb, NULL, err);
        if (status == OK)
            status = write_overlay(path, rows->id[i], false, &c, m->map + i * pixels, err);
        if (status == OK && m->target != NULL)
            status = write_overlay(path, rows->id[i], true, &c, m->target + i * pixels, err);
    }
    FREE_ALL(c.rgb, c.covered);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum status write_method(const struct options *o, const struct result *r,
                                const struct pictures *pictures, const struct export_rows *rows,
                                const char *method, struct error *err)
{
    struct export_maps m;
    char path[MAP_PATH_SIZE];
    TRY(export_maps_read(&o->choice, r, rows, method, &m, err));
    snprintf(path, sizeof path, "%s/%s%s", o->out, method, o->form == FORM_H5 ? ".h5" : "");
    enum status status = o->form == FORM_PNG   ? write_overlays(path, pictures, rows, &m, err)
                         : o->form == FORM_NPY ? write_folder(path, rows, &m, err)
                                               : map_file_write(path, rows->id, rows->count, m.side,
                                                                m.map, m.target, err);
    if (status == OK)
        log_info("wrote %s: %zu maps of %zu x %zu%s", path, rows->count, m.side, m.side,
                 m.target != NULL ? ", of the prediction and of the label" : "");
    export_maps_free(&m);
    return status;
}

static enum status write_methods(const struct options *o, const struct result *r,
                                 const struct export_rows *rows, struct error *err)
{
    struct pictures pictures = { 0 };
    enum status status = OK;
    if (o->form == FORM_PNG) {
        pictures_open(r, &pictures);
        if (pictures.data == NULL)
            return fail(err, E_DATA, "%s: there are no pictures to lie under the heat: %s", r->path,
                        pictures.why);
    }
    for (size_t i = 0; status == OK && i < r->maps; i++) {
        bool again = i > 0 && strcmp(r->map[i].method, r->map[i - 1].method) == 0;
        if (!again && export_method_wanted(&o->choice, r->map[i].method))
            status = write_method(o, r, &pictures, rows, r->map[i].method, err);
    }
    pictures_close(&pictures);
    return status;
}

static enum status check_out(const struct options *o, const struct result *r, struct error *err)
{
    const struct outputs_inputs inputs = { &o->result, 1 };
    for (size_t i = 0; o->form == FORM_H5 && i < r->maps; i++) {
        char path[MAP_PATH_SIZE];
        if (export_method_wanted(&o->choice, r->map[i].method)) {
            snprintf(path, sizeof path, "%s/%s.h5", o->out, r->map[i].method);
            TRY(outputs_check("--out", path, &inputs, err));
        }
    }
    return OK;
}

/* Pictures are as large as the model's images, where nothing else is asked for. */
static enum status choose_side(struct options *o, const struct result *r, struct error *err)
{
    enum { USUAL = 224 };
    if (o->form == FORM_PNG && o->choice.side == 0)
        o->choice.side = r->image_size > 0 ? r->image_size : USUAL;
    return export_methods_check(&o->choice, r, err);
}

static enum status export_result(void *options, bool *begun, struct error *err)
{
    struct options *o = options;
    struct result *r;
    struct export_rows rows = { 0 };
    TRY(result_open(o->result, &r, err));
    enum status status = choose_side(o, r, err);
    if (status == OK)
        status = export_rows_list(&o->choice, r, &rows, err);
    if (status == OK)
        status = check_out(o, r, err);
    if (status == OK)
        status = make_directory(o->out, err);
    *begun = status == OK;
    if (status == OK)
        status = write_methods(o, r, &rows, err);
    export_rows_free(&rows);
    result_close(r);
    return status;
}

/* ---- the command line ------------------------------------------------------------------------ */

enum { KEY_CLASS = 'c', KEY_SIZE = 0x100, MOST_SIDE = 4096 };

static const struct argp_option option_table[] = {
    { "methods", 'm', "NAME,...", 0, "of these methods (default: all that the result has)", 0 },
    { "images", 'i', "ID,...|FILE", 0,
      "of these images, by their ids, or those of a file with one a line (default: all)", 0 },
    { "class", KEY_CLASS, "predicted|target", 0,
      "of this explained class alone (default: of both, where there are both)", 0 },
    { "format", 'f', "h5|npy|png", 0,
      "h5: one HDF5 file a method (default); npy: a folder a method, one file an image; png: the "
      "same, each image under its heat",
      0 },
    { "size", KEY_SIZE, "N", 0,
      "heat in [0, 1] of N by N pixels, scaled up as for the tests (default: maps as they are; "
      "png: as large as the model's images)",
      0 },
    { "out", 'o', "DIR", 0, "folder of what is written (default: results/maps)", 0 },
    CLI_HELP_OPTION,
};

static const char *const classes[] = { "predicted", "target", NULL };
#define AT(field) offsetof(struct options, field)
static const struct cli_place places[] = {
    { CLI_TEXT, 'm', AT(choice.methods), 0, 0, NULL },
    { CLI_TEXT, 'i', AT(choice.images), 0, 0, NULL },
    { CLI_TEXT, KEY_CLASS, AT(choice.class), 0, 0, classes },
    { CLI_WORD, 'f', AT(form), 0, 0, forms },
    { CLI_WHOLE, KEY_SIZE, AT(choice.side), 1, MOST_SIDE, NULL },
    { CLI_TEXT, 'o', AT(out), 0, 0, NULL },
    CLI_ONE_ARGUMENT(AT(result), "result file", "evalh export results/demo_vit.h5"),
    { 0 },
};

static const struct argp argp =
    CLI_ARGP(option_table, cli_option, "FILE",
             "Writes the maps of a result file as a run takes them from [maps]: DIR/METHOD.h5 with "
             "/id, /map and, where two classes were explained, /target_map; or DIR/METHOD/ID.npy. "
             "As pictures to look at: DIR/METHOD/ID.png, and ID.target.png of the label.");

static int run_export(void *options)
{
    return cli_run(export_result, options);
}

static const struct options defaults = { .out = "results/maps" };

const struct command command_export = { "export", "maps of a result file, as files", &argp,
                                        CLI_OPTIONS(places, defaults), run_export };
