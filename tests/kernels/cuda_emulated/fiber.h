/* Stacks to run on, and changing between them without the system's help (swapcontext makes two
 * system calls, and a warp's sum takes hundreds of changes). */
#pragma once

#include <stddef.h>

#if defined(__x86_64__)

struct stack_place {
    void *at; /* the stack pointer where this one goes on; callee-saved registers lie there */
};

/* Keeps the running one in *from and goes on with *to. */
extern "C" void emulated_switch(stack_place *from, stack_place *to);

/* *place: runs `entry`, which must not return, on this stack. */
static inline void stack_begin(stack_place *place, void *stack, size_t size, void (*entry)(void))
{
    void **top = (void **)((char *)stack + size - 64); /* 16-byte aligned, as before a call */
    *--top = NULL;                                     /* entry's return address */
    *--top = (void *)entry;                            /* what `ret` goes to */
    for (int i = 0; i < 6; i++)
        *--top = NULL; /* rbp, rbx, r12 - r15 */
    place->at = top;
}

#else

#include <ucontext.h>

struct stack_place {
    ucontext_t context;
};

static inline void emulated_switch(stack_place *from, stack_place *to)
{
    swapcontext(&from->context, &to->context);
}

static inline void stack_begin(stack_place *place, void *stack, size_t size, void (*entry)(void))
{
    getcontext(&place->context);
    place->context.uc_stack.ss_sp = stack;
    place->context.uc_stack.ss_size = size;
    place->context.uc_link = NULL;
    makecontext(&place->context, entry, 0);
}

#endif
