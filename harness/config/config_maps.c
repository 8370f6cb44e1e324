/* [maps]: files of heat maps, each under a name that the user chooses. */
#include "config_internal.h"

const char config_maps_help[] =
    "file of maps, HDF5 with /id and /map [images, height, width], or a "
    "folder of ID.npy; no side larger than the model's images: NAME "
    "may then stand among explain.methods. `evalh export` writes such "
    "files";

#include <ctype.h>
#include <stdio.h>
#include <string.h>

bool config_is_maps(const char *section)
{
    return strcmp(section, "maps") == 0;
}

static bool is_name(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && strchr("_-+.", name[i]) == NULL)
            return false;
    return length > 0 && length < 40;
}

enum status config_assign_map(struct config *c, const char *place, const char *name,
                              const char *value, const char *file, int line, struct error *err)
{
    struct config_maps *m = &c->values.maps;
    char text[CONFIG_VALUE], why[300];
    size_t i = 0;
    if (!is_name(name))
        return fail(err, E_CONFIG,
                    "%s: maps.%.60s: a name has 1 to 39 letters, digits, '_', '-', '+' or '.'",
                    place, name);
    while (i < m->count && strcmp(m->map[i].name, name) != 0)
        i++;
    if (i < m->count && line > 0)
        return fail(err, E_CONFIG, "%s: maps.%s is there twice; first on line %d", place, name,
                    c->map_entries[i].line);
    if (i == CONFIG_MAPS)
        return fail(err, E_CONFIG, "%s: more than %d files of maps", place, CONFIG_MAPS);
    if (!config_expand(c, value, text, why, sizeof why))
        return fail(err, E_CONFIG, "%s: maps.%s = '%.200s': %s", place, name, value, why);
    if (*text == '\0')
        return fail(err, E_CONFIG, "%s: maps.%s: an HDF5 file or a folder of .npy files is wanted",
                    place, name);
    const char *wrong = config_unwritable(text);
    if (wrong != NULL)
        return fail(err, E_CONFIG, "%s: maps.%s = '%.200s': %s", place, name, text, wrong);
    m->map[i].name = config_hold(c, name, strlen(name));
    m->map[i].path = config_hold(c, text, strlen(text));
    c->map_entries[i] = (struct config_entry){ .text = m->map[i].path, .file = file, .line = line };
    if (m->map[i].name == NULL || m->map[i].path == NULL)
        return fail(err, E_NOMEM, "out of memory reading the config");
    m->count += i == m->count;
    return OK;
}

const struct config_entry *config_map_entry(const struct config *c, const char *key)
{
    for (size_t i = 0; strncmp(key, "maps.", 5) == 0 && i < c->values.maps.count; i++)
        if (strcmp(key + 5, c->values.maps.map[i].name) == 0)
            return &c->map_entries[i];
    return NULL;
}

void config_set_map_hash(struct config *c, size_t map, const char *sha256)
{
    snprintf(c->values.maps.map[map].sha256, sizeof c->values.maps.map[map].sha256, "%s", sha256);
}
