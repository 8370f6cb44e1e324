/* evalh explain CHECKPOINT IMAGE...: what a model sees in a photograph, and why (SPEC 5, 6). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "class_list.h"
#include "colour.h"
#include "command.h"
#include "explain_classes.h"
#include "free_all.h"
#include "gnuplot.h"
#include "log.h"
#include "inference_cli.h"
#include "outputs.h"
#include "suggest.h"

enum { TOP = 5 };

struct options {
    struct inference_cli cli;
    const char *beside, *methods, *names, *protocol, *class;
    const char *checkpoint;
    struct cli_list images;
};

/* ---- methods --------------------------------------------------------------------------------- */

static enum status unknown_method(const char *typed, const struct engine *e, struct error *err)
{
    const char *names[EXPLAIN_METHODS];
    size_t count = 0;
    char list[300];
    for (int i = 0; i < e->method_count && count < EXPLAIN_METHODS; i++)
        names[count++] = e->methods[i].name;
    join_words(list, sizeof list, names, count);
    const char *near = suggest(typed, names, count);
    return fail(err, E_CONFIG, "--methods: '%s' is not a method for a %s%s%s%s; those are %s",
                typed, e->info.arch, near ? "; did you mean '" : "", near ? near : "",
                near ? "'?" : "", list);
}

/* Turns "raw, rollout" into methods that every model has; without --methods it takes all methods
 * but the controls. */
static enum status choose_methods(struct explain_figure *p, const struct options *o,
                                  struct error *err)
{
    const struct engine *first = p->models[0].inference.engine;
    if (o->methods == NULL) {
        for (int i = 0; i < first->method_count && p->method_count < EXPLAIN_METHODS; i++) {
            bool all = !first->methods[i].control && !first->methods[i].references;
            for (int k = 1; k < p->model_count; k++)
                all &= engine_method(p->models[k].inference.engine, first->methods[i].name) != NULL;
            if (all)
                p->methods[p->method_count++] = first->methods[i].name;
        }
        return OK;
    }
    char *words = strdup(o->methods), *rest = words;
    enum status status = words != NULL ? OK : fail(err, E_NOMEM, "out of memory");
    for (char *w; status == OK && (w = strtok_r(rest, ", ", &rest)) != NULL;) {
        for (int k = 0; status == OK && k < p->model_count; k++)
            if (engine_method(p->models[k].inference.engine, w) == NULL)
                status = unknown_method(w, p->models[k].inference.engine, err);
        if (status == OK && engine_method(first, w)->references)
            status = fail(err, E_CONFIG,
                          "--methods: '%s' begins at images of a data set, and there is none here; "
                          "evalh run has one",
                          w);
        if (status == OK && p->method_count == EXPLAIN_METHODS)
            status = fail(err, E_CONFIG, "--methods: more than %d", EXPLAIN_METHODS);
        if (status == OK)
            p->methods[p->method_count++] = engine_method(first, w)->name;
    }
    free(words);
    if (status == OK && p->method_count == 0)
        status = fail(err, E_CONFIG, "--methods: none is named");
    return status;
}

/* ---- models ---------------------------------------------------------------------------------- */

static enum status prepare(struct explain_figure *p, struct explained_model *model,
                           const struct options *o, struct error *err)
{
    static const bool classes[CLASS_CHOICES] = { [CLASS_PREDICTED] = true };
    struct engine *e = model->inference.engine;
    const struct engine_method *methods[EXPLAIN_METHODS];
    struct explain_options eo = explain_defaults;
    eo.protocol = o->protocol;
    for (int i = 0; i < p->method_count; i++)
        methods[i] = engine_method(e, p->methods[i]);
    TRY(engine_prepare(e, methods, p->method_count, classes, &eo, err));
    size_t pixels = (size_t)e->info.image_size * (size_t)e->info.image_size;
    model->maps = calloc(engine_map_values(e), sizeof *model->maps);
    model->heat = malloc((size_t)p->method_count * pixels * sizeof(float));
    if (model->maps == NULL || model->heat == NULL)
        return fail(err, E_NOMEM, "no memory for %d heat maps", p->method_count);
    return OK;
}

static enum status open_panel(struct explain_figure *p, const struct options *o, struct error *err)
{
    p->model_count = o->beside != NULL ? 2 : 1;
    p->protocol = o->protocol;
    p->preprocess = preprocess_names[o->cli.preprocess];
    p->vector = o->cli.vector;
    TRY(inference_cli_open(&o->cli, o->checkpoint, o->beside != NULL, &p->models[0].inference,
                           err));
    if (o->beside != NULL)
        TRY(inference_cli_open(&o->cli, o->beside, true, &p->models[1].inference, err));
    TRY(explain_names(p, o->names, o->checkpoint, err));
    TRY(explain_choose_class(p, o->class, &p->choice, err));
    TRY(choose_methods(p, o, err));
    for (int k = 0; k < p->model_count; k++)
        TRY(prepare(p, &p->models[k], o, err));
    return OK;
}

static void close_panel(struct explain_figure *p)
{
    for (int k = 0; k < EXPLAIN_MODELS; k++) {
        inference_close(&p->models[k].inference);
        FREE_ALL(p->models[k].maps, p->models[k].heat);
    }
    class_list_free(&p->names);
}

/* ---- one image ------------------------------------------------------------------------------- */

/* Probabilities in double, and the order of the largest; equal ones by index. */
static void print_top(const struct explain_figure *p, const struct explained_model *model,
                      const char *path)
{
    const struct inference *s = &model->inference;
    int classes = s->engine->info.classes, shown[TOP], count = classes < TOP ? classes : TOP;
    char buffer[32];
    printf("%s: %s\n", path, s->engine->info.title);
    for (int i = 0; i < count; i++) {
        shown[i] = -1;
        for (int k = 0; k < classes; k++) {
            bool taken = false;
            for (int j = 0; j < i; j++)
                taken |= shown[j] == k;
            if (!taken && (shown[i] < 0 || s->logits[k] > s->logits[shown[i]]))
                shown[i] = k;
        }
        printf("  %6.2f %%  %5d  %s\n", 100 * inference_probability(s, shown[i]), shown[i],
               p->names.count > 0 ? class_list_name(&p->names, shown[i], buffer) : "");
    }
}

static enum status explain_model(struct explained_model *model, int class, struct error *err)
{
    struct inference *s = &model->inference;
    int32_t predicted;
    float identity;
    uint8_t zero_row_sum;
    const struct explain_image image = { .rgb = s->rgb,
                                         .label = 0,
                                         .predicted = class >= 0 ? class : inference_top(s) };
    const struct explain_result result = { &predicted, model->maps, &identity, &zero_row_sum,
                                           NULL };
    model->class = image.predicted;
    TRY(engine_explain(s->engine, &image, 1, &result, err));
    if (zero_row_sum)
        log_warn("a rollout met rows whose sum is 0; those rows are not divided by it");
    for (int m = 0; s->engine->info.others > 1 && m < s->engine->prepared_count; m++) {
        double share = 100 * (double)engine_dropped(s->engine, 0, m, CLASS_PREDICTED);
        if (!isnan(share))
            printf("  %-12s %.1f %% of the relevance is on tokens that are no patches\n",
                   s->engine->prepared[m]->name, share);
    }
    return inference_heat(s, model->maps, CLASS_PREDICTED, model->heat, err);
}

/* The path FOLDER/NAME, and FOLDER/NAME-2 for the second image of that name; malloc'ed. */
static char *stem_of(const struct options *o, int index)
{
    char name[256], other[256], number[16] = "";
    char *stem;
    int same = 1;
    explain_figure_stem(o->images.text[index], name, sizeof name);
    for (int i = 0; i < index; i++) {
        explain_figure_stem(o->images.text[i], other, sizeof other);
        same += strcmp(name, other) == 0;
    }
    if (same > 1)
        snprintf(number, sizeof number, "-%d", same);
    if (asprintf(&stem, "%s/%s%s", o->cli.out, name, number) < 0)
        return NULL;
    return stem;
}

static enum status draw(const struct explain_figure *p, const struct options *o, int index,
                        struct error *err)
{
    char *stem = stem_of(o, index);
    enum status status = stem != NULL ? explain_figure_draw(p, o->images.text[index], stem, err)
                                      : fail(err, E_NOMEM, "out of memory");
    free(stem);
    return status;
}

/* With --out . the picture of DIR/cat.png would take its place. */
static enum status check_out(const struct options *o, struct error *err)
{
    const char *const models[] = { o->checkpoint, o->beside, o->names };
    const struct outputs_inputs from[] = { { o->images.text, o->images.count },
                                           { models, sizeof models / sizeof *models } };
    enum status status = OK;
    for (size_t i = 0; i < o->images.count && status == OK; i++) {
        char *stem = stem_of(o, (int)i);
        status = stem != NULL ? outputs_check_stem("--out", stem, &from[0], err)
                              : fail(err, E_NOMEM, "out of memory");
        if (status == OK)
            status = outputs_check_stem("--out", stem, &from[1], err);
        free(stem);
    }
    return status;
}

static enum status explain_image(struct explain_figure *p, const struct options *o, int index,
                                 struct error *err)
{
    const char *path = o->images.text[index];
    struct image image;
    int class;
    TRY(explain_class_of(p, p->choice, path, &class, err));
    TRY(image_read(path, &image, err));
    enum status status = OK;
    for (int k = 0; k < p->model_count && status == OK; k++) {
        status = inference_run(&p->models[k].inference, &image, err);
        if (status == OK)
            print_top(p, &p->models[k], path);
        if (status == OK)
            status = explain_model(&p->models[k], class, err);
    }
    image_free(&image);
    return status == OK ? draw(p, o, index, err) : status;
}

static enum status explain_images(void *options, bool *begun, struct error *err)
{
    const struct options *o = options;
    struct explain_figure panel = { 0 };
    TRY(check_out(o, err));
    enum status status = open_panel(&panel, o, err);
    if (status == OK)
        status = make_directory(o->cli.out, err);
    for (size_t i = 0; i < o->images.count && status == OK; i++) {
        status = explain_image(&panel, o, i, err);
        *begun = status == OK || i > 0;
    }
    close_panel(&panel);
    return status;
}

static int run_explain(void *options)
{
    return cli_run(explain_images, options);
}

/* ---- the command line ------------------------------------------------------------------------ */

enum { KEY_BESIDE = 256 };

static const struct argp_option option_table[] = {
    { "methods", 'm', "METHOD,...", 0, "explanation methods (default: all that the model has)", 0 },
    { "class", 'c', "predicted|target|N|NAME", 0,
      "explain the predicted class (default), the one that the image's path tells, or this one",
      0 },
    { "names", 'n', "FILE", 0,
      "class names: one a line, or 'index wnid name' lines (default: classes.txt beside the "
      "checkpoint, else ImageNet's for 1000 classes)",
      0 },
    { "protocol", 'P', "released|paper", 0, "reading of the paper (default: released)", 0 },
    { "beside", KEY_BESIDE, "CHECKPOINT", 0, "a second model, its heat maps in a second row", 0 },
    INFERENCE_CLI_OPTIONS("results/explain"),
};

static const char *const protocols[] = { "released", "paper", NULL };
#define AT(field) offsetof(struct options, field)
static const struct cli_place places[] = {
    { CLI_TEXT, 'm', AT(methods), 0, 0, NULL },
    { CLI_TEXT, 'c', AT(class), 0, 0, NULL },
    { CLI_TEXT, 'n', AT(names), 0, 0, NULL },
    { CLI_TEXT, 'P', AT(protocol), 0, 0, protocols },
    { CLI_TEXT, KEY_BESIDE, AT(beside), 0, 0, NULL },
    INFERENCE_CLI_PLACES(AT(cli)),
    CLI_FILE_ARGUMENTS(AT(images), "a checkpoint and at least one image are expected"),
    { 0 },
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
    struct options *o = cli_options(state);
    if (key == ARGP_KEY_ARG && o->checkpoint == NULL) {
        o->checkpoint = value;
        return 0;
    }
    return cli_option(key, value, state);
}

static const struct argp argp =
    CLI_ARGP(option_table, parse_option, "CHECKPOINT IMAGE...",
             "Prints what the model takes each IMAGE for, and draws the image beside heat maps of "
             "why (the paper's Figure 4, with --beside).");

static const struct options defaults = { .cli = INFERENCE_CLI_START("results/explain"),
                                         .protocol = "released",
                                         .class = "predicted" };

const struct command command_explain = { "explain",
                                         "what a model sees in photographs, with heat maps", &argp,
                                         CLI_OPTIONS(places, defaults), run_explain };
