/* Removed pixels as their neighbours suggest (SPEC 14): views side by side, each by the solver of
 * road.h. */
#include "cpu.h"
#include "ref.h"
#include "road.h"

static void impute(struct backend *be, const struct impute_args *a)
{
    size_t values = (size_t)a->side * (size_t)a->side * 3, room = road_scratch(a->side);
#pragma omp parallel for num_threads(cpu_team(be)) schedule(dynamic)
    for (int i = 0; i < a->n; i++) {
        struct error err;
        double *memory = cpu_scratch(be, room * sizeof(double) + values * sizeof(float));
        if (memory == NULL)
            continue;
        enum status status = ref_impute_view(a, i, memory, (float *)(memory + room), &err);
        if (status != OK)
            cpu_fail(be, status, "%s", err.text);
    }
}

void cpu_impute_ops(struct ops *op)
{
    op->impute = impute;
}
