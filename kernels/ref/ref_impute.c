/* Removed pixels as their neighbours suggest (SPEC 14): road.h, view by view. */
#include <math.h>
#include <stdlib.h>

#include "ref.h"
#include "ref_num.h"
#include "road.h"

/* In 8 bits, as the images that the model was made for. */
static void round_image(const float *from, size_t values, uint8_t *to)
{
    for (size_t i = 0; i < values; i++) {
        float v = from[i] * 255.0f;
        to[i] = v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)lrintf(v);
    }
}

enum status ref_impute_view(const struct impute_args *a, int image, double *scratch,
                            float *solution, struct error *err)
{
    size_t values = (size_t)a->side * (size_t)a->side * 3;
    struct road_report report;
    const struct road in = { .side = a->side,
                             .rgb = a->views[image].rgb,
                             .rank = a->views[image].rank,
                             .removed = a->views[image].removed,
                             .noise = a->noise,
                             .seed = a->seeds != NULL ? a->seeds[image] : 0,
                             .tolerance = a->tolerance };
    TRY(road_impute(&in, scratch, solution, &report, err));
    round_image(solution, values, a->out + (size_t)image * values);
    for (size_t i = 0; a->exact != NULL && i < values; i++)
        a->exact[(size_t)image * values + i] = solution[i];
    return OK;
}

void ref_impute(struct backend *be, const struct impute_args *a)
{
    size_t values = (size_t)a->side * (size_t)a->side * 3;
    double *scratch = ref_scratch(be, road_scratch(a->side));
    float *solution = calloc(values + 1, sizeof *solution);
    if (solution == NULL)
        fail(&be->failed, E_NOMEM, "out of memory: filling in %d x %d pixels", a->side, a->side);
    for (int i = 0; scratch != NULL && solution != NULL && i < a->n; i++)
        if (ref_impute_view(a, i, scratch, solution, &be->failed) != OK)
            break;
    free(scratch);
    free(solution);
}
