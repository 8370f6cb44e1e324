/* Methods by metrics on the page: ranks as shades, with their intervals. A table, so that it can be
 * read aloud, sorted and copied. */
#include <math.h>

#include "decimal.h"
#include "document.h"
#include "html.h"
#include "score_table.h"

/* "1.5" of 6 methods: 1 is the darkest. NaN: no rank. */
static void rank_cell(FILE *f, double rank, struct interval ci, int methods)
{
    char text[DECIMAL_SIZE], low[DECIMAL_SIZE], high[DECIMAL_SIZE];
    if (isnan(rank)) {
        fputs("<td>–</td>", f);
        return;
    }
    double shade = score_shade(rank, methods);
    fprintf(f, "<td class=\"rank%s\" style=\"--s:%.2f\">%s", shade > 0.5 ? " dark" : "", shade,
            decimal_short(text, rank));
    if (!isnan(ci.low))
        fprintf(f, " <small>%s–%s</small>", decimal_short(low, ci.low),
                decimal_short(high, ci.high));
    fputs("</td>", f);
}

static void head(FILE *f, const struct score_table *t)
{
    fputs("<thead><tr><th class=\"text\">metric</th>", f);
    for (int m = 0; m < t->methods; m++)
        html_element(f, "<th>", "</th>", "%s", t->method[m]);
    fputs("</tr></thead>\n", f);
}

static void mean_row(FILE *f, const struct score_table *t)
{
    const struct agreement_result *a = &t->agreement;
    if (a->ranking == 0)
        return;
    fprintf(f, "<tr class=\"votes\"><th scope=\"row\">mean of those that vote (%d)</th>",
            a->ranking);
    for (int m = 0; m < t->methods; m++)
        rank_cell(f, a->mean_rank[m], a->mean_interval[m], t->methods);
    fputs("</tr>\n", f);
}

static void metric_row(FILE *f, const struct score_table *t, int k)
{
    const struct score_metric *metric = &t->metric[k];
    fprintf(f, "<tr%s><th scope=\"row\" title=\"",
            metric->votes    ? " class=\"votes\""
            : !metric->tells ? " class=\"blind\""
                             : "");
    html_format(f, "%s", metric->question ? metric->question : "describes");
    fputs("\">", f);
    html_format(f, "%s %s%s", metric->title, metric->higher_is_better ? "↑" : "↓",
                metric->tells ? "" : " (blind)");
    fputs("</th>", f);
    for (int m = 0; m < t->methods; m++)
        rank_cell(f, t->agreement.rank[k * t->methods + m],
                  t->agreement.interval[k * t->methods + m], t->methods);
    fputs("</tr>\n", f);
}

/* "First by the mean rank over 2 metrics: a (1.5; the lowest in 63 % of the resamples), b ...": all
 * methods that share the lowest mean. */
static void who_is_first(FILE *f, const struct score_table *t)
{
    const struct agreement_result *a = &t->agreement;
    char text[DECIMAL_SIZE];
    double lowest = INFINITY;
    if (a->ranking == 0)
        return;
    for (int m = 0; m < t->methods; m++)
        lowest = fmin(lowest, a->mean_rank[m]);
    html_element(f, "<p class=\"lead\">", "",
                 "First by the mean rank over %d metric%s: ", a->ranking,
                 a->ranking == 1 ? "" : "s");
    bool several = false;
    for (int m = 0; m < t->methods; m++) {
        if (a->mean_rank[m] != lowest)
            continue;
        html_element(f, several ? ", <b>" : "<b>", "</b>", "%s", t->method[m]);
        fprintf(f, " (%s of %d; the lowest in %.0f %% of the resamples)",
                decimal_short(text, lowest), t->methods, 100 * a->best[m]);
        several = true;
    }
    fputs(".</p>\n", f);
}

static void figure(FILE *f, const struct run *run, const struct score_table *t)
{
    fputs("<figure class=\"plot ranks\"><figcaption>Methods by metrics, ranks: ", f);
    html_run_title(f, run, t->explained, t->images);
    fputs("</figcaption>\n", f);
    who_is_first(f, t);
    fputs("<div class=\"scroll tall\" role=\"region\" tabindex=\"0\" "
          "aria-label=\"Methods by metrics\"><table>\n",
          f);
    head(f, t);
    fputs("<tbody>\n", f);
    mean_row(f, t);
    for (int i = 0; i < t->metrics; i++)
        metric_row(f, t, score_row(t, i));
    fputs("</tbody></table></div></figure>\n", f);
}

void html_ranks(FILE *f, const struct report *report)
{
    bool any = false;
    for (size_t i = 0; i < report->runs; i++) {
        const struct score_table *t = &report->scores[i];
        if (t->metrics == 0 || t->methods < 2)
            continue;
        if (!any)
            fputs("<div class=\"short\">\n<h2>Which method is best, by every metric</h2>\n"
                  "<div class=\"pair\">\n",
                  f);
        any = true;
        figure(f, &report->run[i], t);
    }
    if (any)
        html_element(f, "</div>\n<p class=\"note\">", "</p></div>\n",
                     "1 and dark: the best of the methods; beside it the 95 %% interval of the "
                     "rank over resamples of the images. In bold: metrics that vote, the first of "
                     "each question that knows a method from random. Blind: by it no method is "
                     "better than random. The tables below have the values.");
}
