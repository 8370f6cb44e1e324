/* The input of a model: its mean and standard deviation, by their published names or as numbers,
 * and how `eval` crops. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "image.h"

static const struct {
    const char *name;
    float mean[3], std[3];
} colours[] = {
    { "imagenet", { 0.485f, 0.456f, 0.406f }, { 0.229f, 0.224f, 0.225f } },
    { "half", { 0.5f, 0.5f, 0.5f }, { 0.5f, 0.5f, 0.5f } },
    { "clip", { 0.48145466f, 0.4578275f, 0.40821073f }, { 0.26862954f, 0.26130258f, 0.27577711f } },
    { "none", { 0, 0, 0 }, { 1, 1, 1 } },
};

enum status config_colour(const struct config *c, const char *const *field, float out[3],
                          struct error *err)
{
    bool is_std = field == &c->values.data.std;
    const char *text = *field, *at = text;
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
        if (strcmp(text, colours[i].name) == 0) {
            memcpy(out, is_std ? colours[i].std : colours[i].mean, sizeof colours[i].mean);
            return OK;
        }
    for (int i = 0; i < 3; i++) {
        char *end;
        at += strspn(at, " ,");
        out[i] = strtof(at, &end);
        if (end == at || !isfinite(out[i]) || (is_std && !(out[i] > 0)))
            return config_fail(c, field, err,
                               "should be imagenet, half, clip, none, or three %snumbers for red, "
                               "green and blue",
                               is_std ? "positive " : "");
        at = end;
    }
    return at[strspn(at, " ,")] == '\0' ? OK
                                        : config_fail(c, field, err, "has more than three numbers");
}

struct eval_cut config_eval_cut(const struct config_values *v)
{
    return (struct eval_cut){ .crop = v->data.crop,
                              .filter =
                                  v->data.interpolation == 0 ? FILTER_BICUBIC : FILTER_BILINEAR };
}
