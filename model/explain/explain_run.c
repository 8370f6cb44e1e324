/* Running an explainer: the passes, and what comes of them into the caller's arrays. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "dropped.h"
#include "explainer.h"

static float *map_at(const struct explainer *ex, const struct explain_result *r, int image,
                     int method, enum class_choice choice)
{
    return r->maps + explainer_map_at(ex, image, method, choice);
}

/* drop_c: the map is v without the CLS entry (SPEC 1), or v itself where it is a whole map. */
static void finish_map(const struct geometry *g, const struct job *j, const double *v, size_t size,
                       float *map)
{
    bool tokens = method_pixel_side(g, &j->rules) == 0;
    size_t count = tokens ? (size_t)g->tokens : size;
    for (size_t k = 0; k < count; k++) {
        if (tokens && !geometry_is_patch(g, (int)k))
            continue;
        double x = j->rules.clamp_map && v[k] < 0 ? 0 : v[k];
        *map++ = (float)x;
    }
}

static float *sum_error_at(const struct explainer *ex, const struct explain_result *r, int image,
                           int method, enum class_choice choice)
{
    size_t at = (size_t)image * (size_t)ex->method_count + (size_t)method;
    return r->sum_error + at * CLASS_CHOICES + (size_t)choice;
}

static float *dropped_at(const struct explainer *ex, int image, int method, enum class_choice c)
{
    size_t at = (size_t)image * (size_t)ex->method_count + (size_t)method;
    return &ex->dropped[at * CLASS_CHOICES + (size_t)c];
}

float explainer_dropped(const struct explainer *ex, int image, int method, enum class_choice choice)
{
    return *dropped_at(ex, image, method, choice);
}

/* Takes a chunk's tracks into the result. */
static void collect(const struct explainer *ex, const struct pass *p, const struct sweep *s, int at,
                    const struct explain_result *r)
{
    for (int k = 0; k < p->job_count; k++) {
        const struct job *j = &s->jobs[k];
        bool idle = j->stream >= 0 && s->streams[j->stream].idle;
        for (int i = 0; i < s->n; i++) {
            float *map = map_at(ex, r, at + i, p->wheres[k].method, p->wheres[k].choice);
            if (!idle)
                finish_map(&ex->model->geo, j, j->tracks[i].v,
                           explainer_map_size(ex, p->wheres[k].method), map);
            if (!idle && method_pixel_side(&ex->model->geo, &j->rules) == 0)
                *dropped_at(ex, at + i, p->wheres[k].method, p->wheres[k].choice) =
                    (float)dropped_share(&ex->model->geo, j->tracks[i].v, j->rules.clamp_map);
            r->zero_row_sum[at + i] |= !idle && j->tracks[i].zero_row_sum;
            if (r->sum_error != NULL && !idle)
                *sum_error_at(ex, r, at + i, p->wheres[k].method, p->wheres[k].choice) =
                    (float)j->tracks[i].sum_error;
        }
    }
    /* The identity is told of the model itself: with the control's fresh weights the scan's share
     * of y is some 1e-4 of D u, and y - D u loses as many digits. */
    for (int i = 0; i < s->n && p->own_model == NULL; i++)
        if (!(s->identity[i] <= r->identity_error[at + i]) && !isnan(s->identity[i]))
            r->identity_error[at + i] = s->identity[i];
}

/* Images from `at` on, as many as a lane takes of the n. */
static void run_chunk(struct explainer *ex, struct pass *p, struct sweep *s, const int32_t *target,
                      int n, int at, const struct explain_result *r)
{
    int count = n - at < p->lane_batch ? n - at : p->lane_batch;
    s->hash = p->hash + at;
    sweep_run(s, p->views + at, count, r->predicted + at, target + at);
    collect(ex, p, s, at, r);
}

static enum status run_pass(struct explainer *ex, struct pass *p,
                            const struct explain_image *images, const int32_t *target, int n,
                            const struct explain_result *r, struct error *err)
{
    for (int i = 0; i < n; i++) {
        p->views[i] = (struct view){ .rgb = images[i].rgb };
        p->hash[i] = images[i].id_hash;
    }
    int step = p->lane_batch;
    if (p->be->lanes == 1 || n <= step) { /* no parallel region around it: see net_forward */
        for (int at = 0; at < n; at += step)
            run_chunk(ex, p, p->sweeps[0], target, n, at, r);
        return be_sync(p->be, err);
    }
#pragma omp parallel for schedule(dynamic) num_threads(p->be->lanes)
    for (int at = 0; at < n; at += step)
        run_chunk(ex, p, p->sweeps[omp_get_thread_num()], target, n, at, r);
    return be_sync(p->be, err);
}

/* Maps that were not computed because they are known: class-agnostic ones, and the target's where
 * the target is the predicted class. */
static void copy_known(const struct explainer *ex, const struct explain_image *images, int n,
                       const struct explain_result *r)
{
    if (!ex->classes[CLASS_PREDICTED] || !ex->classes[CLASS_TARGET])
        return;
    for (int i = 0; i < n; i++)
        for (int m = 0; m < ex->method_count; m++)
            if (ex->methods[m]->class_agnostic || images[i].label == r->predicted[i]) {
                if (r->sum_error != NULL)
                    *sum_error_at(ex, r, i, m, CLASS_TARGET) =
                        *sum_error_at(ex, r, i, m, CLASS_PREDICTED);
                *dropped_at(ex, i, m, CLASS_TARGET) = *dropped_at(ex, i, m, CLASS_PREDICTED);
                memcpy(map_at(ex, r, i, m, CLASS_TARGET), map_at(ex, r, i, m, CLASS_PREDICTED),
                       explainer_map_size(ex, m) * sizeof(float));
            }
}

static enum status check_images(const struct explainer *ex, const struct explain_image *images,
                                int n, struct error *err)
{
    if (n > ex->batch)
        return fail(err, E_CONFIG, "%d images in one call, planned for %d", n, ex->batch);
    if (explainer_wants_references(ex))
        return fail(err, E_CONFIG, "a method begins at images of the data set, and has none");
    bool plain = false, randomised = false;
    for (int i = 0; i < PASSES; i++)
        *(i < PASS_RANDOM ? &plain : &randomised) |= ex->passes[i].job_count > 0;
    for (int i = 0; i < n; i++) {
        int classes = ex->model->geo.classes;
        if (images[i].predicted >= classes || (images[i].predicted < 0 && !plain && randomised))
            return fail(err, E_CONFIG, "predicted class %d, should be 0 to %d", images[i].predicted,
                        classes - 1);
        if (ex->classes[CLASS_TARGET] && (images[i].label < 0 || images[i].label >= classes))
            return fail_key(err, E_CONFIG, "explain.class",
                            "target needs labels of 0 to %d, not %d", classes - 1, images[i].label);
    }
    return OK;
}

enum status explainer_run(struct explainer *ex, const struct explain_image *images, int n,
                          const struct explain_result *r, struct error *err)
{
    TRY(check_images(ex, images, n, err));
    int32_t *target = calloc((size_t)n + 1, sizeof *target);
    if (target == NULL)
        return fail(err, E_NOMEM, "out of memory");
    for (int i = 0; i < n; i++) {
        r->predicted[i] = images[i].predicted;
        r->identity_error[i] = NAN;
        r->zero_row_sum[i] = 0;
        for (int k = 0; r->sum_error != NULL && k < ex->method_count * CLASS_CHOICES; k++)
            *sum_error_at(ex, r, i, k / CLASS_CHOICES, (enum class_choice)(k % CLASS_CHOICES)) =
                NAN;
        target[i] =
            images[i].label >= 0 && images[i].label < ex->model->geo.classes ? images[i].label : 0;
    }
    for (size_t k = 0; k < (size_t)n * (size_t)ex->method_count * CLASS_CHOICES; k++)
        ex->dropped[k] = NAN;
    enum status s = OK;
    for (int i = 0; s == OK && i < PASSES; i++)
        if (ex->passes[i].job_count > 0)
            s = run_pass(ex, &ex->passes[i], images, target, n, r, err);
    free(target);
    for (int m = 0; s == OK && m < ex->method_count; m++) {
        const struct method *method = method_of(ex->methods[m]);
        for (int i = 0; method->map != NULL && i < n; i++)
            for (int c = 0; c < CLASS_CHOICES; c++)
                if (ex->classes[c])
                    method->map(&ex->model->geo, ex->seed, images[i].id_hash,
                                map_at(ex, r, i, m, (enum class_choice)c));
    }
    if (s == OK)
        copy_known(ex, images, n, r);
    return s;
}
