/* Precision and recall for print. */
#include <stdlib.h>

#include "csv.h"
#include "decimal.h"
#include "gnuplot.h"
#include "log.h"
#include "plots_internal.h"
#include "precision_recall.h"

static void put_recall(FILE *f, const struct figure_file *p)
{
    const struct recall *r = p->of;
    for (size_t k = 0; k < r->curves; k++) {
        if (!recall_shown(&r->curve[k], p->explained))
            continue;
        fprintf(f, "$recall_%zu << EOD\n", k);
        for (size_t i = 0; i < r->curve[k].levels; i++)
            fprintf(f, "%.6g %.6g\n", 100 * r->curve[k].recall[i], 100 * r->curve[k].precision[i]);
        fputs("EOD\n", f);
    }
    fprintf(f,
            "set xrange [0:100]\nset yrange [0:100]\nset tics nomirror\nset border 3\n"
            "set xlabel 'recall, %% of all foreground pixels, at %d × %d'\n"
            "set ylabel 'precision, %%'\nset grid lc rgb '#dddddd' lt 1 lw 0.5\n"
            "set key outside right center reverse Left samplen 2 spacing 1.2 title "
            "'foreground AP, %%' left\n",
            r->side, r->side);
    for (int kind = 0; kind < PICTURES; kind++) {
        char share[80], number[DECIMAL_SIZE];
        int drawn = 0;
        gnuplot_terminal(f, kind, p->stem, 20, 9);
        fputs("set multiplot layout 1,1 title ", f);
        plots_title(f, p, "Precision and recall, all pixels pooled", r->images);
        fputs(" noenhanced\nplot ", f);
        for (size_t k = 0; k < r->curves; k++) {
            struct line_style style = line_style_of(r->curve[k].method, k);
            char legend[160], area[DECIMAL_SIZE];
            if (!recall_shown(&r->curve[k], p->explained))
                continue;
            snprintf(legend, sizeof legend, "%s (%s)", r->curve[k].method,
                     decimal(area, 100 * r->curve[k].area, 1));
            fprintf(f,
                    "%s$recall_%zu with linespoints lc rgb '%s' dt %s pt %d pi %zu lw 1.6 ps 0.8 "
                    "title ",
                    drawn++ ? ", \\\n     " : "", k, style.colour, style.dash, style.point,
                    1 + r->curve[k].levels / 8);
            gnuplot_text(f, legend);
        }
        snprintf(share, sizeof share, "share of the foreground (%s)",
                 decimal(number, 100 * r->foreground, 1));
        fprintf(f, ", \\\n     %.6g with lines lc rgb 'black' dt (2,2) lw 1.2 title ",
                100 * r->foreground);
        gnuplot_text(f, share);
        fputs("\nunset multiplot\nset output\n", f);
    }
}

static void put_csv(FILE *f, const struct figure_file *p)
{
    const struct recall *r = p->of;
    fputs("method,recall_percent,precision_percent\n", f);
    for (size_t k = 0; k < r->curves; k++)
        for (size_t i = 0; recall_shown(&r->curve[k], p->explained) && i < r->curve[k].levels;
             i++) {
            csv_field(f, r->curve[k].method);
            csv_number(f, 100 * r->curve[k].recall[i]);
            csv_number(f, 100 * r->curve[k].precision[i]);
            fputc('\n', f);
        }
    fprintf(f, "(share of the foreground),0,%.10g\n(share of the foreground),100,%.10g\n",
            100 * r->foreground, 100 * r->foreground);
}

static enum status draw_all(const struct run *run, const struct recall *r, const char *directory,
                            const char *name, struct error *err)
{
    for (int c = 0; c < EXPLAINED_CLASSES; c++) {
        struct figure_file p = { .run = run, .explained = (enum explained)c, .of = r };
        if (!recall_has(r, p.explained))
            continue;
        if (asprintf(&p.stem, "%s/%s-recall-%s", directory, name, explained_names[c]) < 0)
            return fail(err, E_NOMEM, "no memory for plots");
        enum status status = plots_draw(&p, &(const struct drawing){ put_recall, put_csv }, err);
        free(p.stem);
        TRY(status);
    }
    return OK;
}

enum status plots_recall(const struct run *run, const char *directory, const char *name,
                         struct error *err)
{
    struct pictures pictures;
    struct recall r;
    struct error why;
    if (run->segmentations == 0 || run->scored == 0)
        return OK;
    pictures_open(run->result, &pictures);
    enum status status = pictures.data ? recall_build(run, &pictures, &r, &why) : E_DATA;
    if (status == OK) {
        status = draw_all(run, &r, directory, name, err);
        recall_free(&r);
    } else if (status == E_NOMEM) {
        fail(err, status, "%s", why.text);
    } else {
        log_info("%s: no precision-recall figure: result files hold no pixels, and the data set "
                 "cannot be read here (%s)",
                 run->result->path, pictures.data ? why.text : pictures.why);
        status = OK;
    }
    pictures_close(&pictures);
    return status;
}
