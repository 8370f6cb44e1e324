#include "inference_cli.h"

#include <stdio.h>
#include <string.h>

const char *const inference_devices[] = { "auto", "cpu", "cuda", "ref", NULL };

enum status inference_cli_blame(struct error *err)
{
    static const struct {
        const char *key, *option;
    } options[] = { { "model.heads", "--heads" }, { "model.image_size", "--image-size" } };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (strcmp(err->key, options[i].key) == 0)
            return fail_prefix(err, "%s (%s in a config): ", options[i].option, err->key);
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
