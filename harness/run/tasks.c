#include "task.h"

#include <math.h>

extern const struct task task_perturbation, task_segmentation;

const struct task *const tasks[] = { &task_perturbation, &task_segmentation, NULL };

enum status task_columns(const struct plan *plan, struct records *r, enum column_type type, int d0,
                         int d1, const char *prefix, const char *suffix,
                         int index[PLAN_METHODS][CLASS_CHOICES], struct error *err)
{
    for (int m = 0; m < plan->method_count; m++) {
        const char *method = plan->methods[m]->name;
        for (int c = 0; c < CLASS_CHOICES; c++) {
            if (!plan->classes[c])
                continue;
            enum class_choice first = plan_first_class(plan);
            if (plan_has_own(plan, m, (enum class_choice)c)) {
                TRY(records_add(r, type, d0, d1, &index[m][c], err, "%s/%s/%s/%s", prefix, method,
                                class_choice_names[c], suffix));
            } else {
                index[m][c] = index[m][first];
                TRY(records_link(r, index[m][first], err, "%s/%s/%s/%s", prefix, method,
                                 class_choice_names[c], suffix));
            }
        }
    }
    return OK;
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
