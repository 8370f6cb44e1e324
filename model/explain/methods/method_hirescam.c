/* HiResCAM (Draelos and Carin 2020): Grad-CAM with each element's own gradient for its weight. */
#include "cam.h"

static void weigh(struct layer_view *view, const real *a, const real *g)
{
    const struct row_reduce_args dot = { .stat = ROW_DOT,
                                         .rows = (size_t)view->n * (size_t)view->geo->tokens,
                                         .cols = view->geo->width,
                                         .x = a,
                                         .y = g,
                                         .out = view->sums };
    view->be->op.row_reduce(view->be, &dot);
}

static enum status settle(const struct geometry *g, struct rules *r, struct error *err)
{
    return cam_settle(g, r, weigh, err);
}

const struct method method_hirescam = {
    .info = { .name = "hirescam",
              .summary = "HiResCAM on what enters the last layer, element by element" },
    .gradient = GRADIENT_PLAIN,
    .traits = METHOD_SUMS | METHOD_SCORED | METHOD_BACKWARD,
    .settle = settle,
    .on = cam_on,
};
