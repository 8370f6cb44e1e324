/* Grad-CAM (Selvaraju et al., ICCV 2017) as pytorch-grad-cam has it for transformers: channels
 * weighted by their mean gradient over the patches. */
#include "cam.h"

static void weigh(struct layer_view *view, const real *a, const real *g)
{
    const struct geometry *geo = view->geo;
    size_t len = (size_t)geo->tokens, d = (size_t)geo->width;
    const struct matmul_args weights = { .b0 = view->n,
                                         .b1 = 1,
                                         .m = 1,
                                         .n = geo->width,
                                         .k = geo->tokens,
                                         .a = { .p = view->patch_mean, .ld = len },
                                         .b = { .p = g, .ld = d, .s0 = len * d },
                                         .c = { .p = view->row, .ld = d, .s0 = d },
                                         .alpha = 1 };
    const struct matmul_args map = { .b0 = view->n,
                                     .b1 = 1,
                                     .m = geo->tokens,
                                     .n = 1,
                                     .k = geo->width,
                                     .a = { .p = a, .ld = d, .s0 = len * d },
                                     .b = { .p = view->row, .ld = 1, .s0 = d },
                                     .c = { .p = view->sums, .ld = 1, .s0 = len },
                                     .alpha = 1 };
    view->be->op.matmul(view->be, &weights);
    view->be->op.matmul(view->be, &map);
}

static enum status settle(const struct geometry *g, struct rules *r, struct error *err)
{
    return cam_settle(g, r, weigh, err);
}

const struct method method_gradcam = {
    .info = { .name = "gradcam",
              .summary =
                  "Grad-CAM on what enters the last layer, channels by their mean gradient" },
    .gradient = GRADIENT_PLAIN,
    .traits = METHOD_SUMS | METHOD_SCORED | METHOD_BACKWARD,
    .settle = settle,
    .on = cam_on,
};
