#include "result_config.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>

static int on_key(void *context, const char *section, const char *name, const char *value)
{
    struct config *config = context;
    char assignment[4600];
    struct error ignored; /* a key that this evalh does not know says nothing about the data */
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
