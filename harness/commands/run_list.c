#include "run_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"
#include "open_file.h"
#include "place.h"
#include "sizes.h"

static const char *const endings[] = { ".pth", ".pt", ".safetensors", ".bin", ".ckpt" };
enum { ENDINGS = sizeof endings / sizeof *endings, TAG_SIZE = 160 };

/* Length of a path without the ending of a checkpoint's name. */
static size_t stem_length(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < ENDINGS; i++) {
        size_t ending = strlen(endings[i]);
        if (length > ending && strcmp(path + length - ending, endings[i]) == 0)
            return length - ending;
    }
    return length;
}

bool run_list_is_checkpoint(const char *path)
{
    unsigned char head[256];
    FILE *f;
    if (open_file(path, "", &f, NULL) != OK)
        return stem_length(path) < strlen(path);
    size_t count = fread(head, 1, sizeof head, f);
    fclose(f);
    for (size_t i = 0; i < count; i++)
        if (head[i] < ' ' && strchr("\t\n\v\f\r\x1b", head[i]) == NULL)
            return true;
        else if (head[i] == '\0')
            return true;
    return false;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Makes the last `parts` parts of a path into a part of a file name. */
static void make_tag(const char *path, size_t parts, bool ending, char out[TAG_SIZE])
{
    size_t end = ending ? strlen(path) : stem_length(path), begin = end;
    while (begin > 0 && (path[begin - 1] != '/' || --parts > 0))
        begin--;
    snprintf(out, TAG_SIZE, "%.*s", (int)(end - begin), path + begin);
    for (char *p = out; *p != '\0'; p++)
        if (strchr("=/ \t", *p) != NULL)
            *p = '-';
}

static bool tag_is_unique(const char *const *paths, size_t count, size_t at, size_t parts,
                          bool ending)
{
    char own[TAG_SIZE], other[TAG_SIZE];
    make_tag(paths[at], parts, ending, own);
    for (size_t i = 0; i < count; i++) {
        make_tag(paths[i], parts, ending, other);
        if (i != at && strcmp(own, other) == 0)
            return false;
    }
    return true;
}

/* The shortest tag that distinguishes a path from the others; the file name where the same path is
 * given twice. */
static void short_tag(const char *const *paths, size_t count, size_t at, char out[TAG_SIZE])
{
    size_t most = 1;
    for (const char *p = paths[at]; *p != '\0'; p++)
        most += *p == '/';
    for (int ending = 0; ending < 2; ending++)
        for (size_t parts = 1; parts <= most; parts++)
            if (tag_is_unique(paths, count, at, parts, ending != 0)) {
                make_tag(paths[at], parts, ending != 0, out);
                return;
            }
    make_tag(paths[at], 1, false, out);
}

/* Sets run.name and run.output of a run that is one of several; `tag` distinguishes it from the
 * others. */
static enum status name_apart(struct config *c, const char *name, const char *output,
                              const char *tag, struct error *err)
{
    char text[4600];
    snprintf(text, sizeof text, "run.name=%s-%s", name, tag);
    TRY(config_set(c, text, err));
    size_t stem = strlen(output);
    if (stem > 3 && strcmp(output + stem - 3, ".h5") == 0)
        stem -= 3;
    snprintf(text, sizeof text, "run.output=%.*s-%s.h5", (int)stem, output, tag);
    return config_set(c, text, err);
}

/* ---- configs --------------------------------------------------------------------------------- */

/* What the runs of one config and one checkpoint have in common. */
struct origin {
    const struct run_words *words;
    const char *path;
    const char *checkpoint, *tag; /* NULL: as the config says */
};

static enum status read_config(const struct origin *o, struct config **out, struct error *err)
{
    const struct run_words *w = o->words;
    TRY(config_new(out, err));
    TRY(config_read(*out, o->path, err));
    for (size_t i = 0; i < w->override_count; i++)
        TRY(config_set(*out, w->settings[i], err));
    return w->limit[0] != '\0' ? config_set(*out, w->limit, err) : OK;
}

/* Takes name and output of the config alone, from a finished copy of it. */
static enum status set_checkpoint(const struct origin *o, struct config *c, struct error *err)
{
    char text[4600];
    struct config *plain = NULL;
    enum status status = read_config(o, &plain, err);
    if (status == OK)
        status = config_finish(plain, err);
    if (status == OK) {
        const struct config_values *v = config_values(plain);
        status = name_apart(c, v->run.name, v->run.output, o->tag, err);
    }
    config_free(plain);
    TRY(status);
    if (snprintf(text, sizeof text, "model.checkpoint=%s", o->checkpoint) >= (int)sizeof text)
        return fail(err, E_CONFIG, "a path of more than %zu characters", sizeof text);
    return config_set(c, text, err);
}

/* Adds a run whose config is not finished yet. */
static enum status add_run(const struct origin *o, struct run_list *all, struct config **out,
                           struct error *err)
{
    if (!grow_array(&all->item, &all->room, all->count, sizeof *all->item))
        return fail(err, E_NOMEM, "out of memory");
    struct run_item *item = &all->item[all->count++];
    *item = (struct run_item){ .config = NULL };
    enum status status = read_config(o, &item->config, err);
    *out = item->config;
    return status == OK && o->checkpoint != NULL ? set_checkpoint(o, *out, err) : status;
}

/* Adds one of run.vary's runs; its name and output tell what it sets. */
static enum status set_variant(struct config *c, const struct config_values *base,
                               const char *assignment, struct error *err)
{
    char tag[TAG_SIZE], text[4600], value[TAG_SIZE];
    size_t key = strcspn(assignment, "=");
    const char *dot = memchr(assignment, '.', key);
    const char *name = dot != NULL ? dot + 1 : assignment;
    make_tag(assignment, 1, false, value); /* of a path, its last part */
    if (strchr(name, '/') != NULL)
        snprintf(tag, sizeof tag, "%.*s-%.100s", (int)strcspn(name, "="), name, value);
    else
        make_tag(name, 1, true, tag);
    snprintf(text, sizeof text, "%s%s", dot != NULL ? "" : "explain.", assignment);
    TRY(config_set(c, text, err));
    TRY(name_apart(c, base->run.name, base->run.output, tag, err));
    return config_finish(c, err);
}

/* Adds the runs of one config file: the config itself and those of its run.vary. */
static enum status read_configs(const struct origin *o, struct run_list *all, struct error *err)
{
    struct config *base = NULL, *variant = NULL;
    TRY(add_run(o, all, &base, err));
    TRY(config_finish(base, err));
    const struct words *vary = &config_values(base)->run.vary;
    for (size_t i = 0; i < vary->count; i++) {
        TRY(add_run(o, all, &variant, err));
        if (set_variant(variant, config_values(base), vary->word[i], err) != OK)
            return config_blame(base, vary, err);
    }
    return OK;
}

/* Whether `path` is the folder of shards of the output at `place`, or lies in it. */
static bool is_of_shards(const char *path, const char *place)
{
    static const char parts[] = ".parts";
    size_t length = strlen(place), tail = strlen(parts);
    return strncmp(path, place, length) == 0 && strncmp(path + length, parts, tail) == 0 &&
           (path[length + tail] == '/' || path[length + tail] == '\0');
}

/* places: where the outputs lead. */
static enum status compare_outputs(const struct run_list *all, char *const *places, size_t i,
                                   struct error *err)
{
    const struct config *c = all->item[i].config;
    const struct config_values *v = config_values(c);
    for (size_t k = 0; k < i; k++) {
        const struct config *before = all->item[k].config;
        const char *output = config_values(before)->run.output;
        bool spelt_alike = strcmp(v->run.output, output) == 0;
        if (strcmp(places[i], places[k]) == 0)
            return config_fail(c, &v->run.output, err,
                               "is the output of %s too%s%.300s%s; each run wants its own",
                               config_path(before), spelt_alike ? "" : " ('",
                               spelt_alike ? "" : output, spelt_alike ? "" : "')");
        if (is_of_shards(places[i], places[k]) || is_of_shards(places[k], places[i]))
            return config_fail(c, &v->run.output, err,
                               "one of it and the output of %s ('%.300s') is the folder of the "
                               "other's shards, or lies in it; each run wants its own",
                               config_path(before), output);
    }
    return OK;
}

/* Whatever their spelling, and through links: two runs do not write to one place. */
static enum status check_outputs(const struct run_list *all, struct error *err)
{
    char **places = calloc(all->count + 1, sizeof *places);
    enum status status = places != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    for (size_t i = 0; status == OK && i < all->count; i++) {
        const char *output = config_values(all->item[i].config)->run.output;
        if ((places[i] = place_of(output)) == NULL) /* links in a circle: refused later */
            places[i] = strdup(output);
        status = places[i] != NULL ? compare_outputs(all, places, i, err)
                                   : fail(err, E_NOMEM, "out of memory");
    }
    for (size_t i = 0; places != NULL && i < all->count; i++)
        free(places[i]);
    free(places);
    return status;
}

static enum status read_all(const struct run_words *w, const char *const *configs,
                            size_t config_count, const char *const *checkpoints,
                            size_t checkpoint_count, struct run_list *out, struct error *err)
{
    for (size_t i = 0; i < config_count; i++)
        for (size_t k = 0; k < (checkpoint_count > 0 ? checkpoint_count : 1); k++) {
            char tag[TAG_SIZE];
            struct origin o = { .words = w, .path = configs[i] };
            if (checkpoint_count > 0) {
                short_tag(checkpoints, checkpoint_count, k, tag);
                o.checkpoint = checkpoints[k];
                o.tag = tag;
            }
            TRY(read_configs(&o, out, err));
        }
    return check_outputs(out, err);
}

enum status run_list_read(const struct run_words *w, struct run_list *out, struct error *err)
{
    const char **configs = calloc(w->file_count + 1, sizeof *configs);
    const char **checkpoints = calloc(w->file_count + 1, sizeof *checkpoints);
    size_t config_count = 0, checkpoint_count = 0;
    enum status status = OK;
    *out = (struct run_list){ 0 };
    if (configs == NULL || checkpoints == NULL)
        status = fail(err, E_NOMEM, "out of memory");
    for (size_t i = 0; status == OK && i < w->file_count; i++)
        if (run_list_is_checkpoint(w->files[i]))
            checkpoints[checkpoint_count++] = w->files[i];
        else
            configs[config_count++] = w->files[i];
    if (status == OK && config_count == 0)
        status = fail(err, E_CONFIG,
                      "no config is given, but checkpoints alone: a config says what is done with "
                      "them; try: evalh run configs/demo_vim.ini %s",
                      w->file_count > 0 ? w->files[0] : "");
    if (status == OK)
        status = read_all(w, configs, config_count, checkpoints, checkpoint_count, out, err);
    FREE_ALL(configs, checkpoints);
    return status;
}

void run_list_free(struct run_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        config_free(l->item[i].config);
    free(l->item);
    *l = (struct run_list){ 0 };
}
