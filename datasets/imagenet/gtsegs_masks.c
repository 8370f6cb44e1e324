#include "gtsegs_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "free_all.h"
#include "h5lock.h"

const char *const array_order_names[] = { "auto", "wh", "hw", NULL };

static const char mark[] = "MATLAB_class"; /* an attribute of whatever MATLAB writes */

/* What a mask must match: its image's sides, and the file's order of masks. */
struct mask_shape {
    size_t width, height;
    enum array_order order;
    bool given; /* the order is data.mask_order's */
};

/* ---- how they are stored --------------------------------------------------------------------- */

/* Sides of image `index` as stored, and the rank-2 shape of its mask; *by_matlab: whether the mask
 * bears MATLAB's mark. False where there are no such arrays. */
static bool read_shapes(struct gtsegs *g, size_t index, hsize_t image[2], hsize_t mask[2],
                        bool *by_matlab)
{
    struct stored_array a, b;
    hid_t set = gtsegs_open_array(g, GTSEGS_IMG, index, &a);
    if (set < 0)
        return false;
    H5Dclose(set);
    set = gtsegs_open_array(g, GTSEGS_GT, index, &b);
    if (set < 0)
        return false;
    *by_matlab = H5Aexists(set, mark) > 0;
    H5Dclose(set);
    if (a.rank < 2 || b.rank != 2)
        return false;
    for (int i = 0; i < 2; i++) {
        image[i] = a.dims[a.rank - 2 + i];
        mask[i] = b.dims[i];
    }
    return true;
}

bool gtsegs_marked(struct gtsegs *g)
{
    enum { SAMPLE = 16 };
    size_t asked = g->count < SAMPLE ? g->count : SAMPLE;
    bool marked = true;
    h5_lock();
    for (size_t i = 0; i < asked && marked; i++) {
        struct stored_array a;
        hid_t set = gtsegs_open_array(g, GTSEGS_IMG, i * g->count / asked, &a);
        if (set < 0)
            continue;
        marked = H5Aexists(set, mark) > 0;
        H5Dclose(set);
    }
    h5_unlock();
    return marked;
}

/* Whether a mask of these sides is stored as its image, as its image turned, or as both. */
struct relation {
    bool same, turned, by_matlab;
};

static bool relate(struct gtsegs *g, size_t index, struct relation *out)
{
    hsize_t image[2], mask[2];
    if (!read_shapes(g, index, image, mask, &out->by_matlab))
        return false;
    out->same = image[0] == mask[0] && image[1] == mask[1];
    out->turned = image[0] == mask[1] && image[1] == mask[0];
    return true;
}

static enum array_order turn_order(enum array_order order)
{
    return order == ORDER_WH ? ORDER_HW : ORDER_WH;
}

static const char *order_text(enum array_order order)
{
    return order == ORDER_HW ? "H, W" : "W, H";
}

enum status gtsegs_find_order(struct gtsegs *g, struct error *err)
{
    size_t squares = 0;
    bool all_by_matlab = true; /* of the squares */
    for (size_t i = 0; i < g->count && g->order == ORDER_AUTO; i++) {
        struct relation r;
        if (!relate(g, i, &r))
            continue;
        bool square = r.same && r.turned;
        squares += square;
        all_by_matlab = all_by_matlab && (r.by_matlab || !square);
        if (r.same != r.turned)
            g->order = r.same ? g->image_order : turn_order(g->image_order);
    }
    if (g->order != ORDER_AUTO)
        return OK;
    if (squares > 0 && (!all_by_matlab || g->image_order == ORDER_HW))
        return fail(err, E_CONFIG,
                    "%s: all images that have masks are square, which leaves open whether masks "
                    "are stored by columns or by rows: data.mask_order = wh says [W, H], as MATLAB "
                    "stores, hw [H, W]; data.image_order says the same of the images, which are "
                    "taken as [3, %s]",
                    g->path, order_text(g->image_order));
    g->order = g->image_order;
    return OK;
}

enum status gtsegs_check_order(struct gtsegs *g, struct error *err)
{
    size_t against = 0;
    bool fits = !g->order_given;
    h5_lock();
    for (size_t i = 0; i < g->count && !fits; i++) {
        struct relation r;
        if (!relate(g, i, &r) || r.same == r.turned)
            continue;
        fits = r.same == (g->order == g->image_order);
        against += !fits;
    }
    h5_unlock();
    if (fits || against == 0)
        return OK;
    return fail(err, E_CONFIG,
                "%s: data.mask_order = %s says that masks are stored [%s], but all %zu masks of "
                "images that are not square are stored [%s], where images are [3, %s] "
                "(data.image_order = %s); data.mask_order = auto finds out by itself",
                g->path, array_order_names[g->order], order_text(g->order), against,
                order_text(turn_order(g->order)), order_text(g->image_order),
                array_order_names[g->image_order]);
}

/* ---- reading --------------------------------------------------------------------------------- */

static const char *check_mask(const struct stored_array *a, const void *detail)
{
    const struct mask_shape *want = detail;
    if (a->class != H5T_INTEGER && a->class != H5T_ENUM && a->class != H5T_FLOAT)
        return "a mask of numbers is wanted";
    if (a->rank == 2 && want->width != want->height && want->order == ORDER_WH &&
        a->dims[0] == want->height && a->dims[1] == want->width)
        return want->given ? "the mask is stored [H, W], and data.mask_order = wh says [W, H]"
                           : "the mask is stored [H, W], as others of the file are not; all are "
                             "wanted alike";
    if (a->rank == 2 && want->width != want->height && want->order == ORDER_HW &&
        a->dims[0] == want->width && a->dims[1] == want->height)
        return want->given ? "the mask is stored [W, H], and data.mask_order = hw says [H, W]"
                           : "the mask is stored [W, H], as others of the file are not; all are "
                             "wanted alike";
    size_t first = want->order == ORDER_HW ? want->height : want->width;
    size_t second = want->order == ORDER_HW ? want->width : want->height;
    if (a->rank != 2 || a->dims[0] != first || a->dims[1] != second)
        return "the mask is not of its image's size";
    return NULL;
}

/* A cell's value as an image may hold it. */
enum mask_value { MASK_WRONG = 2, MASK_255 = 3 };

static int8_t mask_value(double value)
{
    if (value == 0 || value == 1 || value == -1)
        return (int8_t)value;
    return value == 255 ? MASK_255 : MASK_WRONG;
}

static double cell(const struct stored_array *a, const void *bytes, size_t at)
{
    return a->class == H5T_FLOAT ? ((const double *)bytes)[at]
                                 : (double)((const long long *)bytes)[at];
}

static enum status fill_mask(const struct gtsegs *g, const struct stored_array *a,
                             const void *bytes, const struct mask_shape *shape, const char *name,
                             int8_t *mask, struct error *err)
{
    size_t across = g->order == ORDER_HW ? 1 : shape->height;
    size_t down = g->order == ORDER_HW ? shape->width : 1, seen[4] = { 0 };
    for (size_t y = 0; y < shape->height; y++)
        for (size_t x = 0; x < shape->width; x++) {
            double value = cell(a, bytes, x * across + y * down);
            int8_t m = mask_value(value);
            if (m == MASK_WRONG)
                return fail(err, E_DATA, "%s holds the label %.10g; 0, 1 or -1 is wanted", name,
                            value);
            seen[m < 0 ? 2 : m]++;
            mask[y * shape->width + x] = m == MASK_255 ? -1 : m;
        }
    if (seen[MASK_255] > 0 && seen[1] == 0)
        return fail(err, E_DATA,
                    "%s holds the labels 0 and 255 alone: whether 255 is the object or left out "
                    "cannot be told; 1 for the object and 255 for what is left out are wanted",
                    name);
    return OK;
}

enum status gtsegs_mask(struct gtsegs *g, enum gtsegs_field field, size_t index, int width,
                        int height, int8_t **out, struct error *err)
{
    const struct mask_shape shape = { (size_t)width, (size_t)height, g->order, g->order_given };
    struct stored_array a;
    void *bytes = NULL;
    char *name = NULL;
    *out = NULL;
    TRY(gtsegs_read_array(g, field, index, check_mask, &shape, &a, &bytes, err));
    int8_t *mask = malloc(shape.width * shape.height);
    enum status status = OK;
    if (mask == NULL ||
        asprintf(&name, "%s: %s[%zu]", g->path, gtsegs_field_paths[field], index) < 0)
        status = fail(err, E_NOMEM, "%s: no memory for a mask", g->path);
    else
        status = fill_mask(g, &a, bytes, &shape, name, mask, err);
    FREE_ALL(name, bytes);
    if (status != OK)
        free(mask);
    else
        *out = mask;
    return status;
}
