#include "sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

void sha256_begin(struct sha256 *s)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    /* A missing SHA-256 or 100 bytes that cannot be had leave nothing sensible to do. */
    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        abort();
    s->context = context;
}

void sha256_add(struct sha256 *s, const void *data, size_t size)
{
    if (EVP_DigestUpdate(s->context, data, size) != 1)
        abort();
}

void sha256_end(struct sha256 *s, char hex[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_DigestFinal_ex(s->context, digest, NULL) != 1)
        abort();
    EVP_MD_CTX_free(s->context);
    s->context = NULL;
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[64] = '\0';
}
