/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segment selectors and bases of the running PV vcpu. They stay in the cpu's registers while the
 * hypervisor runs (it uses none of them), and move to v->arch.pv when another vcpu takes the cpu.
 * public arch-x86/xen-x86_64.h, "set_segment_base".
 */
#include <arch/cpu.h>
#include <arch/insn.h>
#include <arch/layout.h>
#include <arch/msr.h>
#include <arch/pt.h>
#include <arch/pv.h>
#include <arch/traps.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hypercall.h>

#include "priv_decode.h"

#define SELECTOR_INDEX 0xfff8U
#define SELECTOR_LDT 4U
#define DESC_PRESENT (1ULL << 47)
#define DESC_CODE_DATA (1ULL << 44)
#define DESC_CODE (1ULL << 43)
#define DESC_CONFORMING (1ULL << 42)
#define DESC_WRITABLE (1ULL << 41)
#define DESC_LONG (1ULL << 53)
#define DESC_DB (1ULL << 54)
#define DESC_GRANULARITY (1ULL << 55)

#define DEFINE_SEGMENT(seg)                                                            \
    static uint16_t read_##seg(void)                                                   \
    {                                                                                  \
        uint16_t s;                                                                    \
        __asm__ volatile("mov %%" #seg ", %0" : "=r"(s));                              \
        return s;                                                                      \
    }                                                                                  \
    /* False: bad selector, null is loaded instead. */                                 \
    static bool load_##seg(uint16_t selector)                                          \
    {                                                                                  \
        uint32_t ok = 1;                                                               \
        __asm__ volatile("1: mov %k1, %%" #seg "\n\t"                                  \
                         "jmp 3f\n"                                                    \
                         "2: xor %k0, %k0\n\t"                                         \
                         "mov %k0, %%" #seg "\n"                                       \
                         "3:\n\t" EX_TABLE("1b", "2b")                                 \
                         : "+r"(ok)                                                    \
                         : "r"((uint32_t)selector)                                     \
                         : "memory");                                                  \
        return ok;                                                                     \
    }
DEFINE_SEGMENT(ds)
DEFINE_SEGMENT(es)
DEFINE_SEGMENT(fs)
DEFINE_SEGMENT(gs)

uint64_t read_fs_base(void)
{
    uint64_t base;

    if (!cpu_features.fsgsbase)
        return rdmsr(MSR_FS_BASE);
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    return base;
}

void write_fs_base(uint64_t base)
{
    if (cpu_features.fsgsbase)
        __asm__ volatile("wrfsbase %0" ::"r"(base));
    else
        wrmsr(MSR_FS_BASE, base);
}

uint64_t read_gs_base(void)
{
    uint64_t base;

    if (!cpu_features.fsgsbase)
        return rdmsr(MSR_GS_BASE);
    __asm__ volatile("rdgsbase %0" : "=r"(base));
    return base;
}

void write_gs_base(uint64_t base)
{
    if (cpu_features.fsgsbase)
        __asm__ volatile("wrgsbase %0" ::"r"(base));
    else
        wrmsr(MSR_GS_BASE, base);
}

void pv_save_segments(struct vcpu *v)
{
    struct pv_vcpu *pv = &v->arch.pv;
    const uint64_t gs = read_gs_base(), other = rdmsr(MSR_KERNEL_GS_BASE);

    pv->ds = read_ds();
    pv->es = read_es();
    pv->fs = read_fs();
    pv->gs = read_gs();
    pv->fs_base = read_fs_base();
    pv->gs_base_kernel = pv->in_kernel ? gs : other;
    pv->gs_base_user = pv->in_kernel ? other : gs;
}

/* Bases come with the selectors: what the vcpu before has left must not stay behind a null one. */
static bool load_segments32(const struct pv_vcpu *pv)
{
    bool ok = load_ds(pv->ds);

    ok &= load_es(pv->es);
    write_fs_base(0);
    write_gs_base(0);
    ok &= load_fs(pv->fs);
    ok &= load_gs(pv->gs);
    return ok;
}

bool pv_load_segments(struct vcpu *v)
{
    const struct pv_vcpu *pv = &v->arch.pv;
    bool ok = true;

    if (domain_is_32bit(v->domain))
        return load_segments32(pv);
    /* Null into null is nothing to do; the bases are written below in any case. */
    if (pv->ds | read_ds())
        ok &= load_ds(pv->ds);
    if (pv->es | read_es())
        ok &= load_es(pv->es);
    if (pv->fs | read_fs())
        ok &= load_fs(pv->fs);
    if (pv->gs | read_gs())
        ok &= load_gs(pv->gs);
    write_fs_base(pv->fs_base);
    write_gs_base(pv->in_kernel ? pv->gs_base_kernel : pv->gs_base_user);
    wrmsr(MSR_KERNEL_GS_BASE, pv->in_kernel ? pv->gs_base_user : pv->gs_base_kernel);
    return ok;
}

/*
 * The descriptor as the vcpu has it; v is current, so its GDT and LDT are mapped where the cpu
 * reads them.
 */
static int read_descriptor(const struct vcpu *v, uint16_t selector, uint64_t *desc)
{
    const bool ldt = selector & SELECTOR_LDT;
    const uint32_t offset = selector & SELECTOR_INDEX;
    const uint64_t base = ldt ? LDT_VIRT(v->id) : GDT_VIRT(v->id);

    if (ldt ? offset >= v->arch.pv.ldt_ents * 8 : offset + 7 > GDT_LIMIT)
        return -1;
    return safe_read64((const uint64_t *)(base + offset), desc);
}

int pv_read_segment(const struct vcpu *v, uint16_t selector, struct segment *seg)
{
    uint64_t d;

    if ((selector & ~3U) == 0) /* null */
        return -1;
    if (read_descriptor(v, selector, &d) || !(d & DESC_PRESENT) || !(d & DESC_CODE_DATA))
        return -1;
    seg->base = ((d >> 16) & 0xffffff) | ((d >> 32) & 0xff000000);
    seg->limit = (uint32_t)((d & 0xffff) | ((d >> 32) & 0xf0000));
    if (d & DESC_GRANULARITY)
        seg->limit = (seg->limit << 12) | 0xfff;
    seg->code64 = d & DESC_LONG;
    seg->db32 = d & DESC_DB;
    seg->dpl = (d >> 45) & 3;
    seg->code = d & DESC_CODE;
    seg->conforming = seg->code && (d & DESC_CONFORMING);
    seg->writable = !seg->code && (d & DESC_WRITABLE);
    return 0;
}

int pv_data_base(const struct vcpu *v, unsigned int seg, bool mode64, uint64_t *base)
{
    struct segment s;
    uint16_t selector;

    *base = 0;
    if (mode64 && seg != SEG_FS && seg != SEG_GS)
        return 0;
    switch (seg) {
    case SEG_ES: selector = read_es(); break;
    case SEG_CS: selector = guest_regs()->cs; break;
    case SEG_SS: selector = guest_regs()->ss; break;
    case SEG_FS: *base = read_fs_base(); return 0;
    case SEG_GS: *base = read_gs_base(); return 0;
    default: selector = read_ds(); break;
    }
    if (pv_read_segment(v, selector, &s))
        return -1;
    *base = s.base;
    return 0;
}

bool pv_code_width(const struct vcpu *v, const struct cpu_user_regs *regs, bool *code64)
{
    struct segment cs;

    *code64 = true;
    if (likely(regs->cs == FLAT_CS64))
        return true;
    if (pv_read_segment(v, regs->cs, &cs))
        return false;
    *code64 = cs.code64;
    return cs.code64 || cs.db32;
}

uint64_t pv_linear_rip(const struct vcpu *v, const struct cpu_user_regs *regs)
{
    struct segment cs;

    if (likely(regs->cs == FLAT_CS64) || pv_read_segment(v, regs->cs, &cs) || cs.code64)
        return regs->rip;
    return (uint32_t)(cs.base + regs->rip);
}

long hc_set_segment_base(struct vcpu *v, const uint64_t arg[])
{
    const uint64_t base = arg[1];

    switch (arg[0]) {
    case SEGBASE_FS:
        if (!is_canonical(base))
            return -EINVAL;
        write_fs_base(base);
        return 0;
    case SEGBASE_GS_USER: /* the kernel is running: the user's base is the one swapped out */
        if (!is_canonical(base))
            return -EINVAL;
        wrmsr(MSR_KERNEL_GS_BASE, base);
        return 0;
    case SEGBASE_GS_KERNEL:
        if (!is_canonical(base))
            return -EINVAL;
        write_gs_base(base);
        return 0;
    case SEGBASE_GS_USER_SEL: /* never fails: a bad selector becomes null */
        __asm__ volatile("swapgs" ::: "memory");
        load_gs((uint16_t)base);
        __asm__ volatile("swapgs" ::: "memory");
        return 0;
    default:
        return -EINVAL;
    }
}
