/* A folder with a small Vim in it, for tests of whole runs. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

static char folder[] = "/tmp/evalh-run-XXXXXX";

/* Set-up and tear-down of a group of tests: folder/vim.safetensors. */
static inline int make_model_folder(void **state)
{
    char command[500];
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(command, sizeof command, "%s vim %s/vim.safetensors >/dev/null", getenv("MAKE_MODEL"),
             folder);
    return system(command) != 0;
}

static inline int remove_model_folder(void **state)
{
    char command[100];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0;
}
