#include "inference_cli.h"

#include <stdio.h>
#include <string.h>

error_t inference_cli_word(struct argp_state *state, const char *option, const char *text,
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

error_t inference_cli_parse(int key, char *value, struct argp_state *state, struct inference_cli *c)
{
    static const char *const devices[] = { "auto", "cpu", "cuda", "ref", NULL };
    int word = 0;
    error_t bad;
    switch (key) {
    case 'p':
        bad = inference_cli_word(state, "preprocess", value, preprocess_names, &word);
        c->preprocess = (enum preprocess)word;
        return bad;
    case INFERENCE_HEADS:
        return whole(state, "heads", value, 4096, &c->engine.model.heads);
    case INFERENCE_SIZE:
        return whole(state, "image-size", value, 4096, &c->engine.model.image_size);
    case 'o':
        c->out = value;
        return 0;
    case INFERENCE_VECTOR:
        c->vector = true;
        return 0;
    case INFERENCE_DEVICE:
        c->engine.device = value;
        return inference_cli_word(state, "device", value, devices, &word);
    case INFERENCE_THREADS:
        return whole(state, "threads", value, 1024, &c->engine.threads);
    case CLI_HELP:
        c->help = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

enum status inference_cli_blame(struct error *err)
{
    static const struct {
        const char *key, *option;
    } options[] = { { "model.heads", "--heads" }, { "model.image_size", "--image-size" } };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strcmp(err->key, options[i].key) == 0)
            return fail_prefix(err, "%s: ", options[i].option);
    return err->key[0] != '\0' ? fail_prefix(err, "%s: ", err->key) : err->code;
}

enum status inference_cli_open(const struct inference_cli *c, const char *checkpoint, bool two,
                               struct inference *s, struct error *err)
{
    struct engine_options o = c->engine;
    o.checkpoint = checkpoint;
    o.model.heads_if_any = two;
    enum status status = inference_open(s, &o, c->preprocess, err);
    return status == OK ? OK : inference_cli_blame(err);
}
