#include "suggest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LONGEST = 63 }; /* words longer than this are not compared to the end */

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance, one row at a time. */
static size_t distance(const char *a, const char *b)
{
    size_t row[LONGEST + 1];
    size_t la = strnlen(a, LONGEST), lb = strnlen(b, LONGEST);
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = smaller(smaller(above, row[j - 1]) + 1, change);
            diagonal = above;
        }
    }
    return row[lb];
}

/* Words that people type and that resemble none of ours, or the wrong one. */
static const char *const synonyms[][2] = {
    { "gpu", "cuda" },     { "nvidia", "cuda" },           { "half", "bf16" },
    { "fp16", "bf16" },    { "float32", "fp32" },          { "float", "fp32" },
    { "fp64", "double" },  { "grad-cam", "gradcam" },      { "true", "yes" },
    { "false", "no" },     { "deletion", "perturbation" }, { "insertion", "perturbation" },
    { "label", "target" },
};

const char *suggest(const char *typed, const char *const *words, size_t count)
{
    const char *best = NULL;
    for (size_t s = 0; s < sizeof synonyms / sizeof *synonyms; s++)
        for (size_t i = 0; i < count && strcasecmp(typed, synonyms[s][0]) == 0; i++)
            if (strcmp(words[i], synonyms[s][1]) == 0)
                return words[i];
    size_t len = strlen(typed);
    /* Up to a third of the letters may be wrong in a typing error; with more it is another word. */
    size_t limit = len < 3 ? 1 : (len + 2) / 3;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(typed, words[i]);
        if (d <= limit && (best == NULL || d < limit)) {
            best = words[i];
            limit = d;
        }
    }
    return best;
}

void join_words(char *out, size_t size, const char *const *words, size_t count)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        int n = snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "", words[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}
