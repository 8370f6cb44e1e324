/* The part of a plan that is about run.output: a run writes over nothing that it reads, and over
 * nothing but results. */
#include <stdio.h>
#include <string.h>

#include "place.h"
#include "plan_internal.h"
#include "store.h"

/* A file or folder that the run reads, or NULL. */
struct read_path {
    const char *key, *path;
};

/* The folder of shards, and what it is called while it is removed. */
static const char *const folders[] = { ".parts", ".parts.done" };

static enum status check_input(const struct plan *p, const struct read_path *in, struct error *err)
{
    const char *output = p->v->run.output;
    if (in->path == NULL || in->path[0] == '\0')
        return OK;
    if (same_place(output, in->path))
        return config_fail(p->config, &p->v->run.output, err,
                           "is %s ('%.300s') too, which the run would replace; take another "
                           "run.output",
                           in->key, in->path);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char folder[4200];
        snprintf(folder, sizeof folder, "%.4096s%s", output, folders[i]);
        if (lies_in(in->path, folder))
            return config_fail(p->config, &p->v->run.output, err,
                               "%s ('%.200s') lies in '%.200s', the folder of the run's shards, "
                               "which is removed in the end; take another run.output",
                               in->key, in->path, folder);
    }
    return OK;
}

enum status plan_check_inputs(struct plan *p, struct error *err)
{
    const struct config_values *v = p->v;
    const struct read_path inputs[] = {
        { "the config", config_path(p->config) },
        { "model.checkpoint", v->model.checkpoint },
        { "data.path", v->data.path },
        { "data.root", v->data.root },
        { "data.labels", v->data.labels },
        { "data.devkit", v->data.devkit },
        { "data.classes", v->data.classes },
        { "data.only", v->data.only },
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        TRY(check_input(p, &inputs[i], err));
    for (size_t i = 0; i < v->maps.count; i++) {
        char key[60];
        snprintf(key, sizeof key, "maps.%.40s", v->maps.map[i].name);
        TRY(check_input(p, &(struct read_path){ key, v->maps.map[i].path }, err));
    }
    return OK;
}

enum status plan_check_output(struct plan *p, struct error *err)
{
    if (store_check(p->v->run.output, err) == OK)
        return OK;
    char reason[sizeof err->text];
    memcpy(reason, err->text, sizeof reason);
    return config_fail(p->config, &p->v->run.output, err, "%.600s", reason);
}
