#include "scene_cli.h"

#include <stdio.h>
#include <string.h>

error_t scene_cli_word(struct argp_state *state, const char *option, const char *text,
                       const char *const *words, int *out)
{
    char list[200] = "";
    for (size_t i = 0, used = 0; words[i] != NULL && used < sizeof list; i++) {
        if (strcmp(words[i], text) == 0) {
            *out = (int)i;
            return 0;
        }
        used +=
            (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    argp_error(state, "--%s %s: one of %s is expected", option, text, list);
    return EINVAL;
}

static error_t whole(struct argp_state *state, const char *option, const char *text, long high,
                     int *out)
{
    long n = 0;
    error_t bad = cli_whole(state, option, text, 1, high, &n);
    *out = (int)n;
    return bad;
}

error_t scene_cli_parse(int key, char *value, struct argp_state *state, struct scene_cli *c)
{
    static const char *const devices[] = { "auto", "cpu", "cuda", "ref", NULL };
    int word = 0;
    error_t bad;
    switch (key) {
    case 'p':
        bad = scene_cli_word(state, "preprocess", value, preprocess_names, &word);
        c->scene.preprocess = (enum preprocess)word;
        return bad;
    case SCENE_HEADS:
        return whole(state, "heads", value, 4096, &c->scene.heads);
    case SCENE_SIZE:
        return whole(state, "image-size", value, 4096, &c->scene.image_size);
    case 'o':
        c->out = value;
        return 0;
    case SCENE_VECTOR:
        c->vector = true;
        return 0;
    case SCENE_DEVICE:
        c->scene.device = value;
        return scene_cli_word(state, "device", value, devices, &word);
    case SCENE_THREADS:
        return whole(state, "threads", value, 1024, &c->scene.threads);
    case CLI_HELP:
        c->help = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

enum status scene_cli_open(const struct scene_cli *c, const char *checkpoint, bool two,
                           struct scene *s, struct error *err)
{
    struct scene_options o = c->scene;
    o.checkpoint = checkpoint;
    enum status status = scene_open(s, &o, err);
    if (status != OK && two && o.heads > 0 && strstr(err->text, "no heads") != NULL) {
        o.heads = 0;
        status = scene_open(s, &o, err);
    }
    return status;
}
