#include "sha256.h"

#include <string.h>

/* Deprecated since OpenSSL 3.0 in favour of EVP, whose contexts take memory and may fail. These do
 * not: a hash needs no way to report an error. */
#define OPENSSL_API_COMPAT 0x10101000L
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof((struct sha256 *)0)->state, "room for the state");

void sha256_begin(struct sha256 *s)
{
    SHA256_CTX context;
    SHA256_Init(&context);
    memcpy(s->state, &context, sizeof context);
}

void sha256_add(struct sha256 *s, const void *data, size_t size)
{
    SHA256_CTX context;
    memcpy(&context, s->state, sizeof context);
    SHA256_Update(&context, data, size);
    memcpy(s->state, &context, sizeof context);
}

void sha256_end(struct sha256 *s, char hex[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX context;
    memcpy(&context, s->state, sizeof context);
    SHA256_Final(digest, &context);
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[64] = '\0';
}
