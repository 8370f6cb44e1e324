/* Several runs in one table: a row for every model and method, and which of them is best in each
 * figure. A table holds runs whose figures are comparable: same images, preprocessing, fill and
 * steps. */
#pragma once

#include "ledger.h"
#include "report.h"

enum { MODELS_NAME = 120 };

struct models_row {
    size_t run;              /* index in the report */
    char model[MODELS_NAME]; /* with its file, where another run of the table has the same model */
    const char *method;      /* the report's */
    size_t images;           /* scored */
    double value[LEDGER_FIGURES]; /* as ledger_figures: positive AUC ... mIoU; percent, NaN: none */
    bool best[LEDGER_FIGURES];    /* best of the rows at two decimals; ties are all best */
};

struct models_table {
    enum explained explained;
    bool has[LEDGER_FIGURES]; /* some row has it */
    struct models_row *row;   /* by run, then in the order of its methods */
    size_t rows;
};

struct models {
    struct models_table *table;
    size_t tables; /* 0: no two runs are comparable, or all of them form one ledger */
};

/* Whether a lower figure is better. */
bool models_lower_better(int figure);

/* `ledger`: that of the same report, or NULL. E_NOMEM. */
enum status models_build(const struct report *, const struct ledger *, struct models *out,
                         struct error *err);
void models_free(struct models *);
