/* evalh export: the maps of a result file, as files that a run takes maps from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "command.h"
#include "gnuplot.h"
#include "log.h"
#include "map_write.h"
#include "result.h"
#include "suggest.h"

struct options {
    const char *result, *methods, *out;
    bool npy, help;
};

/* The rows that were scored: others have no maps. */
struct rows {
    size_t *row, count;
    const char **id;
};

static enum status list_rows(const struct result *r, struct rows *rows, struct error *err)
{
    rows->row = calloc(r->images + 1, sizeof *rows->row);
    rows->id = calloc(r->images + 1, sizeof *rows->id);
    if (rows->row == NULL || rows->id == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (size_t i = 0; i < r->images; i++)
        if (r->status[i] == 0) {
            rows->row[rows->count] = i;
            rows->id[rows->count++] = r->id[i];
        }
    if (rows->count == 0)
        return fail(err, E_DATA, "%s: no image was scored, so that there are no maps", r->path);
    if (rows->count < r->images)
        log_info("%zu of %zu images were left out of the run and have no maps",
                 r->images - rows->count, r->images);
    return OK;
}

/* The maps of the rows, one behind the other; *out NULL where there is no such class. */
static enum status read_rows(const struct result *r, const struct result_map *m,
                             const struct rows *rows, float **out, struct error *err)
{
    *out = NULL;
    if (m == NULL)
        return OK;
    size_t cells = (size_t)m->grid * (size_t)m->grid;
    TRY(result_read_maps(r, m, out, err));
    for (size_t i = 0; i < rows->count; i++)
        memmove(*out + i * cells, *out + rows->row[i] * cells, cells * sizeof **out);
    return OK;
}

static enum status write_folder(const char *path, const struct rows *rows, size_t side,
                                const float *map, const float *target, struct error *err)
{
    TRY(make_directory(path, err));
    for (size_t i = 0; i < rows->count; i++) {
        TRY(map_folder_write(path, rows->id[i], false, side, map + i * side * side, err));
        if (target != NULL)
            TRY(map_folder_write(path, rows->id[i], true, side, target + i * side * side, err));
    }
    return OK;
}

static enum status write_method(const struct options *o, const struct result *r,
                                const struct rows *rows, const char *method, struct error *err)
{
    const struct result_map *first = result_find_map(r, method, EXPLAINED_PREDICTED);
    const struct result_map *second = result_find_map(r, method, EXPLAINED_TARGET);
    float *map = NULL, *target = NULL;
    char path[4200];
    if (first == NULL || first->agnostic) {
        first = first != NULL ? first : second;
        second = NULL;
    }
    snprintf(path, sizeof path, "%s/%s%s", o->out, method, o->npy ? "" : ".h5");
    enum status status = read_rows(r, first, rows, &map, err);
    if (status == OK)
        status = read_rows(r, second, rows, &target, err);
    size_t side = (size_t)first->grid;
    if (status == OK)
        status = o->npy ? write_folder(path, rows, side, map, target, err)
                        : map_file_write(path, rows->id, rows->count, side, map, target, err);
    if (status == OK)
        log_info("wrote %s: %zu maps of %zu x %zu%s", path, rows->count, side, side,
                 target != NULL ? ", of the prediction and of the label" : "");
    free(map);
    free(target);
    return status;
}

static bool wanted(const struct options *o, const char *method)
{
    size_t length = strlen(method);
    const char *at = o->methods;
    if (at == NULL)
        return true;
    for (; (at = strstr(at, method)) != NULL; at += length)
        if ((at == o->methods || strchr(", ", at[-1]) != NULL) &&
            (at[length] == '\0' || strchr(", ", at[length]) != NULL))
            return true;
    return false;
}

/* Every name of --methods is one of the result's. */
static enum status check_methods(const struct options *o, const struct result *r, struct error *err)
{
    const char *names[64];
    char list[500], *words, *rest;
    size_t count = 0;
    for (size_t i = 0; i < r->maps && count < 64; i++)
        if (i == 0 || strcmp(r->map[i].method, r->map[i - 1].method) != 0)
            names[count++] = r->map[i].method;
    join_words(list, sizeof list, names, count);
    if (count == 0)
        return fail(err, E_DATA, "%s has no maps", r->path);
    words = rest = strdup(o->methods != NULL ? o->methods : "");
    enum status status = words != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    for (char *w; status == OK && (w = strtok_r(rest, ", ", &rest)) != NULL;) {
        size_t k = 0;
        while (k < count && strcmp(names[k], w) != 0)
            k++;
        if (k == count)
            status = fail(err, E_CONFIG, "--methods: %s has no maps of '%s'; it has those of %s",
                          r->path, w, list);
    }
    free(words);
    return status;
}

static enum status export(const struct options *o, bool *begun, struct error *err) {
    struct result *r; struct rows rows = { 0 }; TRY(result_open(o->result, &r, err));
    enum status status = check_methods(o, r, err);
    if (status == OK) status = list_rows(r, &rows, err);
    if (status == OK) status = make_directory(o->out, err);
    *begun = status == OK;
    for (size_t i = 0; status == OK && i < r->maps;
         i++) if ((i == 0 || strcmp(r->map[i].method, r->map[i - 1].method) != 0) &&
                  wanted(o, r->map[i].method))
        status = write_method(o, r, &rows, r->map[i].method, err);
    free(rows.row);
    free(rows.id);
    result_close(r);
    return status;
}

/* ---- the command line ------------------------------------------------------------------------ */

static const struct argp_option option_table[] = {
    { "methods", 'm', "NAME,...", 0, "of these methods (default: all that the result has)", 0 },
    { "format", 'f', "h5|npy", 0,
      "h5: one HDF5 file a method (default); npy: a folder a method, one file an image", 0 },
    { "out", 'o', "DIR", 0, "folder of what is written (default: results/maps)", 0 },
    CLI_HELP_OPTION,
    { 0 }
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct options *o = state->input;
    switch (key) {
    case 'm':
        o->methods = value;
        return 0;
    case 'f':
        o->npy = strcmp(value, "npy") == 0;
        if (o->npy || strcmp(value, "h5") == 0)
            return 0;
        argp_error(state, "--format %s: one of h5, npy is expected", value);
        return EINVAL;
    case 'o':
        o->out = value;
        return 0;
    case CLI_HELP:
        o->help = true;
        return 0;
    default:
        return cli_one(&o->result, key, value, state, o->help, "result file",
                       "evalh export results/demo_vit.h5");
    }
}

static const struct argp argp = {
    .options = option_table,
    .parser = parse_option,
    .args_doc = "FILE",
    .doc = "Writes the maps of a result file as a run takes them from [maps]: DIR/METHOD.h5 with "
           "/id, /map and, where two classes were explained, /target_map; or DIR/METHOD/ID.npy."
};

static int main_export(int argc, char **argv)
{
    struct options o = { .out = "results/maps" };
    struct error err;
    bool begun = false;
    int code;
    if (!cli_parse(&argp, argc, argv, &o, &o.help, &code))
        return code;
    if (export(&o, &begun, &err) == OK)
        return EXIT_DONE;
    log_error("%s", err.text);
    return begun ? EXIT_FAILED : EXIT_USAGE;
}

const struct command command_export = { "export", "maps of a result file, as files", main_export,
                                        &argp };
