#include "csv.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "quote.h"

void csv_field(FILE *f, const char *text)
{
    char *safe = quote_copy(text);
    const char *shown = safe != NULL ? safe : "(no memory for this text)";
    bool plain = !strpbrk(shown, ",\"\n");
    fputs(plain ? "" : "\"", f);
    for (; *shown; shown++)
        fprintf(f, *shown == '"' ? "\"\"" : "%c", *shown);
    fputs(plain ? "" : "\"", f);
    free(safe);
}

void csv_number(FILE *f, double value)
{
    if (isnan(value))
        fputc(',', f);
    else
        fprintf(f, ",%.10g", value);
}
