#include "panel.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "colour.h"
#include "free_all.h"
#include "gnuplot.h"
#include "svg.h"

/* Distances on the panel, cm; text is 9 pt. */
static const double gap = 0.25, line = 0.48, title_room = 0.62, edge = 0.3, row_title_room = 0.6,
                    scale_room = 2.3, scale_width = 0.3, tic_room = 0.75, letter_width = 0.165;
enum { SCALE_STEPS = 256 };

enum status panel_open(struct panel *s, int rows, int columns, struct error *err)
{
    *s = (struct panel){ .rows = rows, .columns = columns, .cell_cm = 3.6 };
    s->cells = calloc((size_t)rows * (size_t)columns, sizeof *s->cells);
    s->row_titles = calloc((size_t)rows, sizeof *s->row_titles);
    if (s->cells != NULL && s->row_titles != NULL)
        return OK;
    panel_close(s);
    return fail(err, E_NOMEM, "no memory for a figure of %d x %d pictures", rows, columns);
}

void panel_close(struct panel *s)
{
    for (int i = 0; s->cells != NULL && i < s->rows * s->columns; i++)
        free(s->cells[i].rgb);
    FREE_ALL(s->cells, s->row_titles);
    *s = (struct panel){ 0 };
}

uint8_t *panel_picture(struct panel *s, int row, int column, int side)
{
    struct panel_cell *c = &s->cells[row * s->columns + column];
    free(c->rgb);
    c->rgb = malloc((size_t)side * (size_t)side * 3);
    c->side = side;
    return c->rgb;
}

void panel_blocks(const float *values, int from, int times, uint8_t *rgb)
{
    size_t side = (size_t)from * (size_t)times;
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++) {
            size_t at = y / (size_t)times * (size_t)from + x / (size_t)times;
            colour_of((double)values[at], rgb + 3 * (y * side + x));
        }
}

/* ---- places ---------------------------------------------------------------------------------- */

struct panel_layout { /* cm, from the top left corner */
    double width, height, left, top, step_x, step_y, scale_x;
    double font;       /* in the terminal's own points; print uses 9 pt */
    int heading, note; /* lines */
};

static int count_lines(const char lines[PANEL_LINES][300])
{
    int n = 0;
    while (n < PANEL_LINES && lines[n][0] != '\0')
        n++;
    return n;
}

static double longest(const char lines[PANEL_LINES][300])
{
    size_t most = 0;
    for (int i = 0; i < PANEL_LINES && lines[i][0] != '\0'; i++)
        most = strlen(lines[i]) > most ? strlen(lines[i]) : most;
    return (double)most;
}

static struct panel_layout lay_out(const struct panel *s)
{
    bool titles = false, row_titles = false;
    for (int i = 0; i < s->rows * s->columns; i++)
        titles |= s->cells[i].title[0] != '\0';
    for (int i = 0; i < s->rows; i++)
        row_titles |= s->row_titles[i][0] != '\0';
    struct panel_layout p = { .heading = count_lines(s->heading), .note = count_lines(s->note) };
    double tics = s->tokens > 0 ? tic_room : 0, title = titles ? title_room : 0;
    p.step_x = s->cell_cm + gap + (s->tokens > 0 ? 0.5 : 0);
    p.step_y = s->cell_cm + gap + title + (s->tokens > 0 ? 0.45 : 0);
    p.left = edge + (row_titles ? row_title_room : 0) + tics;
    p.top = edge + p.heading * line + (p.heading > 0 ? 0.15 : 0) + title;
    p.scale_x = p.left + s->columns * p.step_x - (p.step_x - s->cell_cm) + 0.35;
    p.width = p.scale_x - 0.35 + edge + (s->scale != NULL ? scale_room : 0);
    p.width = fmax(p.width, 2 * edge + fmax(longest(s->heading) * letter_width,
                                            longest(s->note) * letter_width * 8 / 9));
    p.height = p.top + s->rows * p.step_y - (p.step_y - s->cell_cm) + (s->tokens > 0 ? 0.55 : 0) +
               p.note * line + 0.15 + edge;
    return p;
}

/* Makes the next plot fill exactly this rectangle. */
static void put_place(FILE *f, const struct panel_layout *p, double x, double y, double w, double h)
{
    fprintf(f,
            "set lmargin at screen %.5f\nset rmargin at screen %.5f\n"
            "set tmargin at screen %.5f\nset bmargin at screen %.5f\n",
            x / p->width, (x + w) / p->width, 1 - y / p->height, 1 - (y + h) / p->height);
}

static void put_label(FILE *f, const struct panel_layout *p, double x, double y, double points,
                      const char *how, const char *text)
{
    fputs("set label ", f);
    gnuplot_text(f, text);
    fprintf(f, " at screen %.5f,%.5f %s font ',%g' noenhanced\n", x / p->width, 1 - y / p->height,
            how, points * p->font);
}

/* ---- words ----------------------------------------------------------------------------------- */

/* All labels belong to the first plot of the multiplot, which is the empty page. */
static void put_words(FILE *f, const struct panel *s, const struct panel_layout *p)
{
    for (int i = 0; i < p->heading; i++)
        put_label(f, p, edge, edge + (i + 0.4) * line, i == 0 ? 10 : 9, "left", s->heading[i]);
    for (int i = 0; i < p->note; i++)
        put_label(f, p, edge, p->height - edge - (p->note - i - 0.6) * line, 8,
                  "left tc rgb '#444444'", s->note[i]);
    for (int r = 0; r < s->rows; r++) {
        double y = p->top + r * p->step_y;
        if (s->row_titles[r][0] != '\0')
            put_label(f, p, edge + 0.15, y + s->cell_cm / 2, 9, "center rotate", s->row_titles[r]);
        for (int c = 0; c < s->columns; c++) {
            const struct panel_cell *cell = &s->cells[r * s->columns + c];
            if (cell->title[0] != '\0')
                put_label(f, p, p->left + c * p->step_x + s->cell_cm / 2, y - 0.28, 9, "center",
                          cell->title);
        }
    }
    if (s->scale != NULL) {
        double x = p->scale_x + scale_width;
        double y = p->top, h = s->cell_cm;
        put_label(f, p, x + 0.15, y + 0.1, 9, "left", s->scale_high);
        put_label(f, p, x + 0.15, y + h - 0.1, 9, "left", s->scale_low);
        put_label(f, p, x + 0.4, y + h / 2, 8, "center rotate", s->scale);
    }
    fprintf(f, "unset border\nunset tics\nunset key\nset xrange [0:1]\nset yrange [0:1]\n"
               "plot NaN notitle\nunset label\n");
}

/* ---- pictures -------------------------------------------------------------------------------- */

static void put_cell(FILE *f, const struct panel *s, const struct panel_layout *p, int row,
                     int column, const char *pixels, size_t skip)
{
    const struct panel_cell *c = &s->cells[row * s->columns + column];
    double extent = s->tokens > 0 ? s->tokens : c->side, step = extent / c->side;
    put_place(f, p, p->left + column * p->step_x, p->top + row * p->step_y, s->cell_cm, s->cell_cm);
    if (s->tokens > 0)
        fprintf(f,
                "set border lw 0.5\nset xtics nomirror out scale 0.5 offset 0,0.4 font ',%g'\n"
                "set ytics nomirror out scale 0.5 offset 0.5,0 font ',%g'\n",
                8 * p->font, 8 * p->font);
    /* The axis of y points down, as rows of a picture do. */
    if (s->tokens > 0) {
        double every = chart_step(s->tokens, 5); /* at 8 pt no two numbers touch */
        fprintf(f, "set xtics %g\nset ytics %g\n", every, every);
    }
    double first = s->tokens > 0 ? c->first : 0;
    fprintf(f, "set xrange [%g:%g]\nset yrange [%g:%g]\nplot ", first, first + extent,
            first + extent, first);
    gnuplot_quote(f, pixels);
    fprintf(f,
            " binary skip=%zu array=(%d,%d) format='%%uchar%%uchar%%uchar' dx=%.9g dy=%.9g "
            "origin=(%.9g,%.9g) with rgbimage notitle\n",
            skip, c->side, c->side, step, step, first + step / 2, first + step / 2);
}

static void put_scale(FILE *f, const struct panel *s, const struct panel_layout *p,
                      const char *pixels, size_t skip)
{
    if (s->scale == NULL)
        return;
    put_place(f, p, p->scale_x, p->top, scale_width, s->cell_cm);
    fprintf(f, "unset tics\nset border lw 0.5\nset xrange [0:1]\nset yrange [0:%d]\nplot ",
            SCALE_STEPS);
    gnuplot_quote(f, pixels);
    fprintf(f,
            " binary skip=%zu array=(2,%d) format='%%uchar%%uchar%%uchar' dx=0.5 dy=1 "
            "origin=(0.25,0.5) "
            "with rgbimage notitle\n",
            skip, SCALE_STEPS);
}

static void put_page(FILE *f, const struct panel *s, const char *stem, int kind, const char *pixels)
{
    struct panel_layout p = lay_out(s);
    size_t skip = 0;
    p.font = kind == 2 ? 12.0 / 9 : 1; /* as gnuplot_terminal sets SVG and the others */
    gnuplot_terminal(f, kind, stem, p.width, p.height);
    fputs("set multiplot\n", f);
    put_words(f, s, &p);
    for (int r = 0; r < s->rows; r++)
        for (int c = 0; c < s->columns; c++) {
            const struct panel_cell *cell = &s->cells[r * s->columns + c];
            if (cell->rgb == NULL)
                continue;
            put_cell(f, s, &p, r, c, pixels, skip);
            skip += (size_t)cell->side * (size_t)cell->side * 3;
        }
    put_scale(f, s, &p, pixels, skip);
    fputs("unset multiplot\nset output\nreset\nset termoption noenhanced\n", f);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* Pixels of all cells, row by row, then those of the colour scale, bottom up. */
static enum status write_pixels(const struct panel *s, const char *path, struct error *err)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        return fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    for (int i = 0; i < s->rows * s->columns; i++) {
        const struct panel_cell *c = &s->cells[i];
        if (c->rgb != NULL)
            fwrite(c->rgb, 3, (size_t)c->side * (size_t)c->side, f);
    }
    for (int i = 0; i < SCALE_STEPS; i++) {
        uint8_t rgb[3];
        colour_of((double)i / (SCALE_STEPS - 1), rgb);
        fwrite(rgb, 1, sizeof rgb, f);
        fwrite(rgb, 1, sizeof rgb, f); /* gnuplot's images need at least two columns */
    }
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad)
        return fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    return OK;
}

static enum status write_script(const struct panel *s, const char *stem, bool vector,
                                const char *path, const char *pixels, struct error *err)
{
    FILE *f = fopen(path, "w");
    if (f == NULL)
        return fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    fputs("# Made by evalh; draw again with: gnuplot THIS_FILE\nset encoding utf8\n"
          "set termoption noenhanced\n",
          f);
    for (int kind = 0; kind < (vector ? PICTURES : 1); kind++)
        put_page(f, s, stem, kind, pixels);
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad)
        return fail(err, E_IO, "%s: cannot be written: %s", path, strerror(errno));
    return OK;
}

enum status panel_draw(const struct panel *s, const char *stem, bool vector, struct error *err)
{
    char *script = NULL, *pixels = NULL;
    enum status status = OK;
    if (asprintf(&script, "%s.gnuplot", stem) < 0)
        script = NULL;
    if (asprintf(&pixels, "%s.rgb", stem) < 0)
        pixels = NULL;
    if (script == NULL || pixels == NULL)
        status = fail(err, E_NOMEM, "%s: no memory", stem);
    if (status == OK)
        status = write_pixels(s, pixels, err);
    if (status == OK)
        status = write_script(s, stem, vector, script, pixels, err);
    if (status == OK)
        status = gnuplot_run(script, err);
    if (script != NULL)
        unlink(script);
    if (pixels != NULL)
        unlink(pixels);
    FREE_ALL(script, pixels);
    return status;
}
