/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FPU and vector state of guests. The hypervisor itself uses none. AMD APM vol. 2 §11.5
 * "XSAVE/XRSTOR Instructions".
 *
 * XCR0 on a cpu is that of the vcpu whose state is loaded, since XGETBV runs natively. Saving and
 * restoring happens with all components enabled, so that what a guest has switched off for a while
 * is kept.
 *
 * The x87 unit's last instruction and operand are saved as 64-bit addresses, or as 32-bit ones with
 * their selectors; one format or the other, by the width of the instruction that saves. What is
 * restored has to be of the same: so it is the domain's width that says. APM vol. 2 §11.4.4.
 */
#include <arch/cpu.h>
#include <arch/features.h>
#include <arch/fpu.h>
#include <arch/fpu_vector.h>
#include <arch/percpu.h>
#include <arch/policy.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/log.h>
#include <hv/page.h>
#include <lib/bytes.h>
#include <lib/string.h>

#define MXCSR_DEFAULT 0x1f80
#define PKRU_COMPONENT 9
#define MXCSR_OFFSET 24
#define MXCSR_MASK_OFFSET 28

static DEFINE_PER_CPU(uint64_t, hw_xcr0);
static uint32_t mxcsr_mask = 0xffbf;

static void load_xcr0(uint64_t v)
{
    if (this_cpu(hw_xcr0) == v)
        return;
    xsetbv(0, v);
    this_cpu(hw_xcr0) = v;
}

static void find_mxcsr_mask(void)
{
    static uint8_t area[FXSAVE_SIZE] __attribute__((aligned(16)));
    uint32_t mask;

    __asm__ volatile("fninit; fxsave64 (%0)" ::"r"(area) : "memory");
    mask = get_le32(area + MXCSR_MASK_OFFSET);
    if (mask)
        mxcsr_mask = mask;
}

void fpu_init_cpu(void)
{
    clts();
    __asm__ volatile("fninit");
    if (cpu_features.xsave) {
        this_cpu(hw_xcr0) = 0;
        load_xcr0(cpu_features.xcr0);
    }
    if (smp_processor_id() == 0)
        find_mxcsr_mask();
}

static void reset_area(struct vcpu *v)
{
    uint8_t *p = v->arch.xsave;
    const uint16_t fcw = FCW_DEFAULT;

    memset(p, 0, cpu_features.xsave_size);
    memcpy(p, &fcw, sizeof(fcw));
    put_le32(p + MXCSR_OFFSET, MXCSR_DEFAULT);
}

int fpu_vcpu_create(struct vcpu *v)
{
    v->arch.xsave = hv_page_alloc(order_of_size(cpu_features.xsave_size));
    if (!v->arch.xsave)
        return -ENOMEM;
    reset_area(v);
    v->arch.xcr0 = v->arch.xcr0_accum = cpu_features.xsave ? XCR0_X87 : 0;
    return 0;
}

void fpu_vcpu_destroy(struct vcpu *v)
{
    if (v->arch.xsave)
        hv_page_free(v->arch.xsave, order_of_size(cpu_features.xsave_size));
    v->arch.xsave = NULL;
}

void fpu_save(struct vcpu *v)
{
    uint8_t *p = v->arch.xsave;
    const bool narrow = domain_is_32bit(v->domain);

    if (cpu_features.xsave) {
        load_xcr0(cpu_features.xcr0);
        if (unlikely(narrow))
            __asm__ volatile("xsave (%0)" ::"r"(p), "a"(~0U), "d"(~0U) : "memory");
        else
            __asm__ volatile("xsave64 (%0)" ::"r"(p), "a"(~0U), "d"(~0U) : "memory");
    } else if (unlikely(narrow)) {
        __asm__ volatile("fxsave (%0)" ::"r"(p) : "memory");
    } else {
        __asm__ volatile("fxsave64 (%0)" ::"r"(p) : "memory");
    }
}

/*
 * AMD's restoring instructions leave the last instruction's and operand's address alone when no
 * exception is pending: put addresses of ours there, lest the next guest reads the previous one's.
 */
static void hide_fp_pointers(void)
{
    static const uint32_t zero;

    if (cpu_features.vendor == VENDOR_AMD || cpu_features.vendor == VENDOR_HYGON)
        __asm__ volatile("fnclex; emms; fildl %0; fninit" ::"m"(zero));
}

void fpu_restore(struct vcpu *v)
{
    const uint8_t *p = v->arch.xsave;
    const bool narrow = domain_is_32bit(v->domain);

    hide_fp_pointers();
    if (cpu_features.xsave) {
        load_xcr0(cpu_features.xcr0);
        if (unlikely(narrow))
            __asm__ volatile("xrstor (%0)" ::"r"(p), "a"(~0U), "d"(~0U) : "memory");
        else
            __asm__ volatile("xrstor64 (%0)" ::"r"(p), "a"(~0U), "d"(~0U) : "memory");
        load_xcr0(v->arch.xcr0);
    } else if (unlikely(narrow)) {
        __asm__ volatile("fxrstor (%0)" ::"r"(p) : "memory");
    } else {
        __asm__ volatile("fxrstor64 (%0)" ::"r"(p) : "memory");
    }
}

/* Where the standard format has a component: the processor says so. */
static uint16_t place_of(unsigned int component)
{
    return cpu_features.xcr0 >> component & 1 ? (uint16_t)cpuid(0xd, component).b : 0;
}

/* RDPKRU asks for CR4.PKE, which does nothing to us: keys are about user pages. */
static uint32_t read_pkru(void)
{
    const uint64_t cr4 = read_cr4();
    uint32_t pkru;

    write_cr4(cr4 | X86_CR4_PKE);
    __asm__ volatile("rdpkru" : "=a"(pkru) : "c"(0) : "rdx");
    write_cr4(cr4);
    return pkru;
}

uint32_t fpu_pkru(const struct vcpu *v)
{
    static uint16_t at;
    const uint8_t *p = v->arch.xsave;

    if (!(cpu_features.xcr0 & XCR0_PKRU))
        return 0;
    if (v->arch.fpu_loaded)
        return read_pkru();
    if (!at)
        at = place_of(PKRU_COMPONENT);
    return get_le64(p + XSAVE_HEADER) & XCR0_PKRU ? get_le32(p + at) : 0;
}

void fpu_edit_begin(struct vcpu *v, struct fpu_area *area)
{
    static uint16_t ymm_at, zmm_at;

    if (!ymm_at) { /* the same on every cpu */
        ymm_at = place_of(2);
        zmm_at = place_of(6);
    }
    fpu_save(v);
    *area = (struct fpu_area){
        .bytes = v->arch.xsave, .xsave = cpu_features.xsave, .ymm_at = ymm_at, .zmm_at = zmm_at
    };
}

void fpu_edit_end(struct vcpu *v) { fpu_restore(v); }

bool xcr0_valid(uint64_t xcr0, uint64_t allowed)
{
    const uint64_t zmm = xcr0 & XCR0_AVX512;

    if ((xcr0 & ~allowed) || !(xcr0 & XCR0_X87))
        return false;
    if ((xcr0 & XCR0_YMM) && !(xcr0 & XCR0_SSE))
        return false;
    return zmm == 0 || (zmm == XCR0_AVX512 && (xcr0 & XCR0_YMM));
}

int fpu_set_xcr0(struct vcpu *v, uint64_t xcr0)
{
    const struct leaf *allowed = &v->domain->arch.policy->xstate[0];

    if (!cpu_features.xsave || !xcr0_valid(xcr0, cpu_features.xcr0) ||
        (xcr0 & ~((uint64_t)allowed->d << 32 | allowed->a)))
        return -1;
    v->arch.xcr0 = xcr0;
    v->arch.xcr0_accum |= xcr0;
    load_xcr0(xcr0);
    return 0;
}

void fpu_note_xcr0(struct vcpu *v)
{
    const uint64_t xcr0 = xgetbv(0);

    if (likely(xcr0 == v->arch.xcr0))
        return;
    this_cpu(hw_xcr0) = xcr0;
    v->arch.xcr0 = xcr0 & cpu_features.xcr0;
    v->arch.xcr0_accum |= v->arch.xcr0;
    load_xcr0(v->arch.xcr0);
}

void fpu_get_legacy(const struct vcpu *v, void *fx) { memcpy(fx, v->arch.xsave, FXSAVE_SIZE); }

void fpu_set_legacy(struct vcpu *v, const void *fx)
{
    uint8_t *p = v->arch.xsave;

    reset_area(v);
    if (!fx)
        return;
    memcpy(p, fx, FXSAVE_SIZE);
    /* reserved bits make XRSTOR fault */
    put_le32(p + MXCSR_OFFSET, get_le32(p + MXCSR_OFFSET) & mxcsr_mask);
    if (cpu_features.xsave) {
        memset(p + FXSAVE_SIZE - 48, 0, 48); /* software's own bytes */
        put_le64(p + XSAVE_HEADER, XCR0_X87 | XCR0_SSE);
    }
}

int fpu_set_area(struct vcpu *v, const void *area, size_t size, uint64_t xcr0, uint64_t xcr0_accum)
{
    uint8_t *p = v->arch.xsave;
    const uint8_t *in = area;
    uint64_t xstate_bv;

    if (!cpu_features.xsave || size < FXSAVE_SIZE + 64 || size > cpu_features.xsave_size)
        return -EINVAL;
    if (!xcr0_valid(xcr0, cpu_features.xcr0) || (xcr0_accum & ~cpu_features.xcr0) ||
        (xcr0 & ~xcr0_accum))
        return -EINVAL;
    xstate_bv = get_le64(in + XSAVE_HEADER);
    if (xstate_bv & ~xcr0_accum)
        return -EINVAL;
    for (unsigned int i = 8; i < 64; i++) /* XCOMP_BV (compacted) and reserved */
        if (in[XSAVE_HEADER + i])
            return -EINVAL;
    reset_area(v);
    memcpy(p, in, size);
    put_le32(p + MXCSR_OFFSET, get_le32(p + MXCSR_OFFSET) & mxcsr_mask);
    v->arch.xcr0 = xcr0;
    v->arch.xcr0_accum = xcr0_accum;
    return 0;
}
