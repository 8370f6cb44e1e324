#include "csv.h"

#include <math.h>
#include <string.h>

void csv_field(FILE *f, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, f);
        return;
    }
    fputc('"', f);
    for (; *text; text++)
        fprintf(f, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', f);
}

void csv_number(FILE *f, double value)
{
    if (isnan(value))
        fputc(',', f);
    else
        fprintf(f, ",%.10g", value);
}
