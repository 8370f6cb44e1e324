/* Explanations within a stated memory, on the emulated GPU: what is planned is what is held, to the
 * byte; the maps are the same bits as without a limit; what is too little is told with what would
 * do. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "explainer.h"
#include "micro.h"

#include "run_tests.h"

enum { IMAGES = 5, METHODS = 3 };

struct trial {
    struct model *model;
    struct net *net;
    struct backend *be;
    uint8_t *rgb, *device;
    size_t bytes; /* of an image */
    enum precision precision;
};

static struct trial begin(const struct micro *geometry, enum precision precision)
{
    const struct backend_options bo = { .simd = "", .precision = precision };
    struct trial t = { .model = micro_model(geometry, 3), .precision = precision };
    struct error err = { 0 };
    uint64_t x = 88172645463325252u;
    assert_non_null(t.model);
    const size_t side = (size_t)t.model->geo.image_size;
    t.bytes = 3 * side * side;
    t.rgb = malloc(IMAGES * t.bytes);
    for (size_t i = 0; i < IMAGES * t.bytes; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        t.rgb[i] = (uint8_t)(x >> 32);
    }
    if (backend_open("cuda", &bo, &t.be, &err) != OK ||
        net_open(t.model, t.be, &input_imagenet, IMAGES, &t.net, &err) != OK)
        fail_msg("%s", err.text);
    t.device = t.be->alloc(t.be, IMAGES * t.bytes);
    t.be->upload(t.be, t.device, t.rgb, IMAGES * t.bytes);
    be_wait(t.be);
    return t;
}

static void end(struct trial *t)
{
    t->be->free(t->be, t->device);
    net_close(t->net);
    backend_close(t->be);
    model_close(t->model);
    free(t->rgb);
}

static enum status open_within(const struct trial *t, struct explain_room *room,
                               struct explainer **ex, struct error *err)
{
    static const char *const names[METHODS] = { "raw", "attribution", "randomised" };
    const struct explain_method *methods[METHODS];
    const struct backend_options bo = { .simd = "" };
    const bool classes[CLASS_CHOICES] = { true, true };
    for (int i = 0; i < METHODS; i++)
        methods[i] = explain_find(names[i]);
    return explainer_open_beside(t->net, t->model, "cuda", &bo, &input_imagenet, &explain_defaults,
                                 methods, METHODS, classes, IMAGES, room, ex, err);
}

static size_t held_by(const struct backend *be)
{
    return be->held + (be->single != NULL ? be->single->held : 0);
}

/* Bytes on the device: of the net's backend, and of those that the explainer has. */
static size_t held(const struct trial *t, const struct explainer *ex)
{
    size_t bytes = t->be->held;
    for (int i = 0; ex != NULL && i < PASSES; i++)
        if (ex->passes[i].be != NULL && !ex->passes[i].borrowed)
            bytes += held_by(ex->passes[i].be);
    return bytes;
}

static float *maps_of(const struct trial *t, struct explainer *ex)
{
    float *maps = calloc(IMAGES * explainer_map_values(ex), sizeof *maps), identity[IMAGES];
    int32_t predicted[IMAGES];
    uint8_t zero[IMAGES];
    struct explain_image images[IMAGES];
    struct error err = { 0 };
    const struct explain_result r = { predicted, maps, identity, zero, NULL };
    for (int i = 0; i < IMAGES; i++)
        images[i] = (struct explain_image){ .rgb = t->device + (size_t)i * t->bytes,
                                            .label = i % 3,
                                            .predicted = -1,
                                            .id_hash = (uint64_t)i };
    if (explainer_run(ex, images, IMAGES, &r, &err) != OK)
        fail_msg("%s", err.text);
    return maps;
}

static void check(const struct micro *geometry, enum precision precision)
{
    struct trial t = begin(geometry, precision);
    struct explainer *ex;
    struct error err = { 0 };
    size_t before = held(&t, NULL);
    struct explain_room room = { .bytes = SIZE_MAX };
    if (open_within(&t, &room, &ex, &err) != OK)
        fail_msg("%s", err.text);
    assert_int_equal(explainer_images(ex), IMAGES);
    assert_int_equal(explainer_bytes(ex), held(&t, ex) - before);
    float *whole = maps_of(&t, ex);
    const size_t all = explainer_bytes(ex), values = explainer_map_values(ex);
    assert_int_equal(all, held(&t, ex) - before); /* nothing more was taken on the way */
    explainer_close(ex);
    before = held(&t, NULL); /* what the net's weights have for explanations stays */
    /* less and less, until not even one image fits: all the way the bytes are kept to */
    int last = IMAGES + 1, seen = 0;
    bool again = false;
    for (size_t bytes = all;; bytes -= bytes / 16) {
        room = (struct explain_room){ .bytes = bytes };
        if (open_within(&t, &room, &ex, &err) != OK)
            break;
        assert_true(explainer_bytes(ex) <= bytes);
        assert_int_equal(explainer_bytes(ex), held(&t, ex) - before);
        assert_true(explainer_images(ex) <= last);
        again = again || ex->layers == LAYERS_AGAIN;
        if (explainer_images(ex) < last) {
            float *part = maps_of(&t, ex);
            assert_memory_equal(part, whole, IMAGES * values * sizeof *part);
            free(part);
            seen++;
        }
        last = explainer_images(ex);
        explainer_close(ex);
    }
    assert_int_equal(last, 1);
    assert_true(seen >= 3);
    assert_true(again); /* layers were computed again rather than kept */
    assert_int_equal(err.code, E_NOMEM);
    assert_true(room.needed > room.bytes);
    room.bytes = room.needed;
    assert_int_equal(open_within(&t, &room, &ex, &err), OK);
    assert_int_equal(explainer_bytes(ex), room.bytes);
    explainer_close(ex);
    room.bytes--;
    assert_int_equal(open_within(&t, &room, &ex, &err), E_NOMEM);
    free(whole);
    end(&t);
}

static void test_vit(void **state)
{
    (void)state;
    check(&(struct micro){ MICRO_VIT, .depth = 3 }, PRECISION_FP32);
}

static void test_vim(void **state)
{
    (void)state;
    check(&(struct micro){ MICRO_VIM, .depth = 3 }, PRECISION_BF16);
}

int main(void)
{
    return RUN_TESTS(NULL, NULL, TEST(test_vit), TEST(test_vim));
}
