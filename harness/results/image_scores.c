#include "image_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double image_area(const struct result *r, const struct result_curve *c, size_t image)
{
    return probability_auc(&r->axis, c->prob + image * (size_t)(r->axis.steps + 1));
}

static double probability_gap(const struct run *run, const char *method, enum explained explained,
                              size_t image)
{
    const struct result *r = run->result;
    const struct result_curve *hot = result_find_curve(r, method, explained, REMOVE_HOTTEST);
    const struct result_curve *cold = result_find_curve(r, method, explained, REMOVE_COLDEST);
    if (r->label[image] < 0 || (!hot && !cold))
        return NAN;
    return (cold ? image_area(r, cold, image) : 0) - (hot ? image_area(r, hot, image) : 0);
}

static double image_iou(const struct run *run, const char *method, enum explained explained,
                        size_t image)
{
    const struct result_segmentation *s = result_find_segmentation(run->result, method, explained);
    double sum = 0;
    if (!s || s->score[image].labelled <= 0)
        return NAN;
    for (int c = 0; c < 2; c++)
        if (s->score[image].united[c] > 0)
            sum += 50.0 * s->score[image].intersection[c] / s->score[image].united[c];
    return sum;
}

const struct image_measure image_measures[IMAGE_MEASURES] = {
    { "Perturbation", "gap",
      "The gap is the area under the label's probability with the coldest pixels removed first, "
      "less that with the hottest first, in points: what a map knows about the model.",
      probability_gap },
    { "Segmentation", "IoU",
      "IoU is the mean of foreground and background in this image, in percent.", image_iou },
};

static int by_score(const void *a, const void *b)
{
    const struct image_place *x = a, *y = b;
    int order = (x->score < y->score) - (x->score > y->score); /* best first */
    return order ? order : (x->image > y->image) - (x->image < y->image);
}

/* The mean over the methods without the controls, or over the controls where there is nothing
 * else. */
static double mean_score(const struct run *run, const struct image_measure *m, size_t image)
{
    double sum[2] = { 0 };
    int count[2] = { 0 };
    for (size_t i = 0; i < run->result->maps; i++) {
        const struct result_map *map = &run->result->map[i];
        double score = map->explained == EXPLAINED_PREDICTED
                           ? m->score(run, map->method, map->explained, image)
                           : NAN;
        if (isnan(score))
            continue;
        sum[map->control] += score;
        count[map->control]++;
    }
    int control = count[0] == 0;
    return count[control] ? sum[control] / count[control] : NAN;
}

size_t image_rank(const struct run *run, const struct image_measure *m, struct image_place *out)
{
    size_t count = 0;
    for (size_t i = 0; i < run->result->images; i++) {
        double score = run->result->status[i] == 0 ? mean_score(run, m, i) : NAN;
        if (!isnan(score))
            out[count++] = (struct image_place){ i, score };
    }
    qsort(out, count, sizeof *out, by_score);
    return count;
}
