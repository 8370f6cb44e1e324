/* Text files that are read line by line: lists of images, ground truth. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "status.h"

/* Called for each line, which is trimmed and not empty, and may be changed. */
typedef enum status (*line_taker)(void *context, char *line, size_t number, struct error *err);

/* Calls `take` for every line of the file `path`, numbered from 1, until one fails; skips blank
 * lines. E_CONFIG names the file, the line, and what is `wanted` in such a file. */
enum status text_lines(const char *path, const char *wanted, line_taker take, void *context,
                       struct error *err);
/* The same for a stream; `source` names it in messages. */
enum status text_lines_of(FILE *, const char *source, line_taker take, void *context,
                          struct error *err);

/* Cuts blanks (and a CR) off the end. */
void trim_end(char *text, size_t length);
