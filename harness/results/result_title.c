#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "result.h"

enum { LONGEST = 24 }; /* letters of a checkpoint's name: titles have one line */

static int on_key(void *context, const char *section, const char *name, const char *value)
{
    char *split = context;
    if (strcmp(section, "data") == 0 && strcmp(name, "split") == 0)
        snprintf(split, 32, "%s", value);
    return 1;
}

void result_title(const struct result *r, char *out, size_t size)
{
    const char *arch = r->attribute[ATTR_ARCH], *data = r->attribute[ATTR_DATASET];
    const char *slash = strrchr(r->attribute[ATTR_CHECKPOINT], '/');
    const char *checkpoint = slash ? slash + 1 : r->attribute[ATTR_CHECKPOINT];
    char split[32] = "";
    int stem = (int)strcspn(checkpoint, ".");
    stem = stem < LONGEST ? stem : LONGEST;

    if (strcmp(data, "demo") == 0)
        ini_parse_string(r->attribute[ATTR_CONFIG], on_key, split);
    bool named = strchr(arch, '_') != NULL; /* vim_small: one of the published geometries */
    bool plain = !*split || strcmp(split, "plain") == 0;
    snprintf(out, size, "%s%s%.*s%s on %s%s%s%s", arch, named || !stem ? "" : " (",
             named ? 0 : stem, checkpoint, named || !stem ? "" : ")", data, plain ? "" : " (",
             plain ? "" : split, plain ? "" : " split)");
}
