#include "bench_plot.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gnuplot.h"

/* Operations that move bytes and compute. */
static bool shown(const struct profile_row *r)
{
    return r->calls > 0 && r->bytes > 0 && r->flops > 0;
}

static double intensity(const struct profile_row *r)
{
    return r->flops / r->bytes;
}

static double rate(const struct profile_row *r, int callers)
{
    return 1e-9 * r->flops / (r->seconds / callers);
}

static enum status write_csv(const char *stem, const struct profile_row *rows,
                             const struct ceiling *c, int callers, struct error *err)
{
    char path[4200];
    snprintf(path, sizeof path, "%s.csv", stem);
    FILE *f = fopen(path, "w");
    if (f == NULL)
        return fail(err, E_IO, "%s: cannot write: %s", path, strerror(errno));
    fputs("what,flop_per_byte,gflop_per_second,gb_per_second\n", f);
    fprintf(f, "(ceilings),,%.6g,%.6g\n", 1e-9 * c->flops, 1e-9 * c->bytes);
    for (int i = 0; i < PROFILE_ROWS; i++)
        if (shown(&rows[i]))
            fprintf(f, "%s,%.6g,%.6g,%.6g\n", rows[i].op, intensity(&rows[i]),
                    rate(&rows[i], callers), 1e-9 * rows[i].bytes / (rows[i].seconds / callers));
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad)
        return fail(err, E_IO, "%s: cannot write: %s", path, strerror(errno));
    return OK;
}

static void write_points(FILE *f, const struct profile_row *rows, int callers)
{
    fprintf(f, "$points << EOD\n");
    for (int i = 0; i < PROFILE_ROWS; i++)
        if (shown(&rows[i]))
            fprintf(f, "%.6g %.6g \"%s\"\n", intensity(&rows[i]), rate(&rows[i], callers),
                    rows[i].op);
    fprintf(f, "EOD\n");
}

/* The name without its folders; "x.pth: cpu, fp32, ..." is the rest of `what`. */
static void put_title(FILE *f, const char *what)
{
    const char *colon = strstr(what, ": "), *from = what;
    for (const char *p = what; p < (colon != NULL ? colon : what); p++)
        from = *p == '/' ? p + 1 : from;
    fputs("set title ", f);
    gnuplot_quote(f, "Operations of a forward pass");
    fputs(".\"\\n\".", f);
    gnuplot_text(f, from);
    fputc('\n', f);
}

enum status bench_roofline(const char *stem, const char *what, const struct profile_row *rows,
                           const struct ceiling *c, int callers, struct error *err)
{
    char path[4200];
    TRY(write_csv(stem, rows, c, callers, err));
    snprintf(path, sizeof path, "%s.gnuplot", stem);
    FILE *f = fopen(path, "w");
    if (f == NULL)
        return fail(err, E_IO, "%s: cannot write: %s", path, strerror(errno));
    write_points(f, rows, callers);
    fprintf(f,
            "flops = %.6g\nbytes = %.6g\nset encoding utf8\nset termoption noenhanced\n"
            "set logscale xy\nset grid lc rgb '#dddddd' lt 1 lw 0.5\nset key bottom right\n"
            "set border 3\nset tics nomirror\n"
            /* names have a white background, so that the roof does not run through them */
            "set style textbox opaque noborder margins 0.6,0.4\n"
            "set xlabel 'arithmetic intensity, FLOP per byte'\nset ylabel 'GFLOP/s'\n"
            "set xrange [0.1:1000]\nset yrange [1:*]\n"
            "roof(x) = (x * bytes < flops) ? x * bytes : flops\nset samples 400\n",
            1e-9 * c->flops, 1e-9 * c->bytes);
    put_title(f, what);
    for (int k = 0; k < PICTURES; k++) {
        gnuplot_terminal(f, k, stem, 16, 11);
        fprintf(f, "set termoption noenhanced\n"
                   "plot roof(x) with lines lw 2 lc rgb '#555555' title "
                   "'ceilings measured in this run (above the slope: from cache)', $points using "
                   "1:2:3 with labels boxed font ',8' offset 0,0.9 notitle, $points using 1:2 with "
                   "points pt 7 ps 1.2 lc rgb '#0072B2' notitle\n");
    }
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad)
        return fail(err, E_IO, "%s: cannot write: %s", path, strerror(errno));
    return gnuplot_run(path, err);
}
