#include "free_all.h"
#include "task.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>

extern const struct task task_perturbation, task_segmentation, task_localisation, task_groups,
    task_tiles, task_subsets, task_robustness, task_randomisation;

const struct task *const tasks[] = { &task_perturbation, &task_segmentation,  &task_localisation,
                                     &task_groups,       &task_tiles,         &task_subsets,
                                     &task_robustness,   &task_randomisation, NULL };

bool task_any(const struct plan *plan, enum task_traits trait)
{
    bool any = false;
    for (int i = 0; i < plan->task_count; i++)
        any |= (plan->tasks[i]->traits & trait) != 0;
    return any;
}

enum status task_method_columns(const struct plan *plan, struct records *r, int method,
                                enum column_type type, int d0, int d1, const char *prefix,
                                const char *suffix, int index[CLASS_CHOICES], struct error *err)
{
    const char *name = plan->methods[method]->name;
    enum class_choice first = plan_first_class(plan);
    for (int c = 0; c < CLASS_CHOICES; c++) {
        if (!plan->classes[c])
            continue;
        if (plan_has_own(plan, method, (enum class_choice)c)) {
            TRY(records_add(r, type, d0, d1, &index[c], err, "%s/%s/%s/%s", prefix, name,
                            class_choice_names[c], suffix));
        } else {
            index[c] = index[first];
            TRY(records_link(r, index[first], err, "%s/%s/%s/%s", prefix, name,
                             class_choice_names[c], suffix));
        }
    }
    return OK;
}

size_t task_maps_bytes(const struct plan *plan, size_t batch, size_t value)
{
    return batch * (size_t)plan->method_count * CLASS_CHOICES * pixel_count(plan) * value;
}

enum status task_columns(const struct plan *plan, struct records *r, enum column_type type, int d0,
                         int d1, const char *prefix, const char *suffix,
                         int index[PLAN_METHODS][CLASS_CHOICES], struct error *err)
{
    for (int m = 0; m < plan->method_count; m++)
        TRY(task_method_columns(plan, r, m, type, d0, d1, prefix, suffix, index[m], err));
    return OK;
}

void task_heat(const struct plan *plan, const struct visit_map *maps, int count,
               const size_t *map_at, const float *map_device, float *heat_device)
{
    for (int from = 0, to; from < count; from = to) {
        int side = plan->methods[maps[from].method]->side;
        for (to = from + 1; to < count && plan->methods[maps[to].method]->side == side; to++)
            ;
        engine_heat(plan->engine, map_device + map_at[from], to - from, side,
                    heat_device + (size_t)from * pixel_count(plan));
    }
}

enum status task_each_map(task_score *score, void *state, const struct plan *plan,
                          const struct visit *visit, struct records *r, struct error *err)
{
    enum status status = OK;
#pragma omp parallel for schedule(dynamic) num_threads(plan->threads)
    for (int i = 0; i < visit->map_count; i++) {
        struct error own;
        enum status s = score(state, plan, visit, r, i, &own);
        if (s != OK) {
#pragma omp critical
            {
                *err = own;
                status = s;
            }
        }
    }
    return status;
}

bool task_result_open(const struct plan *plan, struct explain_result *r)
{
    size_t n = (size_t)plan->engine->info.batch;
    r->predicted = calloc(n, sizeof *r->predicted);
    r->maps = calloc(n * engine_map_values(plan->engine), sizeof *r->maps);
    r->identity_error = calloc(n, sizeof *r->identity_error);
    r->zero_row_sum = calloc(n, sizeof *r->zero_row_sum);
    size_t sums = n * (size_t)plan->engine->prepared_count * CLASS_CHOICES;
    r->sum_error = calloc(sums + 1, sizeof *r->sum_error);
    return r->predicted != NULL && r->maps != NULL && r->identity_error != NULL &&
           r->zero_row_sum != NULL && r->sum_error != NULL;
}

void task_result_close(struct explain_result *r)
{
    FREE_ALL(r->predicted, r->maps, r->identity_error, r->zero_row_sum, r->sum_error);
}

size_t pixel_count(const struct plan *plan)
{
    size_t side = (size_t)plan->engine->info.image_size;
    return side * side;
}

size_t task_maps(const struct plan *plan)
{
    size_t maps = 0;
    for (int m = 0; m < plan->method_count; m++)
        for (int c = 0; c < CLASS_CHOICES; c++)
            maps += plan->classes[c] && plan_has_own(plan, m, (enum class_choice)c);
    return maps;
}

struct curve_axis task_axis(const struct plan *plan)
{
    return (struct curve_axis){ .steps = (int)plan->v->task.steps,
                                .upto = plan->v->task.upto == UPTO_100 ? 100 : 90 };
}

int task_thread(void)
{
    return omp_get_thread_num();
}

double softmax_of(const float *logits, int classes, int k)
{
    double top = logits[top_class(logits, classes)], sum = 0;
    for (int i = 0; i < classes; i++)
        sum += exp((double)logits[i] - top);
    return exp((double)logits[k] - top) / sum;
}

int32_t top_class(const float *logits, int classes)
{
    int top = 0;
    for (int i = 1; i < classes; i++)
        if (logits[i] > logits[top])
            top = i;
    return (int32_t)top;
}
