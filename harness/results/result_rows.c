#include "result_rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "free_all.h"

/* --- order of rows --------------------------------------------------------------------------- */

static int method_rank(const char *method, bool control)
{
    static const char *const first[] = { "raw", "rollout", "attribution" };
    enum { OTHERS = 100, CONTROLS };
    for (size_t i = 0; i < sizeof first / sizeof *first && !control; i++)
        if (strcmp(method, first[i]) == 0)
            return (int)i;
    return control ? CONTROLS : OTHERS;
}

int method_order(const char *a, bool a_is_control, const char *b, bool b_is_control)
{
    int difference = method_rank(a, a_is_control) - method_rank(b, b_is_control);
    return difference ? difference : strcmp(a, b);
}

bool result_is_control(const struct result *r, const char *method)
{
    const char *list = r->attribute[ATTR_CONTROLS], *at = list;
    size_t length = strlen(method);
    if (r->attribute[ATTR_CONTROLS][0] == '\0' && r->attribute[ATTR_MODEL][0] == '\0')
        list = at = "random, center, randomised";
    for (; (at = strstr(at, method)) != NULL; at += length)
        if ((at == list || at[-1] == ' ') && (at[length] == '\0' || at[length] == ','))
            return true;
    return false;
}

static int map_order(const void *a, const void *b)
{
    const struct result_map *x = a, *y = b;
    int order = method_order(x->method, x->control, y->method, y->control);
    return order ? order : (int)x->explained - (int)y->explained;
}

static int curve_order(const void *a, const void *b)
{
    const struct result_curve *x = a, *y = b;
    int order = method_order(x->method, x->control, y->method, y->control);
    if (order == 0)
        order = (int)x->explained - (int)y->explained;
    return order ? order : (int)x->removal - (int)y->removal;
}

static int segmentation_order(const void *a, const void *b)
{
    const struct result_segmentation *x = a, *y = b;
    int order = method_order(x->method, x->control, y->method, y->control);
    return order ? order : (int)x->explained - (int)y->explained;
}

/* --- the groups METHOD/CLASS ----------------------------------------------------------------- */

/* Index of `name`, or -1. */
static int name_index(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

/* Adds a zeroed element of `size` bytes and returns it. */
static void *append(void **array, size_t *count, size_t size)
{
    char *grown = realloc(*array, (*count + 1) * size);
    if (!grown)
        return NULL;
    *array = grown;
    return memset(grown + (*count)++ * size, 0, size);
}

static enum status out_of_memory(const struct h5_file *f, struct error *err)
{
    return fail(err, E_NOMEM, "%s: no memory for its records", f->path);
}

static enum status read_map(struct result *r, const struct h5_file *f, const char *method,
                            enum explained explained, struct error *err)
{
    struct result_map *map = append((void **)&r->map, &r->maps, sizeof *map);
    size_t n = r->images, grid = 0;
    char at[H5_NAME_MAX], other[H5_NAME_MAX];

    if (!map || !(map->method = strdup(method)))
        return out_of_memory(f, err);
    map->explained = explained;
    map->control = result_is_control(r, method);
    TRY(h5_join(f, at, err, "/explain/%s/target/map", method));
    TRY(h5_join(f, other, err, "/explain/%s/predicted/map", method));
    map->agnostic = h5_same_object(f, at, other);
    TRY(h5_join(f, at, err, "/explain/%s/%s", method, explained_names[explained]));
    TRY(h5_map_grid(f, at, n, &grid, err));
    map->grid = (int)grid;
    TRY(h5_optional(f, at, "constant", H5_UINT8, n, 1, (void **)&map->constant, err));
    TRY(h5_optional(f, at, "sum_error", H5_FLOAT32, n, 1, (void **)&map->sum_error, err));
    TRY(h5_optional(f, at, "dropped", H5_FLOAT32, n, 1, (void **)&map->dropped, err));
    return h5_optional(f, at, "largest_tie", H5_INT32, n, 1, (void **)&map->largest_tie, err);
}

static enum status read_direction(struct result *r, const struct h5_file *f, const char *at,
                                  const char *method, enum explained explained,
                                  enum removal removal, struct error *err)
{
    struct result_curve *curve = append((void **)&r->curve, &r->curves, sizeof *curve);
    size_t n = r->images;

    if (!curve || !(curve->method = strdup(method)))
        return out_of_memory(f, err);
    curve->explained = explained;
    curve->control = result_is_control(r, method);
    curve->removal = removal;
    size_t points = (size_t)r->axis.steps + 1;
    TRY(h5_dataset(f, at, "hit", H5_UINT8, n, points, (void **)&curve->hit, err));
    TRY(h5_dataset(f, at, "prob", H5_FLOAT32, n, points, (void **)&curve->prob, err));
    TRY(h5_dataset(f, at, "predicted", H5_INT32, n, points, (void **)&curve->predicted, err));
    TRY(h5_optional(f, at, "prob_class", H5_FLOAT32, n, points, (void **)&curve->prob_class, err));
    return h5_optional(f, at, "logit_class", H5_FLOAT32, n, points, (void **)&curve->logit_class,
                       err);
}

static enum status read_curves(struct result *r, const struct h5_file *f, const char *method,
                               enum explained explained, struct error *err)
{
    char group[H5_NAME_MAX], at[H5_NAME_MAX];
    struct h5_names names;

    TRY(h5_join(f, group, err, "/perturbation/%s/%s", method, explained_names[explained]));
    TRY(h5_list(f, group, &names, err));
    enum status status = OK;
    for (size_t i = 0; status == OK && i < names.count; i++) {
        int direction = name_index(names.name[i], removal_names, REMOVALS);
        if (direction < 0)
            status = fail(err, E_DATA, "%s: %s/%s: a direction is positive or negative", f->path,
                          group, names.name[i]);
        if (status == OK)
            status = h5_join(f, at, err, "%s/%s", group, names.name[i]);
        if (status == OK)
            status = read_direction(r, f, at, method, explained, (enum removal)direction, err);
    }
    h5_names_free(&names);
    return status;
}

/* Packs the five datasets of a segmentation entry into one record an image. */
static enum status read_scores(struct result *r, const struct h5_file *f, const char *method,
                               enum explained explained, struct error *err)
{
    struct result_segmentation *s = append((void **)&r->segmentation, &r->segmentations, sizeof *s);
    size_t n = r->images;
    int32_t *correct = NULL, *labelled = NULL, *intersection = NULL, *united = NULL;
    float *ap = NULL;
    char at[H5_NAME_MAX];

    if (!s || !(s->method = strdup(method)))
        return out_of_memory(f, err);
    s->explained = explained;
    s->control = result_is_control(r, method);
    TRY(h5_join(f, at, err, "/segmentation/%s/%s", method, explained_names[explained]));
    enum status status = h5_dataset(f, at, "correct", H5_INT32, n, 1, (void **)&correct, err);
    if (status == OK)
        status = h5_dataset(f, at, "labelled", H5_INT32, n, 1, (void **)&labelled, err);
    if (status == OK)
        status = h5_dataset(f, at, "intersection", H5_INT32, n, 2, (void **)&intersection, err);
    if (status == OK)
        status = h5_dataset(f, at, "union", H5_INT32, n, 2, (void **)&united, err);
    if (status == OK)
        status = h5_dataset(f, at, "ap", H5_FLOAT32, n, 1, (void **)&ap, err);
    if (status == OK && !(s->score = calloc(n ? n : 1, sizeof *s->score)))
        status = out_of_memory(f, err);
    for (size_t i = 0; status == OK && i < n; i++)
        s->score[i] = (struct segmentation_score){
            .correct = correct[i],
            .labelled = labelled[i],
            .intersection = { intersection[2 * i], intersection[2 * i + 1] },
            .united = { united[2 * i], united[2 * i + 1] },
            .ap = ap[i],
        };
    if (status == OK)
        status = h5_optional(f, at, "shortcut_share", H5_FLOAT32, n, 1, (void **)&s->shortcut_share,
                             err);
    FREE_ALL(correct, labelled, intersection, united, ap);
    return status;
}

typedef enum status (*class_reader)(struct result *, const struct h5_file *, const char *method,
                                    enum explained, struct error *);

static enum status read_classes(struct result *r, const struct h5_file *f, const char *top,
                                const char *method, class_reader read, struct error *err)
{
    char group[H5_NAME_MAX];
    struct h5_names names;

    TRY(h5_join(f, group, err, "%s/%s", top, method));
    TRY(h5_list(f, group, &names, err));
    enum status status = OK;
    for (size_t i = 0; status == OK && i < names.count; i++) {
        int explained = name_index(names.name[i], explained_names, EXPLAINED_CLASSES);
        status = explained < 0 ? fail(err, E_DATA, "%s: %s/%s: the class is predicted or target",
                                      f->path, group, names.name[i])
                               : read(r, f, method, (enum explained)explained, err);
    }
    h5_names_free(&names);
    return status;
}

/* Reads every METHOD/CLASS below `top`, which a file need not have. */
static enum status read_methods(struct result *r, const struct h5_file *f, const char *top,
                                class_reader read, struct error *err)
{
    struct h5_names names;
    if (!h5_exists(f, top))
        return OK;
    TRY(h5_list(f, top, &names, err));
    enum status status = OK;
    for (size_t i = 0; status == OK && i < names.count; i++)
        status = read_classes(r, f, top, names.name[i], read, err);
    h5_names_free(&names);
    return status;
}

/* Reads the points of the curves from their coordinates; schema 1 only had the published points. */
static enum status read_axis(struct result *r, const struct h5_file *f, struct error *err)
{
    size_t points = h5_length(f, "/removed", 0);
    float *removed = NULL;
    r->axis = curve_axis_published;
    if (points == 0)
        return OK;
    if (points < 2 || points > CURVE_MOST_POINTS)
        return fail(err, E_DATA, "%s: /removed has %zu points: 2 to %d are expected", f->path,
                    points, CURVE_MOST_POINTS);
    TRY(h5_dataset(f, "", "removed", H5_FLOAT32, points, 1, (void **)&removed, err));
    long upto = lround(100 * (double)removed[points - 1]);
    r->axis = (struct curve_axis){ .steps = (int)points - 1, .upto = upto == 100 ? 100 : 90 };
    bool even = true;
    for (size_t k = 0; k < points; k++)
        even &= removed[k] == (float)curve_share(&r->axis, (int)k);
    free(removed);
    return even ? OK
                : fail(err, E_DATA,
                       "%s: /removed: equal steps from 0 to 0.9 or 1 are expected there", f->path);
}

static enum status read_blank(struct result *r, const struct h5_file *f, struct error *err)
{
    struct result_blank *b = &r->blank;
    size_t n = r->images, length = h5_length(f, "/blank/prob", 0);
    bool each = h5_exists(f, "/blank") && h5_exists(f, "/blank/prob_class");
    if (length == 0)
        return OK;
    b->classes = each ? 0 : length;
    TRY(h5_dataset(f, "/blank", "prob", H5_FLOAT32, each ? n : length, 1, (void **)&b->prob, err));
    if (!each)
        return OK;
    TRY(h5_dataset(f, "/blank", "prob_class", H5_FLOAT32, n, 1, (void **)&b->prob_class, err));
    return h5_dataset(f, "/blank", "predicted", H5_INT32, n, 1, (void **)&b->predicted, err);
}

enum status result_read_rows(struct result *r, const struct h5_file *f, struct error *err)
{
    TRY(read_axis(r, f, err));
    TRY(read_blank(r, f, err));
    TRY(read_methods(r, f, "/explain", read_map, err));
    TRY(read_methods(r, f, "/perturbation", read_curves, err));
    TRY(read_methods(r, f, "/segmentation", read_scores, err));
    if (r->maps == 0 && r->curves == 0 && r->segmentations == 0)
        return fail(err, E_DATA,
                    "%s: nothing below /explain, /perturbation or /segmentation: a result file "
                    "has at least one of them",
                    f->path);
    if (r->maps)
        qsort(r->map, r->maps, sizeof *r->map, map_order);
    if (r->curves)
        qsort(r->curve, r->curves, sizeof *r->curve, curve_order);
    if (r->segmentations)
        qsort(r->segmentation, r->segmentations, sizeof *r->segmentation, segmentation_order);
    return OK;
}
