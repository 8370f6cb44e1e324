#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy.h"
#include "doctor.h"
#include "inference.h"
#include "published.h"
#include "subset.h"
#include "task.h"

static const struct published_entry *find_published(const struct published *p, const char *kind,
                                                    const char *name)
{
    return published_find(p, kind, name, "", "");
}

/* ---- the checkpoint -------------------------------------------------------------------------- */

/* A file that bears a released checkpoint's name, but another hash, is not that checkpoint. */
static void compare_hash(struct doctor *d, const struct published *p)
{
    const struct checkpoint *c = engine_model(d->plan->engine)->checkpoint;
    const char *slash = strrchr(c->path, '/');
    const char *file = slash != NULL ? slash + 1 : c->path;
    for (size_t i = 0; i < p->entries; i++) {
        const struct published_entry *e = &p->entry[i];
        if (e->file[0] == '\0' || strstr(file, e->file) == NULL || e->sha256[0] == '\0')
            continue;
        if (strncmp(e->sha256, c->sha256, strlen(e->sha256)) == 0)
            doctor_say(d, DOCTOR_OK, "checkpoint", "the hash is that of the released %s", e->file);
        else
            doctor_say(d, DOCTOR_FAULT, "checkpoint",
                       "%s: its sha256 begins with %.16s, the released file's with %s: damaged, "
                       "or another file under that name; download it again",
                       c->path, c->sha256, e->sha256);
    }
}

void doctor_checkpoint(struct doctor *d)
{
    const struct engine *e = d->plan->engine;
    const struct model *m = e != NULL ? engine_model(e) : NULL;
    struct published p;
    char path[PUBLISHED_PATH];
    struct error err;
    if (e != NULL && m == NULL)
        doctor_say(d, DOCTOR_OK, "model", "%s: %s; %s", e->info.name, e->info.about,
                   e->info.source);
    if (m == NULL)
        return;
    const struct geometry *g = &m->geo;
    char own[200], tokens[200];
    model_describe(m, false, own, sizeof own);
    doctor_say(d, DOCTOR_OK, "checkpoint",
               "%s (%s): complete, %zu tensors, %zu parameters, sha256 %s", m->checkpoint->path,
               m->checkpoint->format, m->checkpoint->count, m->parameters, m->checkpoint->sha256);
    doctor_say(d, DOCTOR_OK, "checkpoint",
               "%s: %d x %d pixels, patches of %d (stride %d), %s, width %d, "
               "%d layers%s%s, %d classes",
               d->plan->engine->info.weights.title, g->image_size, g->image_size, g->patch,
               g->stride, model_tokens(m, tokens, sizeof tokens), g->width, g->depth,
               own[0] != '\0' ? ", " : "", own, g->classes);
    for (size_t i = 0; i < m->notes.count; i++)
        doctor_say(d, DOCTOR_NOTE, "assumed", "%s", m->notes.line[i]);
    if (published_load(published_directory(path), &p, &err) != OK) {
        doctor_say(d, DOCTOR_NOTE, "published", "%s", err.text);
        return;
    }
    compare_hash(d, &p);
    published_free(&p);
}

/* ---- the data set ---------------------------------------------------------------------------- */

static void compare_count(struct doctor *d)
{
    const struct dataset *data = d->plan->data;
    struct published p;
    char path[PUBLISHED_PATH];
    struct error err;
    if (published_load(published_directory(path), &p, &err) != OK)
        return;
    const struct published_entry *e = find_published(&p, "dataset", data->kind->name);
    if (e != NULL && !isnan(e->images) && (double)data->count != e->images)
        doctor_say(d, DOCTOR_NOTE, "data set", "%zu images; the published runs saw %.0f",
                   data->count, e->images);
    published_free(&p);
}

void doctor_data(struct doctor *d)
{
    const struct dataset *data = d->plan->data;
    if (data == NULL)
        return;
    doctor_say(d, DOCTOR_OK, "data set", "%s; %zu of %zu images are in the run; fingerprint %.16s",
               data->description, d->plan->images, data->count, data->fingerprint);
    if (data->assumed != NULL)
        doctor_say(d, DOCTOR_NOTE, "assumed", "%s", data->assumed);
    compare_count(d);
    if (!data->has_labels || d->plan->images == 0)
        return;
    int32_t low = data->labels[0], high = low;
    for (size_t i = 0; i < d->plan->images; i++) {
        low = data->labels[i] < low ? data->labels[i] : low;
        high = data->labels[i] > high ? data->labels[i] : high;
    }
    const struct engine *e = d->plan->engine;
    if (e == NULL || (low >= 0 && high < e->info.classes)) /* else the step "labels" has said so */
        doctor_say(d, DOCTOR_OK, "labels", "from %d to %d", (int)low, (int)high);
}

/* ---- a sample -------------------------------------------------------------------------------- */

struct sampling {
    struct doctor *doctor;
    size_t count, broken;
    size_t masked, labelled, objects; /* of the images: whose masks a task scores, with a labelled
                                         pixel, with one of the object */
    struct accuracy_counts counts;
    struct inference one; /* of the plan's engine, by `eval`; no memory: nothing is classified */
};

static enum status take_memory(struct sampling *s, struct error *err)
{
    const struct plan *p = s->doctor->plan;
    if (p->engine == NULL || !p->engine->started || !p->data->has_labels)
        return OK;
    s->one.engine = p->engine;
    return inference_take_memory(&s->one, err);
}

static enum status classify(struct sampling *s, const struct sample *sample, int32_t label,
                            struct error *err)
{
    const struct plan *p = s->doctor->plan;
    struct inference *model = &s->one;
    if (model->rgb == NULL || label < 0 || label >= p->engine->info.classes)
        return OK;
    int side = model->picture.width;
    const struct view view = { .rgb = model->rgb };
    const struct eval_cut cut = config_eval_cut(p->v);
    TRY(image_preprocess_cut(&sample->image, PREPROCESS_EVAL, &cut, side, model->picture.rgb, err));
    engine_upload(p->engine, model->rgb, model->picture.rgb, (size_t)side * (size_t)side * 3);
    TRY(engine_classify(p->engine, &view, 1, model->logits, err));
    int32_t top1 = top_class(model->logits, p->engine->info.classes);
    const struct accuracy_counts one = accuracy_count(&label, &top1, NULL, 1, 0);
    s->counts.images += one.images;
    s->counts.right += one.right;
    s->counts.one_above += one.one_above;
    s->counts.one_below += one.one_below;
    return OK;
}

/* Preprocessed as `eval` does, so that the accuracy can be compared with the published one. */
static void compare_accuracy(struct sampling *s)
{
    struct doctor *d = s->doctor;
    const struct plan *p = d->plan;
    char doubt[400], published[64] = "nothing was published for this model and data set";
    if (s->counts.images == 0) /* nor is there an engine where the model cannot be opened */
        return;
    const struct engine_info *info = &p->engine->info;
    const bool known = info->weights.how != WEIGHTS_UNKNOWN;
    double expected =
        published_top1(known ? &info->weights.published : NULL, p->data->kind->name, true);
    if (!isnan(expected))
        snprintf(published, sizeof published, "published: %.1f %%", expected);
    s->counts.classes = info->classes;
    bool doubtful = accuracy_doubt(&s->counts, expected, doubt, sizeof doubt);
    d->doubtful = d->doubtful || doubtful;
    if (doubtful && !isnan(expected))
        doctor_say(d, DOCTOR_FAULT, "accuracy", "%s (eval preprocessing)", doubt);
    else if (doubtful) /* a run with random weights is legitimate */
        doctor_say(d, DOCTOR_NOTE, "accuracy", "DOUBTFUL: %s (eval preprocessing)", doubt);
    else
        doctor_say(d, DOCTOR_OK, "accuracy", "top-1 %.1f %% on %zu images (eval preprocessing); %s",
                   100 * (double)s->counts.right / (double)s->counts.images, s->counts.images,
                   published);
}

static void count_mask(struct sampling *s, const struct sample *sample)
{
    size_t pixels = (size_t)sample->image.width * (size_t)sample->image.height;
    bool labelled = false, object = false;
    if (sample->labels == NULL || !task_any(s->doctor->plan, TASK_MASKS))
        return;
    for (size_t p = 0; p < pixels; p++) {
        labelled = labelled || sample->labels[p] >= 0;
        object = object || sample->labels[p] > 0;
    }
    s->masked++;
    s->labelled += labelled;
    s->objects += object;
}

static void tell_masks(const struct sampling *s)
{
    if (s->masked > 0 && s->labelled == 0)
        doctor_say(s->doctor, DOCTOR_FAULT, "sample",
                   "none of the %zu images of the sample that can be read has a labelled pixel (0 "
                   "or 1) in its mask: nothing would be scored",
                   s->masked);
    else if (s->labelled < s->masked)
        doctor_say(s->doctor, DOCTOR_NOTE, "sample",
                   "%zu of %zu masks have no labelled pixel (0 or 1); no score of masks would "
                   "count them",
                   s->masked - s->labelled, s->masked);
    if (s->labelled > 0 && s->objects == 0)
        doctor_say(s->doctor, DOCTOR_NOTE, "sample",
                   "no mask of the %zu images holds foreground (1): scores against masks would say "
                   "nothing of the heat on objects",
                   s->masked);
}

/* Decodes image `index`, checks its mask, and classifies it. */
static enum status sample_image(struct sampling *s, size_t index, struct error *err)
{
    struct doctor *d = s->doctor;
    struct sample sample;
    enum status status = dataset_load(d->plan->data, index, &sample, err);
    if (status == E_DATA || status == E_IO) {
        if (s->broken++ < 5) /* more of them would bury other faults */
            doctor_say(d, DOCTOR_FAULT, "sample", "image %s: %s", d->plan->data->ids[index],
                       err->text);
        return OK;
    }
    TRY(status);
    count_mask(s, &sample);
    status =
        classify(s, &sample, d->plan->data->has_labels ? d->plan->data->labels[index] : -1, err);
    sample_free(&sample);
    return status;
}

/* Takes the images that a run limited to this number would take, as far as the run includes
 * them. */
static enum status sample_evenly(struct sampling *s, struct error *err)
{
    const struct plan *p = s->doctor->plan;
    size_t *order = calloc(p->data->count + 1, sizeof *order);
    if (order == NULL)
        return fail(err, E_NOMEM, "no memory for the order of %zu images", p->data->count);
    enum status status = subset_order(p->data, SUBSET_EVEN, 0, order, err);
    for (size_t i = 0, seen = 0; i < p->data->count && seen < s->count && status == OK; i++)
        if (order[i] < p->images) {
            status = sample_image(s, order[i], err);
            seen++;
        }
    free(order);
    return status;
}

void doctor_sample(struct doctor *d)
{
    const struct plan *p = d->plan;
    struct sampling s = { .doctor = d };
    struct error err;
    if (p->data == NULL || p->images == 0 || d->sample == 0)
        return;
    s.count = d->sample < p->images ? d->sample : p->images;
    enum status status = take_memory(&s, &err);
    status = status == OK ? sample_evenly(&s, &err) : status;
    if (status != OK)
        doctor_say(d, DOCTOR_FAULT, "sample", "%s", err.text);
    else if (s.broken == 0)
        doctor_say(d, DOCTOR_OK, "sample", "%zu of %zu images decode", s.count, p->images);
    else
        doctor_say(d, DOCTOR_FAULT, "sample",
                   "%zu of %zu images of the sample cannot be read; they would be "
                   "left out of every score: mend or remove them",
                   s.broken, s.count);
    if (status == OK) {
        tell_masks(&s);
        compare_accuracy(&s);
    }
    inference_free_memory(&s.one);
}
