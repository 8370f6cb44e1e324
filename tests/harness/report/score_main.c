/* score HEAT LABELS: the segmentation score of raw float32 and int8 files of the same count, for
 * the Python test. Prints correct, labelled, intersections, unions, ap, then ap of heat alone. */
#include <stdio.h>
#include <stdlib.h>

#include "metrics.h"

static void *read_all(const char *path, size_t size, size_t *count)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        exit(2);
    fseek(f, 0, SEEK_END);
    *count = (size_t)ftell(f) / size;
    rewind(f);
    void *data = malloc(*count * size + 1);
    if (!data || fread(data, size, *count, f) != *count)
        exit(2);
    fclose(f);
    return data;
}

int main(int argc, char **argv)
{
    size_t n, labels_count;
    if (argc != 3)
        return 2;
    float *heat = read_all(argv[1], sizeof *heat, &n);
    int8_t *labels = read_all(argv[2], sizeof *labels, &labels_count);
    uint8_t *positive = malloc(n + 1);
    struct segmentation_score s;
    struct error err;
    double ap;
    if (n != labels_count || !positive)
        return 2;
    for (size_t i = 0; i < n; i++)
        positive[i] = labels[i] == 1;
    if (segmentation_score(heat, labels, n, &s, &err) != OK ||
        average_precision(heat, positive, n, &ap, &err) != OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("%d %d %d %d %d %d %.9g %.17g\n", s.correct, s.labelled, s.intersection[0],
           s.intersection[1], s.united[0], s.united[1], (double)s.ap, ap);
    free(heat);
    free(labels);
    free(positive);
    return 0;
}
