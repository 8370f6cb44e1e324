#include <stdio.h>
#include <string.h>

#include "result.h"
#include "result_config.h"

enum { LONGEST = 24 }; /* letters of a checkpoint's name: titles have one line */

void result_model(const struct result *r, char *out, size_t size)
{
    const char *arch = r->attribute[ATTR_ARCH];
    const char *slash = strrchr(r->attribute[ATTR_CHECKPOINT], '/');
    const char *checkpoint = slash ? slash + 1 : r->attribute[ATTR_CHECKPOINT];
    int stem = (int)strcspn(checkpoint, ".");
    stem = stem < LONGEST ? stem : LONGEST;
    if (strchr(arch, '_') != NULL || stem == 0) /* vim_small: one of the published geometries */
        snprintf(out, size, "%s", arch);
    else
        snprintf(out, size, "%s (%.*s)", arch, stem, checkpoint);
}

void result_title(const struct result *r, char *out, size_t size)
{
    const char *data = r->attribute[ATTR_DATASET];
    char split[32] = "", model[RESULT_TITLE_SIZE];
    if (strcmp(data, "demo") == 0)
        result_config_value(r, "data", "split", split, sizeof split);
    bool plain = !*split || strcmp(split, "plain") == 0;
    result_model(r, model, sizeof model);
    snprintf(out, size, "%s on %s%s%s%s", model, data, plain ? "" : " (", plain ? "" : split,
             plain ? "" : " split)");
}
