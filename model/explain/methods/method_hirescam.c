/* HiResCAM (Draelos and Carin 2020): Grad-CAM with each element's own gradient for its weight. */
#include "cam.h"

static void cam(struct layer_view *view, const real *a, const real *g, struct track *tracks)
{
    const struct row_reduce_args dot = { .stat = ROW_DOT,
                                         .rows = (size_t)view->n * (size_t)view->geo->tokens,
                                         .cols = view->geo->width,
                                         .x = a,
                                         .y = g,
                                         .out = view->sums };
    view->be->op.row_reduce(view->be, &dot);
    cam_finish(view, tracks);
}

static void vit_passed(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    (void)r;
    cam_vit_passed(view, tracks, cam);
}

static void vim_passed(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    cam_vim_passed(view, r, tracks, cam);
}

static void vim_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    cam_vim_layer(view, r, tracks, cam);
}

static const struct method_on on[] = {
    { "vit", { .passed = vit_passed } },
    { "vim", { .layer = vim_layer, .passed = vim_passed } },
    { 0 },
};

const struct method method_hirescam = {
    .info = { .name = "hirescam",
              .summary = "HiResCAM on what enters the last layer, element by element" },
    .gradient = GRADIENT_PLAIN,
    .scored = true,
    .backward = true,
    .settle = cam_settle,
    .on = on,
    .sums = true,
};
