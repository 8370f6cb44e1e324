#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "doctor.h"
#include "progress.h"
#include "run_found.h"
#include "runner.h"
#include "store.h"

/* ---- disk ------------------------------------------------------------------------------------ */

/* During the merge the shards and the merged file exist at the same time; HDF5 adds its own bytes
 * to each file. */
static double result_bytes(const struct plan *p, const struct records *r)
{
    const double overhead = 16384; /* groups, headers, attributes of one file, measured */
    double row = 0, shards = (double)(p->images / plan_shard_size(p, 1) + 1);
    for (int i = 0; i < r->count; i++)
        row += r->columns[i].same_as < 0 ? (double)r->columns[i].row_bytes : 0;
    return 2 * row * (double)p->images + (shards + 1) * (overhead + 600.0 * r->count);
}

/* needed: bytes; 0 where too little could be opened to know. */
static void check_disk(struct doctor *d, double needed)
{
    const char *output = d->plan->v->run.output;
    char folder[4200];
    struct statvfs disk;
    if (output == NULL)
        return;
    store_folder_of(output, folder, sizeof folder);
    if (statvfs(folder, &disk) != 0)
        return; /* the step "output" has reported it */
    char locks[400];
    if (store_locks_missing(folder, locks, sizeof locks))
        doctor_say(d, DOCTOR_NOTE, "locks", "%s: %s", folder, locks);
    double space = (double)disk.f_bavail * (double)disk.f_frsize;
    const char *of = "free";
    if (d->quota > 0 && d->quota < space) {
        space = d->quota;
        of = "left of the quota";
    }
    needed *= 1 + (double)d->plan->v->run.vary.count;
    const double mib = 1048576, least = mib; /* a config and its summary alone need as much */
    if (space < (needed > least ? needed : least))
        doctor_say(d, DOCTOR_FAULT, "disk",
                   "%s: %.1f MiB %s, and the results need %.1f MiB (shards and merged "
                   "file together): free some, or set run.output to another disk",
                   folder, space / mib, of, (needed > least ? needed : least) / mib);
    else if (needed > 0)
        doctor_say(d, DOCTOR_OK, "disk", "%s: %.0f MiB %s, the results need %.1f MiB", folder,
                   space / mib, of, needed / mib);
    else
        doctor_say(d, DOCTOR_OK, "disk", "%s: %.0f MiB %s", folder, space / mib, of);
}

/* A result of another config, or a run at work; maps that cannot be read. */
static void check_store(struct doctor *d)
{
    struct store_found found;
    struct error err;
    char text[200];
    const char *output = d->plan->v->run.output;
    if (output == NULL || store_check(output, &err) != OK)
        return; /* the step "output" has reported it */
    if (run_look(d->plan, d->opens, 1, false, &found, &err) != OK)
        doctor_say(d, DOCTOR_FAULT, "output", "%s", err.text);
    else if (run_found_text(&found, text, sizeof text)[0] != '\0')
        doctor_say(d, DOCTOR_NOTE, "output", "%s: %s", output, text);
    if (d->opens && plan_check_maps(d->plan, &err) != OK)
        doctor_say(d, DOCTOR_FAULT, "maps", "%s", err.text);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void print_duration(struct doctor *d, double each, size_t measured)
{
    const struct plan *p = d->plan;
    size_t runs = 1 + p->v->run.vary.count;
    double all = each * (double)p->images * (double)runs;
    const char *unit = "s";
    double shown = all;
    if (all >= 2 * 86400) {
        shown = all / 86400;
        unit = "days";
    } else if (all >= 2 * 3600) {
        shown = all / 3600;
        unit = "hours";
    } else if (all >= 120) {
        shown = all / 60;
        unit = "minutes";
    }
    doctor_say(d, DOCTOR_OK, "duration",
               "%.3f s an image (measured on %zu, with %d threads on %s): about %.1f %s for %zu "
               "images%s; peak memory so far %.0f MiB",
               each, measured, p->threads, p->engine->info.device, shown, unit, p->images,
               runs > 1 ? " in each run of run.vary" : "", peak_memory_mib());
}

/* Runs images 0 to count, and again if time allows: the first pass also warms up caches. */
static enum status measure(struct plan *p, struct runner *r, double *each, size_t *measured,
                           struct error *err)
{
    size_t count = (size_t)(p->engine->info.busy > 2 ? p->engine->info.busy : 2);
    count = count < p->images ? count : p->images;
    for (int round = 0; round < 2; round++) {
        struct progress progress;
        progress_begin(&progress, "doctor", count, 0);
        enum status status = runner_shard(r, 0, count, progress_report, &progress, err);
        double seconds = progress_seconds(&progress);
        progress_break(&progress);
        TRY(status);
        *each = seconds / (double)count;
        *measured = count;
        if (seconds > 20) /* warm enough */
            break;
    }
    return OK;
}

void doctor_work(struct doctor *d)
{
    struct plan *p = d->plan;
    struct runner *r = NULL;
    struct error err;
    double each = 0;
    size_t measured = 0;
    check_store(d);
    if (!d->opens) {
        check_disk(d, 0);
        doctor_say(d, DOCTOR_NOTE, "duration", "not measured: the faults above come first");
        return;
    }
    size_t rows =
        (size_t)p->engine->info.batch < p->images ? (size_t)p->engine->info.batch : p->images;
    enum status status = runner_open(p, rows, &r, &err);
    if (status == OK) {
        check_disk(d, result_bytes(p, runner_records(r)));
        status = measure(p, r, &each, &measured, &err);
    }
    if (status == OK)
        print_duration(d, each, measured);
    else
        doctor_say(d, DOCTOR_FAULT, "duration", "the first images cannot be run: %s", err.text);
    runner_close(r);
}
