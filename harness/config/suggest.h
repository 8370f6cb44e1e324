/* "Did you mean": the known word nearest to a mistyped one. */
#pragma once

#include <stddef.h>

/* The nearest of `count` words by edit distance, or NULL where none is near enough to be meant. */
const char *suggest(const char *typed, const char *const *words, size_t count);

/* Writes "a, b, c" into out, cut to size. */
void join_words(char *out, size_t size, const char *const *words, size_t count);
