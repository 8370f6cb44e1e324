#include "summary.h"

#include <math.h>
#include <stdio.h>

#include "h5file.h"
#include "h5lock.h"
#include "report.h"

struct opened {
    struct result *result;
    struct report report;
    struct published published; /* only for the expected top-1; not printed */
    const struct run *run;
};

static enum status open_report(const char *path, struct opened *o, struct error *err)
{
    char folder[PUBLISHED_PATH];
    *o = (struct opened){ 0 };
    if (published_load(published_directory(folder), &o->published, NULL) != OK)
        o->published = (struct published){ 0 };
    TRY(result_open(path, &o->result, err));
    const struct result *results[] = { o->result };
    enum status status =
        report_build(results, 1, &o->published, &bootstrap_default, &o->report, err);
    if (status != OK) {
        result_close(o->result);
        published_free(&o->published);
        return status;
    }
    o->run = &o->report.run[0];
    return OK;
}

static void close_report(struct opened *o)
{
    report_free(&o->report);
    result_close(o->result);
    published_free(&o->published);
}

/* ---- writing --------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static hid_t make_group(hid_t file, const char *format, ...)
{
    char path[300];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t group = H5Gcreate2(file, path, links, H5P_DEFAULT, H5P_DEFAULT);
    H5Pclose(links);
    return group;
}

/* "auc", "auc_low", "auc_high". */
static enum status put_figure(hid_t at, const char *name, double value, const struct interval *ci,
                              struct error *err)
{
    char bound[64];
    TRY(h5_put_real(at, name, value, err));
    snprintf(bound, sizeof bound, "%s_low", name);
    TRY(h5_put_real(at, bound, ci->low, err));
    snprintf(bound, sizeof bound, "%s_high", name);
    return h5_put_real(at, bound, ci->high, err);
}

static enum status put_curve(hid_t at, const char *name, const double *curve, int count,
                             struct error *err)
{
    const hsize_t points = (hsize_t)count;
    hid_t space = H5Screate_simple(1, &points, NULL), how = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(how, 0);
    hid_t set = H5Dcreate2(at, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, how, H5P_DEFAULT);
    bool good =
        set >= 0 && H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, curve) >= 0;
    if (set >= 0)
        H5Dclose(set);
    H5Pclose(how);
    H5Sclose(space);
    return good ? OK : h5_fail(err, "cannot write %s", name);
}

static enum status put_direction(hid_t file, const struct perturbation_row *row,
                                 enum removal removal, struct error *err)
{
    const struct direction_scores *d = &row->direction[removal];
    if (!d->present)
        return OK;
    hid_t group = make_group(file, "/summary/perturbation/%s/%s/%s", row->method,
                             explained_names[row->explained], removal_names[removal]);
    if (group < 0)
        return h5_fail(err, "cannot create a group of /summary");
    enum status status = put_figure(group, "auc", d->auc.value, &d->auc.ci, err);
    if (status == OK)
        status = h5_put_int(group, "images", (int64_t)row->images, err);
    if (status == OK)
        status = put_curve(group, "accuracy", d->accuracy, d->axis.steps + 1, err);
    if (status == OK)
        status = put_curve(group, "probability", d->probability, d->axis.steps + 1, err);
    H5Gclose(group);
    return status;
}

static enum status put_segmentation(hid_t file, const struct segmentation_row *row,
                                    struct error *err)
{
    hid_t group = make_group(file, "/summary/segmentation/%s/%s", row->method,
                             explained_names[row->explained]);
    if (group < 0)
        return h5_fail(err, "cannot create a group of /summary");
    enum status status = h5_put_int(group, "images", (int64_t)row->images, err);
    for (int m = 0; m < SEGMENTATION_METRICS && status == OK; m++)
        status =
            put_figure(group, segmentation_keys[m], row->figure[m].value, &row->figure[m].ci, err);
    if (status == OK && row->shortcut_images > 0)
        status = put_figure(group, "shortcut_share", row->shortcut.value, &row->shortcut.ci, err);
    if (status == OK && row->shortcut_images > 0)
        status = h5_put_real(group, "shortcut_area", row->shortcut_area, err);
    H5Gclose(group);
    return status;
}

static enum status put_maps(hid_t file, const struct map_row *row, struct error *err)
{
    hid_t group =
        make_group(file, "/summary/explain/%s/%s", row->method, explained_names[row->explained]);
    if (group < 0)
        return h5_fail(err, "cannot create a group of /summary");
    enum status status = h5_put_int(group, "constant_maps", row->constant, err);
    if (status == OK)
        status = h5_put_real(group, "largest_tie_mean", row->largest_tie, err);
    if (status == OK && !isnan(row->sum_error))
        status = h5_put_real(group, "sum_error_max", row->sum_error, err);
    H5Gclose(group);
    return status;
}

static enum status put_images(hid_t file, const struct run *run, struct error *err)
{
    hid_t group = make_group(file, "/summary");
    if (group < 0)
        return h5_fail(err, "cannot create /summary");
    enum status status = h5_put_int(group, "images_scored", (int64_t)run->scored, err);
    if (status == OK)
        status = h5_put_int(group, "images_skipped", (int64_t)run->skipped, err);
    if (status == OK)
        status = put_figure(group, "top1", run->top1.value, &run->top1.ci, err);
    if (status == OK)
        status = h5_put_real(group, "identity_error_max", run->identity_max, err);
    H5Gclose(group);
    return status;
}

static enum status write_all(hid_t file, const struct run *run, struct error *err)
{
    TRY(put_images(file, run, err));
    for (size_t i = 0; i < run->maps; i++)
        TRY(put_maps(file, &run->map[i], err));
    for (size_t i = 0; i < run->perturbations; i++)
        for (int d = 0; d < REMOVALS; d++)
            if (run->perturbation[i].stratum == STRATUM_ALL)
                TRY(put_direction(file, &run->perturbation[i], (enum removal)d, err));
    for (size_t i = 0; i < run->segmentations; i++)
        if (run->segmentation[i].stratum == STRATUM_ALL)
            TRY(put_segmentation(file, &run->segmentation[i], err));
    return OK;
}

enum status summary_add(const char *path, struct error *err)
{
    struct opened o;
    TRY(open_report(path, &o, err));
    h5_lock();
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    enum status status = file < 0 ? h5_fail(err, "%s: cannot open", path) : OK;
    if (status == OK && o.run->doubt[0] != '\0')
        status = h5_put_text(file, "doubt", o.run->doubt, err);
    if (status == OK)
        status = write_all(file, o.run, err);
    if (file >= 0 && H5Fclose(file) < 0 && status == OK)
        status = h5_fail(err, "%s: cannot write", path);
    h5_unlock();
    close_report(&o);
    return status;
}

/* ---- printing -------------------------------------------------------------------------------- */

/* The second name of a map that does not depend on the class. */
static bool repeats(bool agnostic, enum explained explained)
{
    return agnostic && explained == EXPLAINED_TARGET;
}

static void print_map(const struct map_row *row)
{
    printf("  %-12s %-9s %ld constant maps", row->method, explained_names[row->explained],
           row->constant);
    if (row->not_finite > 0)
        printf(" (%ld of them not finite)", row->not_finite);
    printf(", largest tie %.0f pixels in the mean", row->largest_tie);
    if (!isnan(row->sum_error))
        printf("; adds up to the score but for %.1e of its terms at most", row->sum_error);
    if (!isnan(row->dropped))
        printf("; %.1f %% of the relevance is on tokens that are no patches", row->dropped);
    printf("\n");
}

/* What the records say of the masks: /images/mask_share says all; the counts of the segmentation
 * test say which masks have labels, and of an object only that heat has met it. */
static void count_masks(const struct result *r, struct summary_counts *c)
{
    bool met = false;
    for (size_t i = 0; i < r->images; i++) {
        bool labelled = r->mask_share != NULL && !isnan(r->mask_share[i]);
        if (r->status[i] != 0)
            continue;
        met = met || (labelled && r->mask_share[i] > 0);
        for (size_t s = 0; s < r->segmentations; s++) {
            const struct segmentation_score *score = &r->segmentation[s].score[i];
            labelled = labelled || score->labelled > 0;
            met = met || score->intersection[1] > 0;
        }
        c->masked += r->mask_share != NULL || r->segmentations > 0;
        c->labelled += labelled;
    }
    c->objects = met ? OBJECTS_SOME : r->mask_share != NULL ? OBJECTS_NONE : OBJECTS_UNSEEN;
}

enum status summary_print(const char *path, struct summary_counts *counts, struct error *err)
{
    struct opened o;
    TRY(open_report(path, &o, err));
    const struct run *run = o.run;
    *counts = (struct summary_counts){ .scored = run->scored,
                                       .skipped = run->skipped,
                                       .why_skipped = run_why_skipped(run),
                                       .why_none = run_why_none(run) };
    count_masks(o.result, counts);
    snprintf(counts->doubt, sizeof counts->doubt, "%s", run->doubt);
    if (run->doubt[0] != '\0')
        printf("  DOUBTFUL: %s\n", run->doubt);
    printf("  %zu images scored, %zu skipped", run->scored, run->skipped);
    if (counts->labelled < counts->masked)
        printf("; %zu without a labelled pixel in the mask, which no score of masks counts",
               counts->masked - counts->labelled);
    if (!isnan(run->top1.value))
        printf("; top-1 %.2f %%", run->top1.value);
    if (!isnan(run->identity_max))
        printf("; hidden-attention identity off by at most %.1e", run->identity_max);
    printf("\n");
    if (o.result->attribute[ATTR_BATCH][0] != '\0')
        printf("  batch %s\n", o.result->attribute[ATTR_BATCH]);
    for (size_t i = 0; i < run->maps && run->scored > 0; i++)
        if (!repeats(run->map[i].agnostic, run->map[i].explained))
            print_map(&run->map[i]);
    for (size_t i = 0; i < run->perturbations && run->scored > 0; i++)
        for (int d = 0; d < REMOVALS; d++) {
            const struct perturbation_row *row = &run->perturbation[i];
            if (row->stratum == STRATUM_ALL && row->direction[d].present &&
                !repeats(row->agnostic, row->explained))
                printf("  %-12s %-9s %s perturbation: AUC %.2f (%.2f to %.2f)\n", row->method,
                       explained_names[row->explained], removal_names[d],
                       row->direction[d].auc.value, row->direction[d].auc.ci.low,
                       row->direction[d].auc.ci.high);
        }
    for (size_t i = 0; i < run->segmentations && counts->labelled > 0; i++) {
        const struct segmentation_row *row = &run->segmentation[i];
        if (row->stratum != STRATUM_ALL || repeats(row->agnostic, row->explained))
            continue;
        printf("  %-12s %-9s pixel accuracy %.2f, mAP %.2f, mIoU %.2f\n", row->method,
               explained_names[row->explained], row->figure[PIXEL_ACCURACY].value,
               row->figure[MEAN_AP].value, row->figure[MEAN_IOU].value);
        if (row->shortcut_images > 0)
            printf("  %-12s %-9s heat in the shortcut %.2f %% (%.2f to %.2f); its area %.2f %%\n",
                   row->method, explained_names[row->explained], row->shortcut.value,
                   row->shortcut.ci.low, row->shortcut.ci.high, row->shortcut_area);
    }
    close_report(&o);
    return OK;
}
