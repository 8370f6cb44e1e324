/* Report formats: one const table and one file each. A new one is a file and a line in
 * formats.c. */
#pragma once

#include <stdio.h>

#include "grid.h"
#include "report.h"

struct format {
    const char *name, *summary;
    enum status (*write)(const struct report *, FILE *, struct error *);
};

extern const struct format *const formats[];        /* NULL-terminated */
const struct format *format_find(const char *name); /* NULL: unknown */

extern const struct format format_md, format_csv, format_latex, format_json, format_html;

/* The blocks of every report for readers. Texts are plain UTF-8, which the style escapes. */
struct style_text {
    void (*begin)(FILE *, const struct report *);
    void (*heading)(FILE *, int level, const char *text); /* level 1, 2 */
    void (*item)(FILE *, const char *text); /* an item of a list; consecutive ones form one list */
    void (*paragraph)(FILE *, const char *text);
    void (*table)(FILE *, const char *caption, const struct grid *);
    void (*end)(FILE *);
};

/* Writes a report for readers, which is the same sequence of blocks in every format. */
struct style {
    struct style_text text;
    /* Additions of one format, or NULL: around the summary; before the ledger's table; between the
     * parts on all runs and on each run; before a run's blocks, before its tables, after them. */
    void (*rank_figures)(FILE *, const struct report *); /* first of all; there are scores */
    void (*summary_begin)(FILE *);
    void (*summary_end)(FILE *);
    void (*ledger_figures)(FILE *, const struct report *);
    void (*runs_begin)(FILE *, const struct report *);
    void (*run_begin)(FILE *, size_t run);
    enum status (*run_figures)(FILE *, const struct report *, size_t run, struct error *);
    enum status (*run_end)(FILE *, const struct report *, size_t run, struct error *);
};

enum status document_write(const struct report *, const struct style *, FILE *, struct error *);
