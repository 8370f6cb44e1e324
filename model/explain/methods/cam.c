#include "cam.h"

#include <math.h>

#include "vim_scores.h"
#include "vit_scores.h"

void cam_vit_passed(struct layer_view *view, struct track *tracks, cam_fn *cam)
{
    if (view->layer == view->geo->depth - 1)
        cam(view, vit_normed(view), vit_normed_gradient(view), tracks);
}

void cam_vim_passed(struct layer_view *view, const struct rules *r, struct track *tracks,
                    cam_fn *cam)
{
    if (r->target == CAM_NORM && view->layer == view->geo->depth - 1)
        cam(view, vim_normed(view), vim_normed_gradient(view), tracks);
}

void cam_vim_layer(struct layer_view *view, const struct rules *r, struct track *tracks,
                   cam_fn *cam)
{
    if (r->target == CAM_MIXER && view->layer == view->geo->depth - 2)
        cam(view, vim_mixer_output(view), vim_mixer_gradient(view), tracks);
}

enum status cam_settle(const struct geometry *g, struct rules *r, struct error *err)
{
    r->start = g->depth - 1 - (r->target == CAM_MIXER);
    if (r->start < 0)
        return fail_key(err, E_CONFIG, "explain.target",
                        "there is no layer below the last one in a model of "
                        "%d",
                        g->depth);
    return OK;
}

void cam_finish(struct layer_view *view, struct track *tracks)
{
    size_t len = (size_t)view->geo->tokens;
    for (int i = 0; i < view->n; i++) {
        double *v = tracks[i].v;
        be_read_doubles(view->be, v, be_at(view->be, view->sums, (size_t)i * len), len);
        for (size_t t = 0; t < len; t++)
            v[t] = fmax(v[t], 0);
    }
}
