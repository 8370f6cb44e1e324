#include "csv.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "quote.h"

/* Whether a spreadsheet would take a text for a formula: what begins so and is no number. */
static bool looks_like_formula(const char *text)
{
    char *end;
    text += strspn(text, " \t\n");
    if (*text == '\0' || !strchr("=+-@", *text))
        return false;
    strtod(text, &end);
    return end == text || *end != '\0';
}

void csv_field(FILE *f, const char *text)
{
    char *safe = quote_copy(text);
    const char *shown = safe != NULL ? safe : "(no memory for this text)";
    bool plain = !strpbrk(shown, ",\"\n");
    fputs(plain ? "" : "\"", f);
    fputs(looks_like_formula(shown) ? "'" : "", f);
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
