#include "config_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "suggest.h"

char *config_hold(struct config *c, const char *text, size_t len)
{
    struct held *h = malloc(sizeof *h + len + 1);
    if (h == NULL)
        return NULL;
    memcpy(h->text, text, len);
    h->text[len] = '\0';
    h->next = c->held;
    c->held = h;
    return h->text;
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    while (c->held != NULL) {
        struct held *next = c->held->next;
        free(c->held);
        c->held = next;
    }
    free(c);
}

const struct config_values *config_values(const struct config *c)
{
    return &c->values;
}

const char *config_path(const struct config *c)
{
    return c->path != NULL ? c->path : "";
}

struct dataset_options config_dataset(const struct config_values *v)
{
    return (struct dataset_options){
        .kind = v->data.kind,
        .path = v->data.path,
        .root = v->data.root,
        .labels = v->data.labels,
        .devkit = v->data.devkit,
        .classes = v->data.classes,
        .checkpoint = v->model.checkpoint,
        .label_base = (int)v->data.label_base,
        .only = v->data.only,
        .image_order = (enum array_order)v->data.image_order,
        .mask_order = (enum array_order)v->data.mask_order,
        .demo_images = (int)v->data.images,
        .demo_seed = (uint64_t)v->data.seed,
        .demo_size = (int)v->data.size,
        .demo_split = v->data.split,
    };
}

static size_t key_of_field(const struct config *c, const void *field)
{
    size_t offset = (size_t)((const char *)field - (const char *)&c->values);
    size_t i = 0;
    while (i < config_key_count && config_keys[i].offset != offset)
        i++;
    assert(i < config_key_count); /* callers may only name fields that are in the table */
    return i;
}

bool config_is_set(const struct config *c, const void *field)
{
    return c->entries[key_of_field(c, field)].line != 0;
}

/* ---- errors ------------------------------------------------------------------------------ */

/* Writes Writes "file:line: ", "--set ", or the file alone where the key is not set. */
static void print_place(const struct config *c, const struct config_entry *e, char *out,
                        size_t size)
{
    out[0] = '\0';
    if (e->line > 0)
        snprintf(out, size, "%.250s:%d: ", e->file, e->line);
    else if (e->line < 0)
        snprintf(out, size, "--set ");
    else if (c->path != NULL)
        snprintf(out, size, "%.250s: ", c->path);
}

static enum status fail_at(const struct config *c, size_t key, struct error *err,
                           const char *format, va_list args)
{
    const struct config_key *k = &config_keys[key];
    const struct config_entry *e = &c->entries[key];
    char what[700], place[320];
    vsnprintf(what, sizeof what, format, args);
    print_place(c, &c->entries[key], place, sizeof place);
    if (e->text == NULL)
        return fail(err, E_CONFIG, "%s%s.%s: %s", place, k->section, k->name, what);
    return fail(err, E_CONFIG, "%s%s.%s = '%.200s'%s: %s", place, k->section, k->name, e->text,
                e->line == 0 ? " (default)" : "", what);
}

enum status config_fail(const struct config *c, const void *field, struct error *err,
                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum status status = fail_at(c, key_of_field(c, field), err, format, args);
    va_end(args);
    return status;
}

enum status config_fail_key(const struct config *c, size_t key, struct error *err,
                            const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum status status = fail_at(c, key, err, format, args);
    va_end(args);
    return status;
}

/* Index of "section.name"; config_key_count: there is none. */
static size_t key_of_name(const char *name)
{
    size_t i = 0;
    for (; i < config_key_count; i++) {
        size_t section = strlen(config_keys[i].section);
        if (strncmp(config_keys[i].section, name, section) == 0 && name[section] == '.' &&
            strcmp(config_keys[i].name, name + section + 1) == 0)
            break;
    }
    return i;
}

enum status config_blame(const struct config *c, const void *field, struct error *err)
{
    char place[320];
    const struct config_entry *map = config_map_entry(c, err->key);
    if (map != NULL) {
        print_place(c, map, place, sizeof place);
        return fail_prefix(err, "%s%s = '%.200s': ", place, err->key, map->text);
    }
    size_t key = key_of_name(err->key);
    bool named = key < config_key_count;
    if (!named && field == NULL)
        return err->code;
    if (!named)
        key = key_of_field(c, field);
    const struct config_entry *e = &c->entries[key];
    print_place(c, &c->entries[key], place, sizeof place);
    if (!named || e->text == NULL)
        return fail_prefix(err, "%s%s.%s: ", place, config_keys[key].section,
                           config_keys[key].name);
    return fail_prefix(err, "%s%s.%s = '%.200s'%s: ", place, config_keys[key].section,
                       config_keys[key].name, e->text, e->line == 0 ? " (default)" : "");
}

int config_lookup(const char *place, const char *section, const char *name, struct error *err)
{
    const char *sections[CONFIG_KEYS_MAX], *names[CONFIG_KEYS_MAX];
    size_t section_count = 0, name_count = 0;
    const char *elsewhere = NULL;
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *k = &config_keys[i];
        if (section_count == 0 || strcmp(sections[section_count - 1], k->section) != 0)
            sections[section_count++] = k->section;
        if (strcmp(k->section, section) == 0) {
            if (strcmp(k->name, name) == 0)
                return (int)i;
            names[name_count++] = k->name;
        } else if (strcmp(k->name, name) == 0) {
            elsewhere = k->section;
        }
    }
    char list[400];
    if (name_count == 0) {
        join_words(list, sizeof list, sections, section_count);
        const char *near = suggest(section, sections, section_count);
        fail(err, E_CONFIG, "%s: unknown section [%.60s]%s%s%s; sections are %s", place, section,
             near ? "; did you mean [" : "", near ? near : "", near ? "]?" : "", list);
    } else if (elsewhere != NULL) {
        fail(err, E_CONFIG, "%s: unknown key '%s' in [%s]; it belongs into [%s]", place, name,
             section, elsewhere);
    } else {
        join_words(list, sizeof list, names, name_count);
        const char *near = suggest(name, names, name_count);
        fail(err, E_CONFIG, "%s: unknown key '%.60s' in [%s]%s%s%s; keys there are %s", place, name,
             section, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "", list);
    }
    return -1;
}

/* ---- the whole ---------------------------------------------------------------------------- */

enum status config_new(struct config **out, struct error *err)
{
    _Static_assert(sizeof(struct held) % sizeof(void *) == 0, "held words must be aligned");
    *out = NULL;
    assert(config_key_count <= CONFIG_KEYS_MAX);
    struct config *c = calloc(1, sizeof *c);
    if (c == NULL)
        return fail(err, E_NOMEM, "out of memory reading the config");
    for (size_t i = 0; i < config_key_count; i++) {
        if (config_keys[i].initial == NULL)
            continue;
        enum status status = config_assign(c, (int)i, config_keys[i].initial, NULL, 0, err);
        if (status != OK) {
            config_free(c);
            return status;
        }
    }
    *out = c;
    return OK;
}

enum status config_set(struct config *c, const char *assignment, struct error *err)
{
    const char *equals = strchr(assignment, '=');
    const char *dot = strchr(assignment, '.');
    if (equals == NULL || dot == NULL || dot > equals || equals - assignment > 120)
        return fail(err, E_CONFIG, "--set '%.100s': wants section.key=value", assignment);
    char place[140], section[128], name[128];
    snprintf(section, sizeof section, "%.*s", (int)(dot - assignment), assignment);
    snprintf(name, sizeof name, "%.*s", (int)(equals - dot - 1), dot + 1);
    snprintf(place, sizeof place, "--set %.*s", (int)(equals - assignment), assignment);
    if (config_is_maps(section))
        return config_assign_map(c, place, name, equals + 1, NULL, -1, err);
    int key = config_lookup(place, section, name, err);
    if (key < 0)
        return E_CONFIG;
    return config_assign(c, key, equals + 1, NULL, -1, err);
}

enum status config_finish(struct config *c, struct error *err)
{
    struct config_values *v = &c->values;
    char pending[sizeof err->text] = "";
    for (size_t i = 0, used = 0; i < config_key_count; i++)
        if (c->entries[i].pending != NULL && used < sizeof pending)
            used += (size_t)snprintf(pending + used, sizeof pending - used, "%s%s",
                                     used > 0 ? "; " : "", c->entries[i].pending);
    if (pending[0] != '\0')
        return fail(err, E_CONFIG, "%s", pending);
    if (v->run.name == NULL) {
        const char *slash = c->path != NULL ? strrchr(c->path, '/') : NULL;
        const char *stem = slash != NULL ? slash + 1 : c->path != NULL ? c->path : "run";
        const char *dot = strrchr(stem, '.');
        size_t len = dot != NULL && dot != stem ? (size_t)(dot - stem) : strlen(stem);
        v->run.name = config_hold(c, stem, len);
    }
    if (v->run.name == NULL)
        return fail(err, E_NOMEM, "out of memory reading the config");
    if (strchr(v->run.name, '/') != NULL)
        return config_fail(c, &v->run.name, err, "a name has no '/'; a path belongs into output");
    c->entries[key_of_field(c, &v->run.name)].text = v->run.name;
    if (v->run.output == NULL) {
        char path[4200];
        int n = snprintf(path, sizeof path, "results/%s.h5", v->run.name);
        v->run.output = config_hold(c, path, (size_t)n);
        if (v->run.output == NULL)
            return fail(err, E_NOMEM, "out of memory reading the config");
        c->entries[key_of_field(c, &v->run.output)].text = v->run.output;
    }
    return OK;
}
