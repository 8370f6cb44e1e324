/* evalh-demo-export: writes demo pictures as one raw file, for training (scripts/train_demo.py).
 *
 *     evalh-demo-export OUT SEED COUNT SIDE plain|shortcut train|heldout [--no-jpeg]
 *
 * OUT holds, one after the other: uint8 pictures [COUNT, SIDE, SIDE, 3]; int8 object masks
 * [COUNT, SIDE, SIDE]; int8 shortcut masks, likewise; int32 classes [COUNT], little-endian.
 * Pictures go through JPEG as those of `kind = demo` do, unless --no-jpeg. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demo.h"
#include "demo_set.h"
#include "free_all.h"
#include "sizes.h"

static const char usage[] =
    "usage: evalh-demo-export OUT SEED COUNT SIDE plain|shortcut train|heldout [--no-jpeg]\n";

struct arrays {
    size_t pixels; /* of one picture */
    uint8_t *rgb;
    int8_t *object, *patch;
    int32_t *labels;
};

static void arrays_free(struct arrays *a)
{
    FREE_ALL(a->rgb, a->object, a->patch, a->labels);
}

static bool arrays_take(struct arrays *a, int side, size_t count)
{
    size_t cells, bytes;
    a->pixels = (size_t)side * (size_t)side;
    if (!size_mul(a->pixels, count, &cells) || !size_mul(cells, 3, &bytes))
        return false;
    a->rgb = malloc(bytes);
    a->object = malloc(cells);
    a->patch = malloc(cells);
    a->labels = calloc(count, sizeof *a->labels);
    return a->rgb != NULL && a->object != NULL && a->patch != NULL && a->labels != NULL;
}

static bool write_arrays(const char *path, const struct arrays *a, size_t count)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return false;
    bool ok = fwrite(a->rgb, a->pixels * 3, count, file) == count &&
              fwrite(a->object, a->pixels, count, file) == count &&
              fwrite(a->patch, a->pixels, count, file) == count &&
              fwrite(a->labels, sizeof *a->labels, count, file) == count;
    return fclose(file) == 0 && ok;
}

static bool parse_number(const char *text, uint64_t low, uint64_t high, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out >= low &&
           *out <= high;
}

static enum status render(const struct demo_spec *spec, size_t count, bool jpeg, struct arrays *a,
                          struct error *err)
{
    enum status status = OK;
#pragma omp parallel for schedule(dynamic, 64)
    for (size_t i = 0; i < count; i++) {
        uint8_t *rgb = a->rgb + i * a->pixels * 3;
        struct error own = { 0 };
        a->labels[i] =
            demo_render(spec, i, rgb, a->object + i * a->pixels, a->patch + i * a->pixels);
        if (jpeg && demo_through_jpeg(rgb, spec->side, &own) != OK) {
#pragma omp critical
            {
                status = own.code;
                *err = own;
            }
        }
    }
    return status;
}

int main(int argc, char **argv)
{
    struct demo_spec spec = { 0 };
    struct arrays arrays = { 0 };
    struct error err;
    uint64_t side, count;
    bool jpeg = argc != 8 || strcmp(argv[7], "--no-jpeg") != 0;

    if (argc < 7 || argc > 8 || (argc == 8 && jpeg) ||
        !parse_number(argv[2], 0, UINT64_MAX, &spec.seed) ||
        !parse_number(argv[3], 1, 10000000, &count) ||
        !parse_number(argv[4], DEMO_MIN_SIDE, DEMO_MAX_SIDE, &side) ||
        (strcmp(argv[5], "plain") != 0 && strcmp(argv[5], "shortcut") != 0) ||
        (strcmp(argv[6], "train") != 0 && strcmp(argv[6], "heldout") != 0)) {
        fputs(usage, stderr);
        return 2;
    }
    spec.side = (int)side;
    spec.split = strcmp(argv[5], "shortcut") == 0 ? DEMO_SHORTCUT : DEMO_PLAIN;
    spec.set = strcmp(argv[6], "train") == 0 ? DEMO_TRAIN : DEMO_HELD_OUT;
    int code = 1;
    if (!arrays_take(&arrays, spec.side, count))
        fprintf(stderr, "evalh-demo-export: no memory for %llu pictures\n",
                (unsigned long long)count);
    else if (render(&spec, count, jpeg, &arrays, &err) != OK)
        fprintf(stderr, "evalh-demo-export: %s\n", err.text);
    else if (!write_arrays(argv[1], &arrays, count))
        fprintf(stderr, "evalh-demo-export: %s: cannot write: %s\n", argv[1], strerror(errno));
    else
        code = 0;
    arrays_free(&arrays);
    return code;
}
