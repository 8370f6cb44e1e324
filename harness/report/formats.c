#include "format.h"

#include <string.h>

const struct format *const formats[] = { &format_md,   &format_csv,  &format_latex,
                                         &format_json, &format_html, NULL };

const struct format *format_find(const char *name)
{
    for (size_t i = 0; formats[i]; i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}
