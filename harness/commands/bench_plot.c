#include "bench_plot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gnuplot.h"

static void write_points(FILE *f, const struct profile_row *rows, int callers)
{
    fprintf(f, "$points << EOD\n");
    for (int i = 0; i < PROFILE_ROWS; i++) {
        const struct profile_row *r = &rows[i];
        if (r->calls == 0 || r->bytes == 0 || r->flops == 0)
            continue;
        fprintf(f, "%.6g %.6g \"%s\"\n", r->flops / r->bytes,
                1e-9 * r->flops / (r->seconds / callers), r->op);
    }
    fprintf(f, "EOD\n");
}

enum status bench_roofline(const char *stem, const char *what, const struct profile_row *rows,
                           const struct ceiling *c, int callers, struct error *err)
{
    char path[4200];
    snprintf(path, sizeof path, "%s.gnuplot", stem);
    FILE *f = fopen(path, "w");
    if (f == NULL)
        return fail(err, E_IO, "%s: cannot write: %s", path, strerror(errno));
    write_points(f, rows, callers);
    fprintf(f,
            "flops = %.6g\nbytes = %.6g\n"
            "set logscale xy\nset grid\nset key bottom right\n"
            "set xlabel 'arithmetic intensity, FLOP per byte'\n"
            "set ylabel 'GFLOP/s'\n"
            "set xrange [0.1:1000]\nset yrange [1:*]\n"
            "roof(x) = (x * bytes < flops) ? x * bytes : flops\n"
            "set samples 400\nset title ",
            1e-9 * c->flops, 1e-9 * c->bytes);
    char title[400];
    snprintf(title, sizeof title, "Operations of a forward pass, %s", what);
    gnuplot_quote(f, title);
    fprintf(f, "\n");
    for (int k = 0; k < PICTURES; k++) {
        gnuplot_terminal(f, k, stem, 16, 11);
        fprintf(f, "set termoption noenhanced\n"
                   "plot roof(x) with lines lw 2 lc rgb '#555555' title "
                   "'ceilings measured in this run (above the slope: from cache)', $points using "
                   "1:2 with points pt 7 ps 1.2 "
                   "lc rgb '#0072B2' notitle, $points using 1:2:3 with labels "
                   "offset 0,0.9 notitle\n");
    }
    bool bad = ferror(f) != 0;
    if (fclose(f) != 0 || bad)
        return fail(err, E_IO, "%s: cannot write: %s", path, strerror(errno));
    return gnuplot_run(path, err);
}
