#include "explain_classes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"
#include "log.h"
#include "quote.h"

/* ---- names ----------------------------------------------------------------------------------- */

/* The first model whose number of classes is not the number of names; NULL: there is none. */
static const struct engine *unnamed_model(const struct explain_figure *p)
{
    for (int k = 0; k < p->model_count && p->names.count > 0; k++)
        if (p->models[k].inference.engine->info.classes != p->names.count)
            return p->models[k].inference.engine;
    return NULL;
}

/* Names that lie beside the checkpoint are used where their number fits; in a folder of several
 * models they may belong to another one. */
enum status explain_names(struct explain_figure *p, const char *names, const char *checkpoint,
                          struct error *err)
{
    enum status status = names != NULL ? class_list_read(names, &p->names, err)
                                       : class_list_beside(checkpoint, &p->names, err);
    const struct engine *other = unnamed_model(p);
    if (status == OK && other != NULL)
        status = fail(err, E_CONFIG, "%s names %d classes; %s has %d",
                      names != NULL ? names : "classes.txt", p->names.count,
                      other->options.checkpoint, other->info.classes);
    if (names != NULL)
        return status;
    if (status != OK) {
        log_warn("%s: classes are told by their numbers", err->text);
        class_list_free(&p->names);
    } else if (p->names.count == 0) {
        const struct dataset_options o = { .head_classes =
                                               p->models[0].inference.engine->info.classes };
        TRY(dataset_class_names(&o, &p->names, err));
        if (unnamed_model(p) != NULL)
            class_list_free(&p->names);
    }
    return OK;
}

/* ---- the choice ------------------------------------------------------------------------------ */

/* Lists classes whose names contain the text, as a hint: "2 great white shark; 3 tiger ...".
 */
static void list_near(const struct class_list *names, const char *text, char *out, size_t size)
{
    size_t used = 0, found = 0;
    out[0] = '\0';
    for (int k = 0; k < names->count && used + 1 < size; k++)
        if (strcasestr(names->name[k], text) != NULL && found++ < 5)
            used += (size_t)snprintf(out + used, size - used, "%s%d %.40s", used > 0 ? "; " : "", k,
                                     names->name[k]);
}

static enum status find_by_name(const struct class_list *names, const char *text, int *choice,
                                struct error *err)
{
    char near[300];
    int count = class_list_called(names, text, choice);
    if (count == 1)
        return OK;
    if (names->count == 0)
        return fail(err, E_CONFIG,
                    "--class '%s': the model's classes have no names here (--names FILE, or a "
                    "classes.txt beside the checkpoint); predicted, target or an index would do",
                    quote(text).text);
    if (count > 1)
        return fail(err, E_CONFIG,
                    "--class '%s': %d classes are called so (%d is the first); give its index",
                    quote(text).text, count, *choice);
    list_near(names, text, near, sizeof near);
    return fail(err, E_CONFIG, "--class '%s': no class is called so%s%s", quote(text).text,
                *near != '\0' ? "; some have it in their names: " : "", near);
}

enum status explain_choose_class(const struct explain_figure *p, const char *text, int *choice,
                                 struct error *err)
{
    char *end;
    if (strcmp(text, "predicted") == 0 || strcmp(text, "target") == 0) {
        *choice = *text == 'p' ? CHOICE_PREDICTED : CHOICE_TARGET;
        return OK;
    }
    errno = 0;
    long index = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0')
        return find_by_name(&p->names, text, choice, err);
    for (int k = 0; k < p->model_count; k++) {
        const struct engine *e = p->models[k].inference.engine;
        if (errno != 0 || index < 0 || index >= e->info.classes)
            return fail(err, E_CONFIG, "--class %s: %s has the classes 0 to %d", quote(text).text,
                        e->options.checkpoint, e->info.classes - 1);
    }
    *choice = (int)index;
    return OK;
}

enum status explain_class_of(const struct explain_figure *p, int choice, const char *path, int *out,
                             struct error *err)
{
    *out = choice;
    if (choice != CHOICE_TARGET)
        return OK;
    *out = p->names.count > 0 ? class_list_of_path(&p->names, path) : -1;
    return *out >= 0
               ? OK
               : fail(err, E_CONFIG,
                      "--class target: the class of %s is not known; it is read from a folder or "
                      "name that begins with a WordNet id of the --names file (n01440764/x.jpg), "
                      "else give its index or its name: --class N",
                      path);
}
