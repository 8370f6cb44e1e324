/* make_result PATH [KEY=VALUE ...]: a made-up result file, for looking at tables and plots. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "make_result.h"

static int set(struct make_result *o, const char *pair)
{
    const char *value = strchr(pair, '=');
    const struct {
        const char *name;
        const char **text;
        bool *flag;
    } keys[] = {
        { "arch", &o->arch, NULL },
        { "dataset", &o->dataset, NULL },
        { "protocol", &o->protocol, NULL },
        { "checkpoint", &o->checkpoint, NULL },
        { "sha256", &o->sha256, NULL },
        { "methods", &o->methods, NULL },
        { "explain", &o->explain, NULL },
        { "labels", NULL, &o->labels },
        { "perturbation", NULL, &o->perturbation },
        { "segmentation", NULL, &o->segmentation },
        { "shortcuts", NULL, &o->shortcuts },
        { "extras", NULL, &o->extras },
    };
    if (!value++)
        return -1;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        size_t length = strlen(keys[i].name);
        if (strncmp(pair, keys[i].name, length) != 0 || pair[length] != '=')
            continue;
        if (keys[i].text)
            *keys[i].text = value;
        else
            *keys[i].flag = strcmp(value, "0") != 0;
        return 0;
    }
    if (strncmp(pair, "images=", 7) == 0)
        o->images = strtoul(value, NULL, 10);
    else if (strncmp(pair, "seed=", 5) == 0)
        o->seed = (unsigned)strtoul(value, NULL, 10);
    else if (strncmp(pair, "top1=", 5) == 0)
        o->top1 = strtod(value, NULL);
    else if (strncmp(pair, "skipped=", 8) == 0)
        o->skipped = atoi(value);
    else
        return -1;
    return 0;
}

int main(int argc, char **argv)
{
    struct make_result o = make_result_default;
    for (int i = 2; i < argc; i++)
        if (set(&o, argv[i]) != 0) {
            fprintf(stderr, "make_result: %s: what is that?\n", argv[i]);
            return 2;
        }
    if (argc < 2 || make_result_file(argv[1], &o) != 0) {
        fprintf(stderr, "make_result PATH [KEY=VALUE ...]: could not write\n");
        return 1;
    }
    return 0;
}
