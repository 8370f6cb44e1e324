/* The backends cpu and cpu64: which kernels they are made of. */
#include "cpu.h"

#include <stdlib.h>
#include <string.h>
#ifdef CPU_X86
#include <cpuid.h>
#endif

#include "backend_list.h"
#include "erf_table.h"
#include "panels.h"
#include "ref.h"

struct cpu_backend {
    struct backend be; /* first: freed through it */
    struct cpu cpu;
};

static const char *const simd_names[] = { "c", "avx2", "avx512" }; /* by enum cpu_simd */

static enum cpu_simd simd_of_machine(void)
{
#ifdef CPU_X86
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (avx2 && avx512)
        return CPU_SIMD_AVX512;
    if (avx2)
        return CPU_SIMD_AVX2;
#endif
    return CPU_SIMD_C;
}

static bool machine_has_bf16(void)
{
#ifdef CPU_X86
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

/* The machine's instruction set, or a lower one that was asked for. */
static enum status choose_simd(const char *wish, enum cpu_simd *out, struct error *err)
{
    *out = simd_of_machine();
    if (!wish || !*wish)
        return OK;
    for (int i = CPU_SIMD_C; i <= CPU_SIMD_AVX512; i++)
        if (strcmp(wish, simd_names[i]) == 0) {
            if (i > (int)*out)
                return fail(err, E_CONFIG, "simd = %s: this machine has only %s", wish,
                            simd_names[*out]);
            *out = (enum cpu_simd)i;
            return OK;
        }
    return fail(err, E_CONFIG, "simd = %s: must be c, avx2 or avx512", wish);
}

static void vec_ops(struct ops *op, enum cpu_simd simd, bool wide)
{
#ifdef CPU_X86
    if (simd == CPU_SIMD_AVX512) {
        (wide ? cpu_vec_ops_avx512_64 : cpu_vec_ops_avx512)(op);
        return;
    }
    if (simd == CPU_SIMD_AVX2) {
        (wide ? cpu_vec_ops_avx2_64 : cpu_vec_ops_avx2)(op);
        return;
    }
#endif
    (void)simd;
    (wide ? cpu_vec_ops_c_64 : cpu_vec_ops_c)(op);
}

/* Matrices in tiles of bf16, Intel's AMX. */
static bool machine_has_tiles(void)
{
#ifdef CPU_X86
    unsigned a, b, c, d = 0;
    enum { AMX_BF16 = 1 << 22 }; /* of leaf 7 in EDX */
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && d & AMX_BF16;
#else
    return false;
#endif
}

/* Ours are faster than the libraries', but for bf16 where the machine has tiles of it (AMX), which
 * oneDNN uses and we do not. */
static const struct panel_kernel *own_product(enum cpu_simd simd, bool bf16, bool wide)
{
#ifdef CPU_X86
    if (simd == CPU_SIMD_AVX512 && bf16)
        return machine_has_tiles() ? NULL : &cpu_vec_product_bf16;
    if (simd == CPU_SIMD_AVX512)
        return wide ? &cpu_vec_product_avx512_64 : &cpu_vec_product_avx512;
    if (simd == CPU_SIMD_AVX2 && !bf16)
        return wide ? &cpu_vec_product_avx2_64 : &cpu_vec_product_avx2;
#endif
    (void)simd, (void)bf16, (void)wide;
    return NULL;
}

/* Where products are our own in bf16, a ViT's activations pass from one operation to the next so.
 */
static void take_narrow(struct backend *be, struct cpu *cpu)
{
#ifdef CPU_X86
    cpu->wide_attention = be->op.attention;
    cpu_vec_attention_ops_bf16(&be->op);
    cpu_vec_norm_ops_bf16(&be->op);
    be->narrow_vit = true;
#else
    (void)be, (void)cpu;
#endif
}

static enum status open_single(struct backend *be, struct backend **out, struct error *err);

static enum status open_any(const struct backend_options *options, bool wide, struct backend **out,
                            struct error *err)
{
    enum cpu_simd simd;
    TRY(choose_simd(options->simd, &simd, err));
    if (options->threads < 0)
        return fail(err, E_CONFIG, "threads = %d: must be 0 (all) or more", options->threads);
    if (wide && (options->precision == PRECISION_BF16 || options->precision == PRECISION_TF32))
        return fail(err, E_CONFIG, "cpu64 computes in double alone: precision cannot be %s",
                    options->precision == PRECISION_BF16 ? "bf16" : "tf32");
    struct cpu_backend *self = calloc(1, sizeof *self);
    if (!self)
        return fail(err, E_NOMEM, "out of memory: a backend");
    cpu_erf_table_make();

    struct backend *be = &self->be;
    self->cpu.simd = simd;
    atomic_flag_clear(&self->cpu.failing);
    be->impl = &self->cpu;
    be->real_size = wide ? sizeof(double) : sizeof(float);
    be->precision = wide ? PRECISION_DOUBLE : PRECISION_FP32;
    if (!wide && options->precision == PRECISION_BF16) {
        self->cpu.bf16 = machine_has_bf16();
        if (self->cpu.bf16) /* else fp32, which be->precision then says */
            be->precision = PRECISION_BF16;
    }
    self->cpu.product = own_product(simd, self->cpu.bf16, wide);
    be->threads = options->threads > 0 ? options->threads : omp_get_num_procs();
    be->lanes = be->threads; /* one image per thread: everything it touches stays in one core's */
    be->lane_images = 1;     /* cache, and no result depends on the batch or on the threads */
    ref_fill_memory(be);
    ref_fill_ops(&be->op, be->real_size);
    vec_ops(&be->op, simd, wide);
    if (self->cpu.product && self->cpu.product->bf16)
        take_narrow(be, &self->cpu);
    cpu_heat_ops(&be->op);
    cpu_impute_ops(&be->op);
    (wide ? cpu_input64_ops : cpu_input_ops)(&be->op);
    (wide ? cpu_matmul64_ops : cpu_matmul_ops)(&be->op);
    (wide ? cpu_linear64_ops : cpu_linear_ops)(&be->op);
    be->open_single = wide ? open_single : NULL;
    *out = be;
    return OK;
}

static enum status open_single(struct backend *be, struct backend **out, struct error *err)
{
    const struct backend_options options = { .threads = be->threads,
                                             .simd = simd_names[cpu_of(be)->simd] };
    return open_any(&options, false, out, err);
}

enum status open_cpu(const struct backend_options *options, struct backend **out, struct error *err)
{
    return open_any(options, false, out, err);
}

enum status open_cpu64(const struct backend_options *options, struct backend **out,
                       struct error *err)
{
    return open_any(options, true, out, err);
}
