/* Beside which runs published figures stand unmarked: each key that shapes results is judged, and
 * one that says what is so in any case is no difference. */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "comparability.h"
#include "config.h"
#include "dataset.h"
#include "gtsegs.h"
#include "published.h"

#include "report_tests.h"

static const char deit_small_sha256[] =
    "cd65a1550123456789abcdef0123456789abcdef0123456789abcdef01234567"; /* its published digits */

/* Of 4,276 images in a file of 1,340,808,474 bytes: see a_file_of_that_size. */
static const char gtsegs_fingerprint[] =
    "9031b6d695569acd164ae3fc81684fe3e72d313db952f2a0c09ce595e0e0af99";

/* --- a run under the published conditions ---------------------------------------------------- */

struct judged {
    struct published published;
    struct result *result;
    const char *kind;
    bool vim; /* Vim-S, known by its name; else DeiT-S, known by its hash */
    struct comparability base;
};

static void set_attribute(struct judged *j, enum result_attribute which, const char *text)
{
    free(j->result->attribute[which]);
    j->result->attribute[which] = strdup(text);
    assert_non_null(j->result->attribute[which]);
}

static struct comparability judge(const struct judged *j)
{
    struct comparability out;
    bool labelled = strcmp(j->kind, "perturbation") == 0;
    comparability_judge(j->result, &j->published, j->kind, j->result->images, labelled ? 78 : NAN,
                        &out);
    return out;
}

static void begin(struct judged *j, const char *kind, bool vim)
{
    char path[PUBLISHED_PATH];
    struct error err;
    bool perturbation = strcmp(kind, "perturbation") == 0;
    struct make_result o = make_result_default;
    o.methods = "raw";
    o.grid = 1;
    o.skipped = 0;
    o.fingerprint = gtsegs_fingerprint;
    o.extras = false;
    o.images = perturbation ? 50000 : 4276;
    o.validation = o.labels = o.perturbation = perturbation;
    o.segmentation = !perturbation;
    o.top1 = 0.78;
    o.dataset = perturbation ? "imagenet" : "imagenet_seg";
    o.arch = vim ? "vim_small" : "vit";
    o.checkpoint = vim ? "vim_s_midclstok_80p5acc.pth" : "deit_small_patch16_224-cd65a155.pth";
    o.sha256 = vim ? make_result_default.sha256 : deit_small_sha256;
    *j = (struct judged){ .kind = kind, .vim = vim };
    assert_int_equal(published_load(published_directory(path), &j->published, &err), OK);
    assert_int_equal(make_result_file(in_folder("judged.h5"), &o), 0);
    assert_int_equal(result_open(in_folder("judged.h5"), &j->result, &err), OK);
    j->base = judge(j);
    assert_true(j->base.comparable);
}

static void end(struct judged *j)
{
    result_close(j->result);
    published_free(&j->published);
}

/* The run with one key set. What results have as an attribute of its own is set there, too. */
static struct comparability judge_key(struct judged *j, const char *section, const char *name,
                                      const char *value)
{
    static const struct {
        const char *name;
        enum result_attribute attribute;
    } twice[] = { { "run.protocol", ATTR_PROTOCOL },
                  { "data.preprocess", ATTR_PREPROCESS },
                  { "data.kind", ATTR_DATASET } };
    char text[512], full[80], before[64] = "";
    snprintf(text, sizeof text, "[%s]\n%s = %s\n", section, name, value);
    snprintf(full, sizeof full, "%s.%s", section, name);
    set_attribute(j, ATTR_CONFIG, text);
    size_t i = 0;
    while (i < sizeof twice / sizeof *twice && strcmp(twice[i].name, full) != 0)
        i++;
    if (i < sizeof twice / sizeof *twice) {
        snprintf(before, sizeof before, "%s", j->result->attribute[twice[i].attribute]);
        set_attribute(j, twice[i].attribute, value);
    }
    struct comparability out = judge(j);
    if (*before != '\0')
        set_attribute(j, twice[i].attribute, before);
    return out;
}

static bool is_marked(const struct judged *j, const struct comparability *c)
{
    return strcmp(c->why, j->base.why) != 0 || strcmp(c->variant, j->base.variant) != 0;
}

/* --- each key -------------------------------------------------------------------------------- */

/* The keys, or values of them, that change no published figure. */
static const struct {
    const char *key, *value; /* value NULL: any */
    const char *only;        /* these figures, or models ("vim", "vit"); NULL: all */
} harmless[] = {
    { "run.seed", NULL, NULL },                 /* of controls and of random order, alone */
    { "explain.randomise_layers", NULL, NULL }, /* of a control */
    { "run.limit", NULL, NULL },                /* a run says how many images it has */
    { "explain.methods", NULL, NULL },          /* these four choose rows, */
    { "explain.class", NULL, NULL },            /* of which each has its own figures */
    { "task.kind", NULL, NULL },
    { "task.directions", NULL, NULL },
    { "data.split", NULL, NULL }, /* of the demo set, which no published run saw */
    { "data.images", NULL, NULL },
    { "data.seed", NULL, NULL },
    { "data.size", NULL, NULL },
    { "task.groups", NULL, NULL }, /* of tests for which nothing was published */
    { "task.tiles", NULL, NULL },
    { "task.subsets", NULL, NULL },
    { "task.samples", NULL, NULL },
    { "task.radius", NULL, NULL },
    { "task.fill", NULL, "segmentation" }, /* nothing is removed there, */
    { "task.steps", NULL, "segmentation" },
    { "task.upto", NULL, "segmentation" },
    { "explain.ties", NULL, "segmentation" },    /* and nothing sorted */
    { "data.mask_order", NULL, "perturbation" }, /* which sees no masks */
    { "data.mask_order", "wh", NULL },           /* as they are in the file */
    { "data.crop", NULL, NULL },                 /* of eval; these runs have stretch */
    { "data.interpolation", NULL, NULL },
    { "model.cls", "middle", "vim" }, /* these say what auto means in published models */
    { "model.pool", "cls", "vit" },
    { "model.activation", "gelu", "vit" },
};

static bool is_harmless(const struct judged *j, const struct config_key *k, const char *value)
{
    char full[80];
    const char *arch = j->vim ? "vim" : "vit";
    snprintf(full, sizeof full, "%s.%s", k->section, k->name);
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(harmless[i].key, full) == 0 &&
            (harmless[i].value == NULL || strcmp(harmless[i].value, value) == 0) &&
            (harmless[i].only == NULL || strcmp(harmless[i].only, j->kind) == 0 ||
             strcmp(harmless[i].only, arch) == 0))
            return true;
    for (int i = 0; strcmp(k->section, "explain") == 0 && i < EXPLAIN_SWITCH_COUNT; i++)
        if (strcmp(explain_switch_infos[i].key, k->name) == 0)
            return explain_switch_published(&explain_switch_infos[i], value, arch);
    return false;
}

/* The i-th value to try for a key; false: there are no more. */
static bool value_of(const struct config_key *k, int i, char *out, size_t size)
{
    int names = 0;
    const double number[] = { k->low, k->high, (k->low + k->high) / 2 };
    switch (k->type) {
    case KEY_CHOICE:
    case KEY_SET:
        while (k->names[names] != NULL)
            names++;
        snprintf(out, size, "%s", i < names ? k->names[i] : "");
        return i < names;
    case KEY_INT:
        snprintf(out, size, "%.0f", i < 3 ? floor(number[i]) : 0);
        return i < 3;
    case KEY_REAL:
        snprintf(out, size, "%.17g", i < 3 ? number[i] : 0);
        return i < 3;
    default:
        snprintf(out, size, "other");
        return i == 0;
    }
}

static int walk(struct judged *j)
{
    char value[64];
    int wrong = 0, tried = 0;
    for (size_t at = 0; at < config_key_count; at++) {
        const struct config_key *k = &config_keys[at];
        for (int i = 0;
             k->shapes_result != KEY_SHAPES_NOTHING && value_of(k, i, value, sizeof value); i++) {
            if (k->initial != NULL && explain_same_value(k->initial, value))
                continue;
            struct comparability c = judge_key(j, k->section, k->name, value);
            bool named = is_marked(j, &c), want = !is_harmless(j, k, value);
            tried++;
            wrong += named != want;
            if (named != want)
                print_error("%s of %s: %s.%s = %s is %s (%s)\n", j->kind,
                            j->vim ? "Vim-S" : "DeiT-S", k->section, k->name, value,
                            named ? "marked" : "not marked", c.why);
        }
    }
    assert_true(tried > 100);
    return wrong;
}

static void every_key_is_judged(void **state)
{
    (void)state;
    int wrong = 0;
    for (int i = 0; i < 4; i++) {
        struct judged j;
        begin(&j, i < 2 ? "perturbation" : "segmentation", i % 2 == 0);
        if (i == 0 || i == 3)
            assert_string_equal(j.base.why, "");
        wrong += walk(&j);
        end(&j);
    }
    assert_int_equal(wrong, 0);
}

/* A value that says what is so in any case is no difference, however it is written. */
static void said_and_so(void **state)
{
    (void)state;
    static const struct {
        const char *section, *name, *value;
        bool vim, vit; /* marked of a Vim, of a ViT */
    } cases[] = {
        { "model", "heads", "6", true, false },
        { "model", "heads", "12", true, true },
        { "model", "image_size", "224", false, false },
        { "model", "image_size", "211", true, true },
        { "model", "eps", "1e-06", true, false },
        { "model", "eps", "0.000001", true, false },
        { "model", "eps", "0.00001", false, true },
        { "model", "cls", "middle", false, true },
        { "model", "cls", "first", true, true },
        { "model", "pool", "cls", true, false },
        { "model", "pool", "mean", true, true },
        { "model", "activation", "gelu", true, false },
        { "model", "activation", "tanh", true, true },
        { "data", "mean", "0.485 0.456 0.406", false, false },
        { "data", "mean", "0.485, 0.4560, 0.406", false, false },
        { "data", "mean", "0.485 0.456", true, true },
        { "data", "mean", "0.485 0.456 0.407", true, true },
        { "data", "mean", "half", true, true },
        { "data", "std", "0.229 0.224 0.225", false, false },
        { "data", "std", "half", true, true },
        { "explain", "discard", "0.00", false, false },
        { "explain", "start_layer", "15", false, true },
        { "task", "steps", "9", false, false },
        { "maps", "mine", "maps.h5", false, false },
        { "maps", "raw", "maps.h5", true, true },
    };
    for (int vim = 0; vim < 2; vim++) {
        struct judged j;
        begin(&j, "perturbation", vim == 1);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct comparability c = judge_key(&j, cases[i].section, cases[i].name, cases[i].value);
            if (is_marked(&j, &c) != (vim == 1 ? cases[i].vim : cases[i].vit))
                fail_msg("%s.%s = %s: '%s'", cases[i].section, cases[i].name, cases[i].value,
                         c.why);
        }
        end(&j);
    }
}

/* What differs is named, and the side also where the file alone says it. */
static void geometry_is_named(void **state)
{
    (void)state;
    struct judged j;
    begin(&j, "segmentation", false);
    struct comparability c = judge_key(&j, "model", "heads", "12");
    assert_non_null(strstr(c.why, "model.heads = 12, not 6"));
    c = judge_key(&j, "model", "image_size", "211");
    assert_non_null(strstr(c.why, "model.image_size = 211, not 224"));
    j.result->image_size = 384;
    c = judge_key(&j, "model", "image_size", "auto");
    assert_non_null(strstr(c.why, "model.image_size = 384, not 224"));
    j.result->image_size = 224;
    c = judge_key(&j, "model", "image_size", "auto");
    assert_string_equal(c.why, j.base.why);
    end(&j);
}

/* A discarded share is the published ablation, however it is written. */
static void variant_as_published(void **state)
{
    (void)state;
    struct judged j;
    begin(&j, "segmentation", true);
    struct comparability c = judge_key(&j, "explain", "discard", ".20");
    assert_string_equal(c.variant, "discard=0.2");
    assert_string_equal(c.why, j.base.why);
    assert_non_null(published_find(&j.published, "segmentation", c.model, "rollout", c.variant));
    end(&j);
}

/* --- ImageNet-Segmentation ------------------------------------------------------------------- */

/* Any other file of as many images is marked, in the report too. */
static void segmentation_by_fingerprint(void **state)
{
    (void)state;
    static const char other[] = "the data set is known by its count alone: its fingerprint is not "
                                "that of gtsegs_ijcv.mat (1340808474 bytes)";
    struct judged j;
    begin(&j, "segmentation", false);
    assert_string_equal(j.base.why, "");
    set_attribute(&j, ATTR_DATASET_FINGERPRINT, "feedbeef");
    struct comparability c = judge(&j);
    assert_true(c.comparable);
    assert_string_equal(c.why, other);
    for (size_t i = 0; i < j.published.entries; i++) /* a user's own figures may know less */
        j.published.entry[i].fingerprint[0] = '\0';
    c = judge(&j);
    assert_string_equal(c.why, "the data set is known by its count alone");
    j.result->images--;
    c = judge(&j);
    assert_string_equal(c.why, "4275 of 4276 images");
    j.result->images++;
    end(&j);

    struct outcome r = REPORT(in_folder("judged.h5"), "--resamples", "10");
    assert_non_null(strstr(r.out, "Published: Ali et al. 2025, Tables 2, 5 and 6."));
    assert_null(strstr(r.out, "†"));
    outcome_free(&r);
    struct make_result o = make_result_default;
    o.images = 4276;
    o.methods = "raw";
    o.grid = 1;
    o.skipped = 0;
    o.perturbation = o.labels = false;
    o.segmentation = true;
    o.dataset = "imagenet_seg";
    o.arch = "vit";
    o.sha256 = deit_small_sha256;
    assert_int_equal(make_result_file(in_folder("unknown.h5"), &o), 0);
    r = REPORT(in_folder("unknown.h5"), "--resamples", "10");
    assert_non_null(strstr(r.out, "59.69†"));
    assert_non_null(strstr(r.out, other));
    outcome_free(&r);
}

/* The fingerprint that models.ini has is what the data set's own code makes of such a file. */
static void a_file_of_that_size(void **state)
{
    (void)state;
    struct published p;
    char path[PUBLISHED_PATH];
    struct error err;
    struct gtsegs_writer *w;
    uint8_t pixels[2 * 3] = { 0 };
    const int8_t mask[2] = { 0, 1 };
    const int8_t *const masks[] = { mask };
    const struct image image = { .width = 2, .height = 1, .rgb = pixels };
    assert_int_equal(published_load(published_directory(path), &p, &err), OK);
    const struct published_entry *set = published_find(&p, "dataset", "imagenet_seg", "", "");
    assert_non_null(set);
    assert_int_equal(gtsegs_create(in_folder("gtsegs.mat"), (size_t)set->images, false, &w, &err),
                     OK);
    for (size_t i = 0; i < (size_t)set->images; i++)
        assert_int_equal(gtsegs_put(w, i, &image, masks, &err), OK);
    assert_int_equal(gtsegs_finish(w, &err), OK);
    assert_int_equal(truncate(in_folder("gtsegs.mat"), (off_t)set->bytes), 0); /* grows: a hole */
    const struct dataset_options options = { .kind = "imagenet_seg",
                                             .path = in_folder("gtsegs.mat") };
    struct dataset *dataset;
    assert_int_equal(dataset_open(&options, &dataset, &err), OK);
    assert_string_equal(dataset->fingerprint, set->fingerprint);
    assert_string_equal(dataset->fingerprint, gtsegs_fingerprint);
    dataset_close(dataset);
    published_free(&p);
}

int main(void)
{
    return RUN_TESTS(make_folder, remove_folder, TEST(every_key_is_judged), TEST(said_and_so),
                     TEST(geometry_is_named), TEST(variant_as_published),
                     TEST(segmentation_by_fingerprint), TEST(a_file_of_that_size));
}
