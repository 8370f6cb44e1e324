/* Several models in one table; the best figure of every column is in bold. */
#include "document.h"

#include "models.h"

static const char *const heads[LEDGER_FIGURES] = { "positive ↓", "negative ↑", "pixel acc. ↑",
                                                   "mAP ↑", "mIoU ↑" };

static void models_table(const struct writer *w, const struct report *report,
                         const struct models_table *t, bool *failed)
{
    struct grid g;
    char align[4 + LEDGER_FIGURES] = "llr";
    char *const *a = report->run[t->row[0].run].result->attribute;
    size_t column = 3;
    for (int f = 0; f < LEDGER_FIGURES; f++)
        if (t->has[f])
            align[column++] = 'r';
    grid_begin(&g, align);
    HEADER(&g, "model", "method", "images");
    for (int f = 0; f < LEDGER_FIGURES; f++)
        if (t->has[f])
            grid_cell(&g, "%s", heads[f]);
    for (size_t i = 0; i < t->rows; i++) {
        grid_cell(&g, "%s", t->row[i].model);
        grid_cell(&g, "%s", t->row[i].method);
        grid_cell(&g, "%zu", t->row[i].images);
        for (int f = 0; f < LEDGER_FIGURES; f++) {
            if (!t->has[f])
                continue;
            number_cell(&g, t->row[i].value[f]);
            if (t->row[i].best[f])
                grid_strong(&g);
        }
    }
    put_table(w, &g, failed, "Models and methods on %s, %s class, percent", a[ATTR_DATASET],
              explained_names[t->explained]);
}

void models_tables(const struct writer *w, const struct report *report, bool *failed)
{
    const struct models *m = report->models;
    if (m == NULL || m->tables == 0)
        return;
    for (size_t i = 0; i < m->tables; i++)
        models_table(w, report, &m->table[i], failed);
    say(w, w->style->text.paragraph,
        "In bold: the best of its column, controls included; figures that look the same share it. "
        "What is settled by these images, their intervals below say.");
}
