/* libFuzzer target: what a worker answers. Whatever hello accepts keeps its ranges; what is refused
 * has a message of printable text. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

static void check_message(enum status status, const struct error *err)
{
    char shown[4 * sizeof err->text + 1];
    check(status == err->code && err->text[0] != '\0', "a message");
    size_t length = strlen(err->text);
    worker_show(err->text, length, shown, sizeof shown);
    /* A message that was cut may end within a character. */
    check(length > sizeof err->text - 8 || strcmp(shown, err->text) == 0, "a printable message");
}

static void check_text(const char *text, size_t size)
{
    char shown[4 * WORKER_TEXT + 1];
    check(strlen(text) < size, "a text that ends");
    check(strcmp(worker_show(text, strlen(text), shown, sizeof shown), text) == 0,
          "printable text");
}

static void check_hello(const struct worker_hello *h)
{
    check_text(h->name, sizeof h->name);
    check_text(h->fingerprint, sizeof h->fingerprint);
    check(h->name[0] != '\0' && h->fingerprint[0] != '\0', "texts that are not empty");
    check(h->classes >= 1 && h->classes <= 1000000, "classes");
    check(h->size >= 1 && h->size <= 4096 && h->batch >= 1 && h->batch <= 4096, "size, batch");
    check(h->grid >= 1 && h->grid <= h->size, "grid");
    check(h->method_count >= 0 && h->method_count <= WORKER_METHODS, "methods");
    for (int c = 0; c < 3; c++)
        check(h->std[c] > 0 && h->mean[c] - h->mean[c] == 0, "mean, std");
    for (int i = 0; i < h->method_count; i++) {
        check_text(h->methods[i].name, sizeof h->methods[i].name);
        check_text(h->methods[i].summary, sizeof h->methods[i].summary);
        check(h->methods[i].side >= 1 && h->methods[i].side <= h->size, "side");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char *line = malloc(size + 1);
    struct worker_hello *hello = malloc(sizeof *hello);
    struct error err = { 0 };
    cJSON *reply;
    if (line == NULL || hello == NULL)
        abort();
    memcpy(line, bytes, size);
    line[size] = '\0';
    enum status status = worker_read_reply(line, 1, "hello", &reply, &err);
    if (status == OK) {
        status = worker_read_hello(reply, hello, &err);
        if (status == OK)
            check_hello(hello);
        else
            check_message(status, &err);
        status = worker_read_shape(reply, "classify", 2, 3, 0, &err);
    }
    if (status != OK)
        check_message(status, &err);
    cJSON_Delete(reply);
    free(hello);
    free(line);
    return 0;
}
