/* Which gradients a sweep's jobs need, shared where they are the same, and what they cost. */
#include <stdlib.h>
#include <string.h>

#include "sampling.h"

static int min_of(int a, int b)
{
    return a < b ? a : b;
}

/* The stream of a job's gradient, a new one where no job before it has the same. */
static int stream_of(struct sweep *s, const struct job *j)
{
    const struct rules *r = &j->rules;
    for (int k = 0; k < s->stream_count; k++)
        if (s->streams[k].kind == r->gradient && s->streams[k].choice == j->choice &&
            s->streams[k].score == r->score && s->streams[k].sampler == j->method->sampler)
            return k;
    int depth = s->model->geo.depth;
    s->streams[s->stream_count] = (struct stream){ .sampler = j->method->sampler,
                                                   .kind = r->gradient,
                                                   .score = r->score,
                                                   .choice = j->choice,
                                                   .rules = r,
                                                   .lowest = depth,
                                                   .passed = depth };
    return s->stream_count++;
}

void sweep_find_streams(struct sweep *s)
{
    s->lowest = s->own_lowest = s->model->geo.depth;
    for (int i = 0; i < s->job_count; i++)
        s->jobs[i].f = method_functions(s->jobs[i].method, s->model->type);
    for (int i = 0; i < s->job_count; i++) {
        struct job *j = &s->jobs[i];
        bool bottom = j->f->bottom != NULL;
        int lowest = bottom ? 0 : j->rules.start;
        s->lowest = min_of(s->lowest, lowest);
        if (j->method->sampler == NULL)
            s->own_lowest = min_of(s->own_lowest, lowest);
        j->stream = -1;
        if (j->rules.gradient == GRADIENT_NONE) /* rules that were not settled */
            j->rules.gradient = j->method->gradient;
        if (j->rules.gradient == GRADIENT_NONE)
            continue;
        j->stream = stream_of(s, j);
        struct stream *st = &s->streams[j->stream];
        st->lrp = st->lrp || j->f->relevance;
        st->wants_bias = st->wants_bias || (j->method->traits & METHOD_BIAS) != 0;
        st->bottom = st->bottom || bottom;
        st->lowest = min_of(st->lowest, lowest);
        if (bottom || j->f->passed != NULL)
            st->passed = min_of(st->passed, lowest);
    }
    for (int i = 0; i < s->stream_count; i++)
        for (int k = 0; k < s->stream_count && s->streams[i].choice == CLASS_TARGET; k++)
            s->streams[i].twin |= s->streams[k].choice == CLASS_PREDICTED &&
                                  s->streams[k].kind == s->streams[i].kind &&
                                  s->streams[k].sampler == s->streams[i].sampler &&
                                  s->streams[k].score == s->streams[i].score;
}

static double samples_of(const struct sweep *s, const struct sampler *sampler)
{
    for (int i = 0; i < s->job_count; i++)
        if (s->jobs[i].method->sampler == sampler)
            return sampler->count(&s->jobs[i].rules);
    return 0;
}

/* Each sampler is the first job's that has it. */
static void add_forwards(const struct sweep *s, struct explain_passes *out)
{
    for (int i = 0; i < s->job_count; i++) {
        const struct sampler *sampler = s->jobs[i].method->sampler;
        bool seen = sampler == NULL;
        for (int k = 0; k < i; k++)
            seen = seen || s->jobs[k].method->sampler == sampler;
        if (seen)
            continue;
        out->forward += samples_of(s, sampler);
        out->once += sampler->begins;
    }
}

enum status sweep_plan(const struct model *model, const struct job *jobs, int job_count,
                       struct explain_passes *out, struct error *err)
{
    struct sweep s = { .model = model, .job_count = job_count };
    *out = (struct explain_passes){ .forward = job_count > 0 };
    s.jobs = calloc((size_t)job_count + 1, sizeof *s.jobs);
    s.streams = calloc((size_t)job_count + 1, sizeof *s.streams);
    bool ok = s.jobs != NULL && s.streams != NULL;
    if (ok) {
        memcpy(s.jobs, jobs, (size_t)job_count * sizeof *jobs);
        sweep_find_streams(&s);
        add_forwards(&s, out);
    }
    for (int k = 0; ok && k < s.stream_count; k++) {
        const struct stream *st = &s.streams[k];
        double layers = (model->geo.depth - st->lowest) / (double)model->geo.depth;
        out->backward += st->sampler != NULL ? samples_of(&s, st->sampler) * layers : layers;
    }
    free(s.jobs);
    free(s.streams);
    return ok ? OK : fail(err, E_NOMEM, "out of memory");
}
