/* The numbers of the figures of one run, as CSV beside them. */
#include "csv.h"
#include "plots_internal.h"

void plots_csv_perturbation(FILE *f, const struct figure_file *p)
{
    fputs("method,direction,removed_percent,accuracy_percent,low,high\n", f);
    for (size_t i = 0; i < p->run->perturbations; i++) {
        const struct perturbation_row *row = &p->run->perturbation[i];
        if (row->stratum != STRATUM_ALL || row->explained != p->explained)
            continue;
        for (int d = 0; d < REMOVALS; d++)
            for (int k = 0; row->direction[d].present && k <= row->direction[d].axis.steps; k++) {
                const struct direction_scores *s = &row->direction[d];
                csv_field(f, row->method);
                fprintf(f, ",%s", removal_names[d]);
                csv_number(f, 100 * curve_share(&s->axis, k));
                csv_number(f, 100 * s->accuracy[k]);
                csv_number(f, 100 * s->band[k].low);
                csv_number(f, 100 * s->band[k].high);
                fputc('\n', f);
            }
    }
}

void plots_csv_segmentation(FILE *f, const struct figure_file *p)
{
    fputs("method,figure,percent,low,high,published\n", f);
    for (size_t i = 0; i < p->run->segmentations; i++) {
        const struct segmentation_row *row = &p->run->segmentation[i];
        for (int m = 0; m < SEGMENTATION_METRICS; m++) {
            const struct figure *x = &row->figure[m];
            if (row->stratum != STRATUM_ALL || row->explained != p->explained)
                continue;
            csv_field(f, row->method);
            fprintf(f, ",%s", segmentation_keys[m]);
            csv_number(f, x->value);
            csv_number(f, x->ci.low);
            csv_number(f, x->ci.high);
            csv_number(f, x->published);
            fputc('\n', f);
        }
    }
}

void plots_csv_shortcut(FILE *f, const struct figure_file *p)
{
    fputs("method,heat_inside_percent,low,high,area_percent\n", f);
    for (size_t i = 0; i < p->run->segmentations; i++) {
        const struct segmentation_row *row = &p->run->segmentation[i];
        if (row->stratum != STRATUM_ALL || row->explained != p->explained ||
            row->shortcut_images == 0)
            continue;
        csv_field(f, row->method);
        csv_number(f, row->shortcut.value);
        csv_number(f, row->shortcut.ci.low);
        csv_number(f, row->shortcut.ci.high);
        csv_number(f, row->shortcut_area);
        fputc('\n', f);
    }
}
