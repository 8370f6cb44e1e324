/* JPEG through libjpeg-turbo's libjpeg API, with the conversions of Pillow's plugin on top. */
#include "decode.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/* A progressive file may hold any number of scans, each a pass over the whole picture: the cheapest
 * way to make a small file slow. Real encoders write about ten. */
#define MAX_SCANS 256

struct handler {
    struct jpeg_error_mgr base; /* first: libjpeg hands back a pointer to it */
    struct jpeg_progress_mgr progress;
    jmp_buf leave;
    const char *name;
    struct error *err;
};

static _Noreturn void leave(struct handler *h, const char *text)
{
    fail(h->err, E_DATA, "%s: not a sound JPEG: %s", h->name, text);
    longjmp(h->leave, 1);
}

static _Noreturn void on_error(j_common_ptr info)
{
    struct handler *h = (struct handler *)(void *)info->err;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    if (info->err->msg_code == JERR_OUT_OF_MEMORY) {
        fail(h->err, E_NOMEM, "%s: %s", h->name, text);
        longjmp(h->leave, 1);
    }
    leave(h, text);
}

/* Whether the scan that was just found out of order refines (Ah > 0) a coefficient whose earlier
 * bits are missing. A repeated DC refinement changes nothing. */
static bool refines_nothing(const struct jpeg_decompress_struct *info)
{
    const int *parameter = info->err->msg_parm.i; /* component, coefficient */
    if (parameter[1] < info->Ss)                  /* DC is still to come */
        return false;
    int have = info->coef_bits[parameter[0]][parameter[1]];
    bool again = have >= 0 && info->Ss == 0 && info->Al >= have;
    return info->Ah > 0 && !again;
}

/* Files of which libjpeg only warns are decoded where the picture is complete, bit for bit as
 * Pillow does:
 *
 *   NOT_SEQUENTIAL      a baseline scan with the parameters of a progressive one, as some phones
 *                       write it; they have no meaning there
 *   BOGUS_PROGRESSION   scans out of their order, or one sent twice: what comes later counts; not
 *                       where a scan refines what never came
 *   EXTRANEOUS_DATA     bytes between segments
 *   ADOBE_XFORM, JFIF_MAJOR, BOGUS_ICC, TOO_MUCH_DATA   odd headers, or more data than pixels
 *
 * All else is E_DATA: a file that ends early (JPEG_EOF, HIT_MARKER), a code that is none
 * (HUFF_BAD_CODE, ARITH_BAD_CODE), a restart that is lost (MUST_RESYNC). libjpeg paints grey where
 * data is missing and goes on with what is damaged; scores of such a picture would be of another
 * picture. So would those of a component without a scan, or without one of DC, of which nobody
 * warns. */
static void on_message(j_common_ptr info, int level)
{
    if (level >= 0)
        return; /* trace */
    switch (info->err->msg_code) {
    case JWRN_BOGUS_PROGRESSION:
        if (refines_nothing((j_decompress_ptr)info))
            on_error(info);
        return;
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_BOGUS_ICC:
    case JWRN_TOO_MUCH_DATA:
        return;
    default:
        on_error(info);
    }
}

static void on_progress(j_common_ptr info)
{
    struct handler *h = (struct handler *)(void *)info->err;
    if (info->is_decompressor && ((j_decompress_ptr)info)->input_scan_number > MAX_SCANS)
        leave(h, "more scans than any encoder writes");
}

static void handler_init(struct handler *h, const char *name, struct error *err)
{
    jpeg_std_error(&h->base);
    h->base.error_exit = on_error;
    h->base.emit_message = on_message;
    h->progress.progress_monitor = on_progress;
    h->name = name;
    h->err = err;
}

/* Pillow's CMYK to RGB on inverted ("Adobe") values, which it takes all four-channel files to hold:
 * with k = 255 - K, channel = k - round(ink * k / 255). Here cmyk is as stored: ink = 255 - c. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++, cmyk += 4, rgb += 3) {
        int k = cmyk[3];
        for (int c = 0; c < 3; c++) {
            int product = (255 - cmyk[c]) * k + 128;
            int ink = (product + (product >> 8)) >> 8;
            rgb[c] = (uint8_t)(k > ink ? k - ink : 0);
        }
    }
}

/* Every 8x8 block costs at least one bit of a Huffman-coded file, so a short file that promises a
 * large picture is refused before memory is taken for it. Arithmetic coding, which no encoder in
 * use writes, can need less, but not 128 times less for any real picture. */
static void check_promise(struct handler *h, const struct jpeg_decompress_struct *info, size_t size)
{
    size_t blocks = 0;
    for (int c = 0; c < info->num_components; c++)
        blocks += (size_t)info->comp_info[c].width_in_blocks * info->comp_info[c].height_in_blocks;
    if (blocks / (info->arith_code ? 1024 : 8) > size)
        leave(h, "the file is too short for the size in its header");
}

/* Called after all scans of a file with several. A component gets its quantisation table with its
 * first scan. */
static void check_scans(struct handler *h, const struct jpeg_decompress_struct *info)
{
    for (int c = 0; c < info->num_components; c++) {
        if (info->comp_info[c].quant_table == NULL)
            leave(h, "a colour component has no scan");
        if (info->coef_bits != NULL && info->coef_bits[c][0] < 0)
            leave(h, "a colour component has no DC scan");
    }
}

enum status jpeg_decode(const uint8_t *bytes, size_t size, const char *name, struct image *out,
                        struct error *err)
{
    struct jpeg_decompress_struct info;
    struct handler handler = { 0 };
    /* Between setjmp and longjmp only memory that these point to changes. */
    uint8_t *volatile line = NULL;
    volatile enum status status = E_DATA;

    memset(&info, 0, sizeof info);
    handler_init(&handler, name, err);
    info.err = &handler.base;
    if (setjmp(handler.leave)) {
        status = err != NULL ? err->code : E_DATA;
        image_free(out);
        goto out;
    }
    jpeg_create_decompress(&info);
    info.progress = &handler.progress;
    jpeg_mem_src(&info, bytes, size);
    jpeg_read_header(&info, TRUE);
    check_promise(&handler, &info, size);
    switch (info.num_components) {
    case 1:
    case 3:
        info.out_color_space = JCS_RGB; /* grey is replicated */
        break;
    case 4:
        info.out_color_space = JCS_CMYK; /* from YCCK too; K is left as it is */
        break;
    default:
        leave(&handler, "1, 3 or 4 colour channels are wanted");
    }
    status = image_allocate(out, info.image_width, info.image_height, name, err);
    if (status != OK)
        goto out;
    if (info.num_components == 4) {
        line = malloc((size_t)info.image_width * 4);
        if (line == NULL) {
            image_free(out);
            status = fail(err, E_NOMEM, "%s: no memory for a line", name);
            goto out;
        }
    }
    jpeg_start_decompress(&info);
    check_scans(&handler, &info);
    while (info.output_scanline < info.output_height) {
        uint8_t *row = out->rgb + (size_t)info.output_scanline * (size_t)out->width * 3;
        JSAMPROW target = line != NULL ? line : row;
        jpeg_read_scanlines(&info, &target, 1);
        if (line != NULL)
            cmyk_to_rgb(line, row, (size_t)out->width);
    }
    jpeg_finish_decompress(&info);
    status = OK;
out:
    free(line);
    jpeg_destroy_decompress(&info);
    return status;
}

enum status jpeg_encode(const struct image *image, int quality, uint8_t **bytes, size_t *size,
                        struct error *err)
{
    struct jpeg_compress_struct info;
    struct handler handler = { 0 };
    struct {
        unsigned char *bytes;
        unsigned long size;
    } result = { NULL, 0 };

    memset(&info, 0, sizeof info);
    handler_init(&handler, "JPEG to write", err);
    info.err = &handler.base;
    if (setjmp(handler.leave)) {
        jpeg_destroy_compress(&info);
        free(result.bytes);
        return err != NULL ? err->code : E_DATA;
    }
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &result.bytes, &result.size);
    info.image_width = (JDIMENSION)image->width;
    info.image_height = (JDIMENSION)image->height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = image->rgb + (size_t)info.next_scanline * (size_t)image->width * 3;
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    *bytes = result.bytes;
    *size = result.size;
    return OK;
}
