/* Kernels of which there are two: the newer one, and the older one that it is to replace once a GPU
 * has shown it to be faster (scripts/gpu_check.sh times both). The environment variable
 * EVALH_KERNELS chooses: "scan=single,attention=tiles". */
#pragma once

#include "backend.h"

/* C(enumerator, name, the word that is taken where nothing is said, the other words...) */
#define CU_CHOICES(C)                                                                              \
    C(CHOICE_SCAN, "scan", "pair", "single")          /* two channels a thread, one */             \
    C(CHOICE_ATTENTION, "attention", "head", "tiles") /* a head's keys come once, or in tiles */   \
    C(CHOICE_NORM, "norm", "row", "any")              /* a row in registers, or read again */      \
    C(CHOICE_CONV, "conv", "pair", "single")          /* two channels a thread, one */             \
    C(CHOICE_GELU, "gelu", "kernel", "epilogue") /* exact, after the product; tanh form in it */   \
    C(CHOICE_PRODUCTS, "products", "split", "plain") /* fp32 as three tf32; by cuBLAS */
enum cu_choice {
#define CU_CHOICE_ENUM(id, ...) id,
    CU_CHOICES(CU_CHOICE_ENUM)
#undef CU_CHOICE_ENUM
        CU_CHOICE_COUNT
};

/* choice[id]: which of its words `text` names; 0 where it names none. text may be NULL. E_CONFIG:
 * an unknown name or word. */
enum status cu_choose(const char *text, int choice[CU_CHOICE_COUNT], struct error *err);
/* The choices as text, "scan=pair,attention=head"; `others`: those alone that differ from 0. */
void cu_choices_text(const int choice[CU_CHOICE_COUNT], bool others, char *text, size_t size);
