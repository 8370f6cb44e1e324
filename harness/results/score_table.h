/* Methods by metrics: every score that a result file holds or that follows from its maps, the rank
 * of each method by each metric, and how far the metrics agree (SPEC 12 to 20). */
#pragma once

#include "agreement.h"
#include "result.h"

enum { SCORE_TABLE_METHODS = 64 };

struct score_metric {
    const char *key, *title;
    const char *question; /* related metrics ask the same one; NULL: describes, and has no vote */
    bool higher_is_better;
    bool tells;   /* some method is better than `random`: p < .05 by Holm over the methods; without
                     `random` all do */
    bool votes;   /* the first metric of its question that discriminates */
    double truth; /* Kendall's tau-b between the methods' order by it and by the heat in the
                     planted shortcut, controls among them; NaN where none was planted */
    size_t undefined; /* values, over images and methods, that are not defined */
};

struct score_table {
    enum explained explained;
    size_t images; /* scored */
    int metrics, methods, controls;
    struct score_metric *metric;             /* [metrics] */
    const char *method[SCORE_TABLE_METHODS]; /* explanations first, then controls */
    double *value;                           /* [metrics, methods + controls] means over images */
    struct agreement_result agreement;       /* of the explanations alone: [metrics, methods] */
};

/* Scores the predicted class, or the target where only that was explained. Reads the file again.
 * metrics = 0: the file holds nothing to score, or only controls. E_NOMEM, E_DATA. */
enum status score_table_build(const struct result *, const struct bootstrap_options *,
                              struct score_table *out, struct error *err);
/* The metric in row `place` of the figures: those that vote come first. */
int score_row(const struct score_table *, int place);
/* How dark the figures show a rank among so many methods: 1 for the best, 0 for the last. */
double score_shade(double rank, int methods);
void score_table_free(struct score_table *);
