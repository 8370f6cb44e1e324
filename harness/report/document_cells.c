#include "document.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

void say(const struct writer *w, block write, const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    write(w->f, length < 0 ? "(no memory for this line)" : text);
    if (length >= 0)
        free(text);
}

/* --- cells ----------------------------------------------------------------------------------- */

void number_cell(struct grid *g, double value)
{
    char text[DECIMAL_SIZE];
    grid_cell(g, "%s", decimal(text, value, 2));
}

void interval_cell(struct grid *g, struct interval ci)
{
    char low[DECIMAL_SIZE], high[DECIMAL_SIZE];
    if (isnan(ci.low))
        grid_cell(g, "–");
    else
        grid_cell(g, "[%s, %s]", decimal(low, ci.low, 2), decimal(high, ci.high, 2));
}

void difference_cell(struct grid *g, double difference)
{
    char text[DECIMAL_SIZE];
    grid_cell(g, "%s", decimal_signed(text, difference, 2));
}

/* Our figure, its interval, the published figure (marked where its conditions differ), and the
 * difference (where they do not). */
void figure_cells(struct grid *g, const struct figure *f)
{
    char text[DECIMAL_SIZE];
    number_cell(g, f->value);
    interval_cell(g, f->ci);
    if (isnan(f->published))
        grid_cell(g, "n/a");
    else
        grid_cell(g, "%s%s", decimal(text, f->published, 2), f->same_conditions ? "" : "†");
    difference_cell(g, f->same_conditions ? f->value - f->published : NAN);
}

/* Whether one row stands for both classes, because the method does not depend on the class. */
bool row_hidden(enum explained explained, bool agnostic)
{
    return agnostic && explained == EXPLAINED_TARGET;
}

void name_cells(struct grid *g, const char *method, enum explained explained, bool agnostic)
{
    grid_cell(g, "%s", method);
    grid_cell(g, "%s", agnostic ? "both" : explained_names[explained]);
}

void header_cells(struct grid *g, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        grid_cell(g, "%s", names[i]);
}

/* Hides columns that are empty in every row, such as published figures where nothing was published;
 * the note below the table says why there are none. */
static bool column_empty(const struct grid *g, size_t column)
{
    const char *head = grid_at(g, 0, column);
    if (strcmp(head, "published") != 0 && strcmp(head, "diff") != 0 &&
        strcmp(head, DROPPED_HEAD) != 0)
        return false;
    for (size_t row = 1; row < grid_rows(g); row++)
        if (strcmp(grid_at(g, row, column), "n/a") != 0 &&
            strcmp(grid_at(g, row, column), "–") != 0)
            return false;
    return true;
}

/* Writes a table with its caption and frees it. */
void put_table(const struct writer *w, struct grid *g, bool *failed, const char *format, ...)
{
    char caption[1200];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(caption, 512, format, arguments);
    va_end(arguments);
    if (w->doubt != NULL && length >= 0)
        snprintf(caption + strlen(caption), sizeof caption - strlen(caption), " (DOUBTFUL: %s)",
                 w->doubt);
    for (size_t c = g->columns; !g->failed && c-- > 0;)
        if (column_empty(g, c))
            grid_drop_column(g, c);
    if (g->failed)
        *failed = true;
    else
        w->style->text.table(w->f, caption, g);
    grid_end(g);
}
