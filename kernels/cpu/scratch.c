/* Scratch memory per thread, and the failure slot that all threads share. */
#include "cpu.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sizes.h"

struct scratch {
    size_t size;
    void *memory;
};

static pthread_key_t scratch_key;
static bool scratch_key_made; /* false: PTHREAD_KEYS_MAX keys in one process */
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void scratch_free(void *p)
{
    struct scratch *s = p;
    if (s)
        free(s->memory);
    free(s);
}

/* A thread's own destructor does not run for the main thread. */
static void scratch_free_main(void)
{
    scratch_free(pthread_getspecific(scratch_key));
    pthread_setspecific(scratch_key, NULL);
}

static void scratch_key_make(void)
{
    scratch_key_made = pthread_key_create(&scratch_key, scratch_free) == 0;
    if (scratch_key_made)
        atexit(scratch_free_main);
}

void *cpu_scratch(struct backend *be, size_t bytes)
{
    pthread_once(&scratch_once, scratch_key_make);
    if (!scratch_key_made) {
        cpu_fail(be, E_NOMEM, "no thread-specific key left for the CPU kernels' scratch memory");
        return NULL;
    }
    struct scratch *s = pthread_getspecific(scratch_key);
    if (!s) {
        s = calloc(1, sizeof *s);
        if (s && pthread_setspecific(scratch_key, s) != 0) {
            free(s);
            s = NULL;
        }
    }
    if (s && s->size < bytes) {
        free(s->memory);
        s->size = round_up(bytes, 4096);
        s->memory = aligned_alloc(64, s->size);
        if (!s->memory)
            s->size = 0;
    }
    if (!s || !s->memory) {
        cpu_fail(be, E_NOMEM, "out of memory: %zu bytes of scratch for a CPU kernel", bytes);
        return NULL;
    }
    return s->memory;
}

void cpu_fail(struct backend *be, enum status code, const char *format, ...)
{
    struct cpu *cpu = cpu_of(be);
    while (atomic_flag_test_and_set(&cpu->failing))
        ;
    if (be->failed.code == OK) {
        va_list list;
        va_start(list, format);
        vsnprintf(be->failed.text, sizeof be->failed.text, format, list);
        va_end(list);
        /* The code is written last: a thread that sees it may read the text. */
        __atomic_store_n(&be->failed.code, code, __ATOMIC_RELEASE);
    }
    atomic_flag_clear(&cpu->failing);
}
