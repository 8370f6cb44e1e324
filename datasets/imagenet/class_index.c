#include "class_index.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "ilsvrc2012.h"

#define ILSVRC2012_SOURCE "ILSVRC2012"

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

void class_index_open(const struct dataset_options *options, struct class_index *out)
{
    static const struct {
        const char *word;
        enum class_rule rule;
    } rules[] = { { "index", CLASSES_BY_INDEX },
                  { "ilsvrc2012_id", CLASSES_BY_ILSVRC2012_ID },
                  { "folders", CLASSES_BY_FOLDER } };
    *out = (struct class_index){ .options = options };
    if (!is_set(options->classes))
        return;
    out->rule = CLASSES_LISTED;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(options->classes, rules[i].word) == 0)
            out->rule = rules[i].rule;
}

void class_index_close(struct class_index *c)
{
    class_list_free(&c->list);
    synsets_free(&c->synsets);
}

static enum status built_in(struct class_list *out, struct error *err)
{
    return class_list_parse(ilsvrc2012_classes, ILSVRC2012_SOURCE, out, err);
}

/* Fills *out from the options; count 0 where nothing names the classes. */
static enum status find_list(const struct class_index *c, struct class_list *out, struct error *err)
{
    const struct dataset_options *o = c->options;
    bool ilsvrc2012 = o->head_classes == ILSVRC2012_CLASSES || o->head_classes == 0;
    *out = (struct class_list){ 0 };
    if (c->rule == CLASSES_LISTED)
        return strcmp(o->classes, "ilsvrc2012") == 0 ? built_in(out, err)
                                                     : class_list_read(o->classes, out, err);
    if (c->rule != CLASSES_UNSAID)
        return OK;
    if (is_set(o->checkpoint))
        TRY(class_list_beside(o->checkpoint, out, err));
    return out->count == 0 && ilsvrc2012 ? built_in(out, err) : OK;
}

enum status class_index_names(const struct dataset_options *options, struct class_list *out,
                              struct error *err)
{
    struct class_index c;
    class_index_open(options, &c);
    TRY(find_list(&c, out, err));
    bool assumed = c.rule == CLASSES_UNSAID && out->source != NULL &&
                   strcmp(out->source, ILSVRC2012_SOURCE) == 0;
    if (options->head_classes > 0 ? out->count != options->head_classes : assumed)
        class_list_free(out);
    return OK;
}

enum status class_index_list(struct class_index *c, const struct class_list **out,
                             struct error *err)
{
    int head = c->options->head_classes;
    *out = &c->list;
    if (c->list.count > 0)
        return OK;
    TRY(find_list(c, &c->list, err));
    if (c->list.count == 0 && c->rule != CLASSES_UNSAID)
        return fail(err, E_CONFIG, "data.classes = %s says nothing of WordNet ids or names",
                    c->options->classes);
    if (c->list.count == 0)
        return fail(err, E_CONFIG,
                    "nothing says which %d classes the model's head has; a file that names them "
                    "is wanted, one a line ('n01440764 tench'): classes.txt beside the checkpoint, "
                    "or data.classes",
                    head);
    if (head > 0 && head != c->list.count)
        return fail(err, E_CONFIG,
                    "%s names %d classes, and the model's head has %d; data.classes names a file "
                    "with those of the head, one a line",
                    c->list.source, c->list.count, head);
    return OK;
}

enum status class_index_by_name(struct class_index *c, const char *name, int32_t *out,
                                struct error *err)
{
    const struct class_list *list;
    TRY(class_index_list(c, &list, err));
    *out = class_list_find(list, name);
    if (*out >= 0)
        return OK;
    if (*out == CLASS_NAMED_TWICE)
        return fail(err, E_CONFIG,
                    "two of the model's classes are called '%.80s' (%s); a list with WordNet ids "
                    "tells them apart (data.classes)",
                    name, list->source);
    return fail(err, E_CONFIG,
                "'%.80s' is none of the model's %d classes (%s); data.classes can name a file of "
                "others",
                name, list->count, list->source);
}

enum status class_index_by_call(struct class_index *c, const char *text, int32_t *out,
                                struct error *err)
{
    const struct class_list *list;
    int first;
    TRY(class_index_list(c, &list, err));
    int count = class_list_called(list, text, &first);
    *out = first;
    if (count == 1)
        return OK;
    if (count > 1)
        return fail(err, E_CONFIG,
                    "%d of the model's classes are called '%.80s' (%s), index %d is the first; an "
                    "index or a WordNet id tells them apart",
                    count, text, list->source, first);
    return fail(err, E_CONFIG,
                "'%.80s' is none of the model's %d classes, by WordNet id or name (%s)", text,
                list->count, list->source);
}

enum status devkit_file(const char *devkit, const char *name, char **path, struct error *err)
{
    *path = text_format("%s/data/%s", devkit, name);
    if (*path != NULL && access(*path, F_OK) != 0) {
        free(*path);
        *path = path_join(devkit, name);
    }
    if (*path == NULL)
        return fail(err, E_NOMEM, "no memory for a path");
    if (access(*path, F_OK) == 0)
        return OK;
    free(*path);
    *path = NULL;
    return fail(err, E_CONFIG,
                "%s: no %s in it or in its folder data; the unpacked ILSVRC2012_devkit_t12 is "
                "wanted",
                devkit, name);
}

static enum status read_synsets(struct class_index *c, struct error *err)
{
    const struct dataset_options *o = c->options;
    struct stat st;
    char *meta = NULL;
    if (!is_set(o->devkit))
        return fail(err, E_CONFIG,
                    "the devkit is wanted (data.devkit), whose meta.mat says which class an "
                    "ILSVRC2012_ID is");
    if (stat(o->devkit, &st) == 0 && S_ISREG(st.st_mode)) {
        if ((meta = strdup(o->devkit)) == NULL)
            return fail(err, E_NOMEM, "no memory for a path");
    } else {
        TRY(devkit_file(o->devkit, "meta.mat", &meta, err));
    }
    enum status status = synsets_read(meta, &c->synsets, err);
    if (status == OK && o->head_classes > 0 && (size_t)o->head_classes != c->synsets.classes)
        status = fail(err, E_CONFIG, "%s has %zu classes, and the model's head has %d", meta,
                      c->synsets.classes, o->head_classes);
    free(meta);
    return status;
}

/* Whether a list other than the devkit's own order says which index a class has. */
static enum status has_own_list(struct class_index *c, bool *out, struct error *err)
{
    struct class_list beside = { 0 };
    *out = c->rule == CLASSES_LISTED;
    if (c->rule == CLASSES_UNSAID && is_set(c->options->checkpoint)) {
        TRY(class_list_beside(c->options->checkpoint, &beside, err));
        *out = beside.count > 0;
        class_list_free(&beside);
    }
    return OK;
}

enum status class_index_by_id(struct class_index *c, int32_t id, int32_t *out, struct error *err)
{
    if (c->synsets.classes == 0) {
        TRY(has_own_list(c, &c->own_list, err));
        TRY(read_synsets(c, err));
    }
    if (id < 0 || (size_t)id >= c->synsets.ids || c->synsets.class_of[id] < 0)
        return fail(err, E_CONFIG, "ILSVRC2012_ID %d is no class of %s", (int)id,
                    c->options->devkit);
    *out = c->synsets.class_of[id];
    return c->own_list ? class_index_by_name(c, c->synsets.wnids[*out].text, out, err) : OK;
}

enum status class_index_by_number(struct class_index *c, int32_t number, int32_t *out,
                                  struct error *err)
{
    if (c->rule == CLASSES_BY_ILSVRC2012_ID)
        return class_index_by_id(c, number, out, err);
    if (number < c->options->label_base)
        return fail(err, E_CONFIG, "label %d, where data.label_base says that they start from %d",
                    (int)number, c->options->label_base);
    c->numbers = true;
    *out = number - c->options->label_base;
    return OK;
}

int32_t class_number(const char *text)
{
    int64_t value = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (!isdigit((unsigned char)*at) || value > INT32_MAX)
            return -1;
        value = value * 10 + (*at - '0');
    }
    return text[0] == '\0' || value > INT32_MAX ? -1 : (int32_t)value;
}
