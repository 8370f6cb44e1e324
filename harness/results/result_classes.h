/* Names of the classes of a run, where they are known: from the classes.txt beside its checkpoint,
 * else ImageNet's own where the data are ImageNet's. */
#pragma once

#include "result.h"

struct result_classes {
    int count;   /* 0: not known */
    char **name; /* [count] */
};

/* Never fails: a report that says "class 7" is a report. */
void result_classes_open(const struct result *, struct result_classes *out);
void result_classes_close(struct result_classes *);
/* "tench", or "class 7" into `buffer` where the name is not known. */
const char *result_class_name(const struct result_classes *, int k, char buffer[32]);
