/* Which published checkpoint a plan's model is: by the hash of its file, never by its shapes. */
#include <stdio.h>

#include "log.h"
#include "plan_internal.h"

enum status plan_know_weights(struct plan *p, struct error *err)
{
    struct plan_weights *w = &p->weights;
    const struct engine_info *info = &p->engine->info;
    const struct model *m = engine_model(p->engine);
    struct published published;
    if (m == NULL) { /* nothing was published of a model that only its engine knows */
        snprintf(w->name, sizeof w->name, "%s", info->name);
        snprintf(w->title, sizeof w->title, "%s", info->title);
        return OK;
    }
    const struct published_entry *entry = NULL;
    char path[PUBLISHED_PATH];
    if (published_load(published_directory(path), &published, err) != OK) {
        log_warn("%s; no weights are known without it", err->text);
        published = (struct published){ 0 };
    }
    entry = published_weights(&published, m->checkpoint->sha256, m->checkpoint->path, &w->how);
    if (entry != NULL)
        w->published = *entry;
    snprintf(w->name, sizeof w->name, "%s", entry != NULL ? entry->name : m->arch);
    published_title(entry, w->how, m->arch, m->geo.width, m->geo.depth, w->title, sizeof w->title);
    published_free(&published);
    return OK;
}
