/* make_masks OUT.mat KINDS: images with masks in the layout of gtsegs_ijcv.mat, one a letter of
 * KINDS. s: a sound mask; m: a sound one, its object elsewhere; b: background alone; v: every pixel
 * left out; t: a sound mask, and another picture. Files of as many letters are of one size. */
#include <stdlib.h>
#include <string.h>

#include "mat_fixtures.h"

enum { W = 40, H = 30, MOST = 300 };

static void draw(int8_t *mask, char kind)
{
    for (int x = 0; x < W; x++)
        for (int y = 0; y < H; y++) {
            bool object = kind == 'm' ? x < W / 3 && y < H / 2 : x > W / 2 && y > H / 4;
            mask[x * H + y] = (int8_t)(kind == 'v' ? -1 : kind == 'b' ? 0 : object);
        }
}

int main(int argc, char **argv)
{
    static uint8_t pixels[MOST][3 * W * H];
    static int8_t masks[MOST][W * H];
    static struct field image[MOST], mask[MOST];
    size_t count = argc == 3 ? strlen(argv[2]) : 0;
    if (count == 0 || count > MOST)
        return EXIT_FAILURE;
    for (size_t i = 0; i < count; i++) {
        for (size_t p = 0; p < 3 * W * H; p++)
            pixels[i][p] = (uint8_t)((p * (i + 3) + (argv[2][i] == 't')) * 2654435761u >> 24);
        draw(masks[i], argv[2][i]);
        image[i] = (struct field){ 3, { 3, W, H }, H5T_STD_U8LE, pixels[i], false };
        mask[i] = (struct field){ 2, { W, H }, H5T_STD_I8LE, masks[i], true };
    }
    mat_write(argv[1], image, mask, count);
    return EXIT_SUCCESS;
}
