/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The types of save records: one row each, and the small functions that connect a row with the
 * device or the registers that it is about. public arch-x86/hvm/save.h.
 *
 * VMCE_VCPU has zeros in it and is not looked at when it comes, as guests see no machine-check
 * banks.
 */
#include <arch/cpu.h>
#include <arch/fpu.h>
#include <arch/hvm.h>
#include <arch/policy.h>
#include <arch/regs.h>
#include <arch/xstate.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <lib/string.h>

#include "save_priv.h"

/* --- devices ---------------------------------------------------------------------------------- */

#define DOMAIN_RECORD(name, what, T)                                                       \
    static size_t save_##name(const struct save_rec *r, void *out)                         \
    {                                                                                      \
        what##_save(r->d, out);                                                            \
        return sizeof(struct T);                                                           \
    }                                                                                      \
    static int load_##name(const struct save_rec *r, const void *in, size_t length)        \
    {                                                                                      \
        return what##_load(r->d, in);                                                      \
    }

#define hvm_irq_pci_save hvm_irq_save_pci
#define hvm_irq_pci_load hvm_irq_load_pci
#define hvm_irq_isa_save hvm_irq_save_isa
#define hvm_irq_isa_load hvm_irq_load_isa
#define hvm_irq_link_save hvm_irq_save_link
#define hvm_irq_link_load hvm_irq_load_link

DOMAIN_RECORD(ioapic, vioapic, hvm_hw_vioapic)
DOMAIN_RECORD(pci_irq, hvm_irq_pci, hvm_hw_pci_irqs)
DOMAIN_RECORD(isa_irq, hvm_irq_isa, hvm_hw_isa_irqs)
DOMAIN_RECORD(pci_link, hvm_irq_link, hvm_hw_pci_link)
DOMAIN_RECORD(pit, vpit, hvm_hw_pit)
DOMAIN_RECORD(rtc, vrtc, hvm_hw_rtc)
DOMAIN_RECORD(hpet, vhpet, hvm_hw_hpet)
DOMAIN_RECORD(pmtimer, vpm, hvm_hw_pmtimer)

static size_t save_pic(const struct save_rec *r, void *out)
{
    vpic_save(r->d, r->instance, out);
    return sizeof(struct hvm_hw_vpic);
}

static int load_pic(const struct save_rec *r, const void *in, size_t length)
{
    return vpic_load(r->d, r->instance, in);
}

static size_t save_lapic(const struct save_rec *r, void *out)
{
    vlapic_save(r->v, out);
    return sizeof(struct hvm_hw_lapic);
}

static int load_lapic(const struct save_rec *r, const void *in, size_t length)
{
    return vlapic_load(r->v, in);
}

static size_t save_lapic_regs(const struct save_rec *r, void *out)
{
    vlapic_save_regs(r->v, out);
    return sizeof(struct hvm_hw_lapic_regs);
}

static int load_lapic_regs(const struct save_rec *r, const void *in, size_t length)
{
    return vlapic_load_regs(r->v, in);
}

/* --- the header ------------------------------------------------------------------------------- */

#define KHZ_TOLERANCE 2000U /* one part in so many: what clocks differ by anyway */

static size_t save_header(const struct save_rec *r, void *out)
{
    *(struct hvm_save_header *)out = (struct hvm_save_header){
        .magic = HVM_FILE_MAGIC,
        .version = HVM_FILE_VERSION,
        .cpuid = r->d->arch.policy->basic[1].a,
        .gtsc_khz = r->d->vcpu[0] ? hvm_guest_tsc_khz(r->d->vcpu[0]) : 0,
    };
    return sizeof(struct hvm_save_header);
}

/* Not yet: TSC scaling. A guest that counts at another speed cannot go on here. */
static int load_header(const struct save_rec *r, const void *in, size_t length)
{
    const struct hvm_save_header *h = in;
    const uint32_t ours = r->d->vcpu[0] ? hvm_guest_tsc_khz(r->d->vcpu[0]) : 0;
    const uint32_t by = h->gtsc_khz > ours ? h->gtsc_khz - ours : ours - h->gtsc_khz;

    if (h->magic != HVM_FILE_MAGIC || h->version != HVM_FILE_VERSION)
        return -EINVAL;
    return h->gtsc_khz && by > ours / KHZ_TOLERANCE ? -EOPNOTSUPP : 0;
}

/* --- registers of a vcpu ---------------------------------------------------------------------- */

static size_t save_mtrr(const struct save_rec *r, void *out)
{
    hvm_mtrr_save(r->v, out);
    return sizeof(struct hvm_hw_mtrr);
}

static int load_mtrr(const struct save_rec *r, const void *in, size_t length)
{
    return hvm_mtrr_load(r->v, in);
}

static size_t save_vmce(const struct save_rec *r, void *out)
{
    *(struct hvm_vmce_vcpu *)out = (struct hvm_vmce_vcpu){ .caps = 0 };
    return sizeof(struct hvm_vmce_vcpu);
}

static int load_vmce(const struct save_rec *r, const void *in, size_t length) { return 0; }

static size_t save_tsc_adjust(const struct save_rec *r, void *out)
{
    ((struct hvm_tsc_adjust *)out)->tsc_adjust = r->v->arch.hvm->cpu.tsc_adjust;
    return sizeof(struct hvm_tsc_adjust);
}

static int load_tsc_adjust(const struct save_rec *r, const void *in, size_t length)
{
    r->v->arch.hvm->cpu.tsc_adjust = ((const struct hvm_tsc_adjust *)in)->tsc_adjust;
    return 0;
}

/* --- Hyper-V's interface, of a domain that has it --------------------------------------------- */

static size_t save_viridian(const struct save_rec *r, void *out)
{
    if (!viridian_features(r->d))
        return 0;
    viridian_save_domain(r->d, out);
    return sizeof(struct hvm_viridian_domain_context);
}

static int load_viridian(const struct save_rec *r, const void *in, size_t length)
{
    return viridian_load_domain(r->d, in);
}

static size_t save_viridian_vcpu(const struct save_rec *r, void *out)
{
    if (!viridian_features(r->d))
        return 0;
    viridian_save_vcpu(r->v, out);
    return sizeof(struct hvm_viridian_vcpu_context);
}

static int load_viridian_vcpu(const struct save_rec *r, const void *in, size_t length)
{
    return viridian_load_vcpu(r->v, in);
}

/* --- extended state: xcr0 and the XSAVE area, as long as the machine's ------------------------ */

#define XSAVE_HEAD offsetof(struct hvm_hw_cpu_xsave, save_area)
#define XSAVE_MIN sizeof(struct hvm_hw_cpu_xsave)
#define XCR0_LEGACY (XCR0_X87 | XCR0_SSE) /* saved whether the guest has them enabled or not */

static size_t save_xsave(const struct save_rec *r, void *out)
{
    const size_t size = xstate_area_size();
    struct hvm_hw_cpu_xsave *x = out;

    if (size == 0 || !cpu_policy_has_xsave(r->d->arch.policy))
        return 0;
    x->xfeature_mask = xstate_mask();
    x->xcr0 = r->v->arch.xcr0;
    x->xcr0_accum = r->v->arch.xcr0_accum | XCR0_LEGACY;
    memcpy(&x->save_area, r->v->arch.xsave, size);
    return XSAVE_HEAD + size;
}

static int load_xsave(const struct save_rec *r, const void *in, size_t length)
{
    const struct hvm_hw_cpu_xsave *x = in;

    if (xstate_area_size() == 0 || !cpu_policy_has_xsave(r->d->arch.policy))
        return -EOPNOTSUPP;
    return fpu_set_area(r->v, &x->save_area, length - XSAVE_HEAD, x->xcr0,
                        x->xcr0_accum | XCR0_LEGACY);
}

/* --- other MSRs ------------------------------------------------------------------------------- */

#define MSR_MAX 64U /* in one record; other hypervisors have others */
#define MSRS(n) (offsetof(struct hvm_msr, msr) + (n) * sizeof(struct hvm_one_msr))

/* `count` is followed by padding: the array is aligned to 8. */
_Static_assert(offsetof(struct hvm_msr, msr) == 8, "public arch-x86/hvm/save.h");

static size_t save_msr(const struct save_rec *r, void *out)
{
    struct hvm_msr *m = out;

    m->count = hvm_msr_list_save(r->v, m->msr);
    return m->count ? MSRS(m->count) : 0;
}

static int check_msr(const struct save_rec *r, const void *in, size_t length)
{
    const struct hvm_msr *m = in;

    return m->count > MSR_MAX || length != MSRS(m->count) ? -EINVAL : 0;
}

static int load_msr(const struct save_rec *r, const void *in, size_t length)
{
    const struct hvm_msr *m = in;

    return hvm_msr_list_load(r->v, m->msr, m->count);
}

/* The same MSRs; one that cannot be read is none that loading changes. */
static size_t backup_msr(const struct save_rec *r, const void *in, size_t length, void *out)
{
    const struct hvm_msr *m = in;
    struct hvm_msr *b = out;

    b->count = 0;
    for (uint32_t i = 0; i < m->count; i++) {
        uint64_t val;

        if (hvm_rdmsr(r->v, m->msr[i].index, &val) == 0)
            b->msr[b->count++] = (struct hvm_one_msr){ .index = m->msr[i].index, .val = val };
    }
    return MSRS(b->count);
}

/* --- the table -------------------------------------------------------------------------------- */

#define HAS_LAPIC XEN_X86_EMU_LAPIC
#define HAS_IOAPIC XEN_X86_EMU_IOAPIC
#define ROW(fn, type, dev) .name = #type, .save = save_##fn, .load = load_##fn, .device = (dev), \
                           .min = HVM_SAVE_LENGTH(type)

const struct save_type save_types[HVM_SAVE_CODE_MAX + 1] = {
    [HVM_SAVE_CODE(HEADER)] = { ROW(header, HEADER, 0), .check = load_header },
    [HVM_SAVE_CODE(CPU)] = { .name = "CPU", .save = save_cpu, .check = save_cpu_check,
                             .load = save_cpu_load, .min = HVM_SAVE_LENGTH(CPU),
                             .per_vcpu = true },
    [HVM_SAVE_CODE(PIC)] = { ROW(pic, PIC, XEN_X86_EMU_PIC), .instances = 2 },
    [HVM_SAVE_CODE(IOAPIC)] = { ROW(ioapic, IOAPIC, HAS_IOAPIC) },
    [HVM_SAVE_CODE(LAPIC)] = { ROW(lapic, LAPIC, HAS_LAPIC), .per_vcpu = true },
    [HVM_SAVE_CODE(LAPIC_REGS)] = { ROW(lapic_regs, LAPIC_REGS, HAS_LAPIC), .per_vcpu = true },
    [HVM_SAVE_CODE(PCI_IRQ)] = { ROW(pci_irq, PCI_IRQ, HAS_IOAPIC) },
    [HVM_SAVE_CODE(ISA_IRQ)] = { ROW(isa_irq, ISA_IRQ, HAS_IOAPIC) },
    [HVM_SAVE_CODE(PCI_LINK)] = { ROW(pci_link, PCI_LINK, HAS_IOAPIC) },
    [HVM_SAVE_CODE(PIT)] = { ROW(pit, PIT, XEN_X86_EMU_PIT) },
    [HVM_SAVE_CODE(RTC)] = { ROW(rtc, RTC, XEN_X86_EMU_RTC) },
    [HVM_SAVE_CODE(HPET)] = { ROW(hpet, HPET, XEN_X86_EMU_HPET) },
    [HVM_SAVE_CODE(PMTIMER)] = { ROW(pmtimer, PMTIMER, XEN_X86_EMU_PM) },
    [HVM_SAVE_CODE(MTRR)] = { ROW(mtrr, MTRR, 0), .per_vcpu = true },
    [CPU_XSAVE_CODE] = { .name = "CPU_XSAVE", .save = save_xsave, .load = load_xsave,
                         .min = XSAVE_MIN, .per_vcpu = true, .variable = true },
    [HVM_SAVE_CODE(VIRIDIAN_DOMAIN)] = { ROW(viridian, VIRIDIAN_DOMAIN, 0) },
    [HVM_SAVE_CODE(VIRIDIAN_VCPU)] = { ROW(viridian_vcpu, VIRIDIAN_VCPU, 0), .per_vcpu = true },
    [HVM_SAVE_CODE(VMCE_VCPU)] = { ROW(vmce, VMCE_VCPU, 0), .per_vcpu = true },
    [HVM_SAVE_CODE(TSC_ADJUST)] = { ROW(tsc_adjust, TSC_ADJUST, 0), .per_vcpu = true },
    [CPU_MSR_CODE] = { .name = "CPU_MSR", .save = save_msr, .check = check_msr, .load = load_msr,
                       .backup = backup_msr, .min = MSRS(0), .per_vcpu = true,
                       .variable = true },
};

size_t save_max_length(unsigned int code)
{
    if (code == CPU_XSAVE_CODE)
        return MAX(XSAVE_MIN, XSAVE_HEAD + xstate_area_size());
    return code == CPU_MSR_CODE ? MSRS(MSR_MAX) : save_types[code].min;
}
