/* dump_checkpoint IN OUT.safetensors: what checkpoint_open makes of a file, for others to read. */
#include <stdio.h>

#include "checkpoint.h"

int main(int argc, char **argv)
{
    struct checkpoint *c;
    struct error err = { 0 };
    if (argc != 3) {
        fprintf(stderr, "usage: dump_checkpoint IN OUT.safetensors\n");
        return 2;
    }
    if (checkpoint_open(argv[1], &c, &err) != OK ||
        checkpoint_write_safetensors(argv[2], c, CHECKPOINT_FP32, &err) != OK) {
        fprintf(stderr, "dump_checkpoint: %s\n", err.text);
        return 1;
    }
    printf("%s: %s, %zu tensors, sha256 %s\n", c->path, c->format, c->count, c->sha256);
    checkpoint_close(c);
    return 0;
}
