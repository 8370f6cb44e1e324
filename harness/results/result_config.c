#include "result_config.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>

static int on_key(void *context, const char *section, const char *name, const char *value)
{
    struct config *config = context;
    char assignment[4600];
    struct error ignored; /* keys that this version does not know do not concern the data */
    bool wanted = strcmp(section, "data") == 0 || strcmp(section, "model") == 0;
    int length = snprintf(assignment, sizeof assignment, "%s.%s=%s", section, name, value);
    if (wanted && length > 0 && (size_t)length < sizeof assignment)
        config_set(config, assignment, &ignored);
    return 1;
}

enum status result_config(const struct result *r, struct config **out, struct error *err)
{
    TRY(config_new(out, err));
    ini_parse_string(r->attribute[ATTR_CONFIG], on_key, *out);
    return OK;
}

struct wanted_key {
    const char *section, *name;
    char *out;
    size_t size;
};

static int on_wanted_key(void *context, const char *section, const char *name, const char *value)
{
    const struct wanted_key *w = context;
    if (strcmp(section, w->section) == 0 && strcmp(name, w->name) == 0)
        snprintf(w->out, w->size, "%s", value);
    return 1;
}

void result_config_value(const struct result *r, const char *section, const char *name, char *out,
                         size_t size)
{
    struct wanted_key wanted = { section, name, out, size };
    out[0] = '\0';
    ini_parse_string(r->attribute[ATTR_CONFIG], on_wanted_key, &wanted);
}
