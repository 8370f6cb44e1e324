/* The part of a plan that comes from files of maps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "plan_internal.h"
#include "task.h"

int plan_find_map(const struct plan *p, const char *name)
{
    const struct config_maps *m = &p->v->maps;
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->map[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* An entry of [maps] that explain.methods does not name is a mistake. */
static enum status check_names(const struct plan *p, struct error *err)
{
    for (size_t i = 0; i < p->v->maps.count; i++) {
        const char *name = p->v->maps.map[i].name;
        char key[48];
        int k = 0;
        while (k < p->method_count && strcmp(p->wanted[k], name) != 0)
            k++;
        if (k < p->method_count)
            continue;
        snprintf(key, sizeof key, "maps.%.40s", name);
        fail_key(err, E_CONFIG, key, "explain.methods does not name it; add '%s' there", name);
        return config_blame(p->config, NULL, err);
    }
    return OK;
}

/* A task that explains changed images would need maps that no file has. */
static enum status check_tasks(const struct plan *p, const char *name, struct error *err)
{
    for (int i = 0; i < p->task_count; i++)
        if (p->tasks[i]->cost.explanations != NULL)
            return config_fail(
                p->config, &p->v->task.kinds, err,
                "%s explains changed images or models, and the maps of '%s' are in a file, "
                "which has none of those",
                p->tasks[i]->name, name);
    return OK;
}

static enum status open_map(struct plan *p, int method, int map, struct error *err)
{
    const struct config_map *m = &p->v->maps.map[map];
    char key[48];
    TRY(check_tasks(p, m->name, err));
    enum status status =
        map_file_open(m->path, p->engine->info.image_size, (const char *const *)p->data->ids,
                      p->data->count, &p->files[method], err);
    if (status != OK) {
        snprintf(key, sizeof key, "maps.%.40s", m->name);
        struct error reason = *err;
        fail_key(err, E_CONFIG, key, "%s", reason.text);
        return config_blame(p->config, NULL, err);
    }
    const struct map_info *info = map_file_info(p->files[method]);
    p->from_file[method] = (struct engine_method){ .name = m->name,
                                                   .summary = "maps from a file",
                                                   .class_agnostic = !info->has_target,
                                                   .side = info->side };
    config_set_map_hash(p->config, (size_t)map, info->sha256);
    size_t missing, twice;
    map_file_count(p->files[method], (const char *const *)p->data->ids, p->images, &missing,
                   &twice);
    if (missing + twice > 0)
        log_warn("maps.%s: of %zu images %zu have no map in %s, and %zu more than one; they will "
                 "be left out of every method's scores",
                 m->name, p->images, missing, m->path, twice);
    return OK;
}

enum status plan_open_maps(struct plan *p, struct error *err)
{
    TRY(check_names(p, err));
    for (int i = 0; i < p->method_count; i++) {
        int map = plan_find_map(p, p->wanted[i]);
        if (map >= 0)
            TRY(open_map(p, i, map, err));
    }
    return OK;
}

/* Whether the maps of image `index` can all be read into `map`. */
static enum status try_maps(const struct plan *p, size_t index, float *map, struct error *err)
{
    for (int m = 0; m < p->method_count; m++)
        for (int c = 0; p->files[m] != NULL && c < CLASS_CHOICES; c++)
            if (p->classes[c] && plan_has_own(p, m, (enum class_choice)c))
                TRY(map_file_read(p->files[m], p->data->ids[index], c == CLASS_TARGET, map, err));
    return OK;
}

static enum status judge_maps(const struct plan *p, size_t bad, const struct error *first,
                              struct error *err)
{
    double share = p->images > 0 ? (double)bad / (double)p->images : 0;
    if (share > p->v->data.max_unreadable)
        return fail(err, E_DATA,
                    "%zu of %zu images would be left out for lack of a map, %.3g %%; "
                    "data.max_unreadable allows %.3g %%; the first: %s",
                    bad, p->images, 100 * share, 100 * p->v->data.max_unreadable, first->text);
    if (bad > 0)
        log_warn("%zu of %zu images would be left out for lack of a map; the first: %s", bad,
                 p->images, first->text);
    return OK;
}

enum status plan_check_maps(const struct plan *p, struct error *err)
{
    size_t cells = 0, bad = 0;
    struct error first = { 0 }, own;
    for (int m = 0; m < p->method_count; m++) {
        size_t side = p->files[m] != NULL ? (size_t)map_file_info(p->files[m])->side : 0;
        cells = side * side > cells ? side * side : cells;
    }
    float *map = malloc((cells + 1) * sizeof *map);
    enum status status = map != NULL ? OK : fail(err, E_NOMEM, "out of memory for a map");
    for (size_t i = 0; i < p->images && cells > 0 && status == OK; i++) {
        enum status had = try_maps(p, i, map, &own);
        if (had == E_DATA && bad++ == 0)
            first = own;
        else if (had != OK && had != E_DATA) {
            *err = own;
            status = had;
        }
    }
    free(map);
    return status == OK ? judge_maps(p, bad, &first, err) : status;
}
