#include <stdio.h>

#include "engine_kinds.h"
#include "log.h"

void engine_know_weights(struct engine_info *info, const struct model *m)
{
    struct engine_weights *w = &info->weights;
    const struct published_entry *entry = NULL;
    const struct geometry *g = &m->geo;
    struct published published;
    struct error err;
    char path[PUBLISHED_PATH];
    if (published_load(published_directory(path), &published, &err) != OK) {
        log_warn("%s; no weights are known without it", err.text);
        published = (struct published){ 0 };
    }
    entry = published_weights(&published, m->checkpoint->sha256, m->checkpoint->path, &w->how);
    if (entry != NULL)
        w->published = *entry;
    published_title(entry, w->how, m->arch, g->width, g->depth, w->title, sizeof w->title);
    snprintf(info->name, sizeof info->name, "%s", entry != NULL ? entry->name : m->arch);
    if (entry != NULL)
        snprintf(info->title, sizeof info->title, "%s", entry->name);
    else
        snprintf(info->title, sizeof info->title, "%s (%d layers, width %d)", m->arch, g->depth,
                 g->width);
    published_free(&published);
}
