#include "cam.h"

#include <math.h>

#include "vim_scores.h"
#include "vit_scores.h"

/* Σ_D .. of view->sums, its positive part, into the tracks. */
static void run(struct layer_view *view, const struct rules *r, const real *a, const real *g,
                struct track *tracks)
{
    r->cam(view, a, g);
    size_t len = (size_t)view->geo->tokens;
    for (int i = 0; i < view->n; i++) {
        double *v = tracks[i].v;
        be_read_doubles(view->be, v, be_at(view->be, view->sums, (size_t)i * len), len);
        for (size_t t = 0; t < len; t++)
            v[t] = fmax(v[t], 0);
    }
}

static void vit_passed(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    if (view->layer == view->geo->depth - 1)
        run(view, r, vit_normed(view), vit_normed_gradient(view), tracks);
}

static void vim_passed(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    if (r->target == CAM_NORM && view->layer == view->geo->depth - 1)
        run(view, r, vim_normed(view), vim_normed_gradient(view), tracks);
}

static void vim_layer(struct layer_view *view, const struct rules *r, struct track *tracks)
{
    if (r->target == CAM_MIXER && view->layer == view->geo->depth - 2)
        run(view, r, vim_mixer_output(view), vim_mixer_gradient(view), tracks);
}

const struct method_on cam_on[] = {
    { "vit", { .passed = vit_passed } },
    { "vim", { .layer = vim_layer, .passed = vim_passed } },
    { 0 },
};

enum status cam_settle(const struct geometry *g, struct rules *r, cam_fn *cam, struct error *err)
{
    r->cam = cam;
    r->start = g->depth - 1 - (r->target == CAM_MIXER);
    if (r->start < 0)
        return fail_key(err, E_CONFIG, "explain.target",
                        "there is no layer below the last one in a model of "
                        "%d",
                        g->depth);
    return OK;
}
