/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hyper-V's interface: what it says of itself (TLFS, "Feature and Interface Discovery"), and its
 * MSRs as a table. Time is in viridian_time.c, interrupts and messages in viridian_synic.c, calls
 * in viridian_call.c.
 */
#include <arch/msr.h>
#include <hv/log.h>
#include <hv/time.h>
#include <lib/bytes.h>
#include <lib/string.h>

#include "../cpu/msr_row.h"
#include "viridian_priv.h"

uint64_t viridian_features(const struct domain *d)
{
    return read_once(d->arch.hvm->param[HVM_PARAM_VIRIDIAN]);
}

static bool has(const struct vcpu *v, uint64_t feature)
{
    return viridian_features(v->domain) & feature;
}

/* --- life ------------------------------------------------------------------------------------- */

void viridian_domain_init(struct domain *d) { spin_init(&vd_of(d)->lock, RANK_HVM_DEV); }

/* --- CPUID ------------------------------------------------------------------------------------ */

#define LEAVES_LAST 0x40000006U
#define WINDOWS_2008_BUILD 0x1772U /* versions that guests have seen before */
#define WINDOWS_2008_VERSION (6U << 16)
#define SPINLOCK_RETRIES 2047U     /* before a guest says that it waits */
#define OS_WINDOWS_NT 4U

enum { /* privileges: leaf 3, eax */
    PRIV_REF_COUNTER = 1 << 1, PRIV_SYNIC = 1 << 2, PRIV_STIMER = 1 << 3, PRIV_APIC = 1 << 4,
    PRIV_HYPERCALL = 1 << 5, PRIV_VP_INDEX = 1 << 6, PRIV_REF_TSC = 1 << 9,
    PRIV_FREQUENCY = 1 << 11
};
enum { /* leaf 3, edx */
    FEATURE_CPU_HOTPLUG = 1 << 3, FEATURE_CRASH = 1 << 10, FEATURE_SINT_POLLING = 1 << 17
};
enum { /* leaf 4, eax */
    ADVICE_REMOTE_FLUSH = 1 << 2, ADVICE_APIC_MSRS = 1 << 3, ADVICE_RELAXED_TIMING = 1 << 5,
    ADVICE_CLUSTER_IPI = 1 << 10, ADVICE_EX_MASKS = 1 << 11
};
enum { HARDWARE_MSR_BITMAPS = 1 << 1, HARDWARE_NESTED_PAGING = 1 << 3 }; /* leaf 6, eax */

static void leaf_privileges(const struct vcpu *v, uint32_t out[4])
{
    out[0] = PRIV_APIC | PRIV_HYPERCALL | PRIV_VP_INDEX |
             (has(v, HVMPV_no_freq) ? 0 : PRIV_FREQUENCY) |
             (has(v, HVMPV_time_ref_count) ? PRIV_REF_COUNTER : 0) |
             (has(v, HVMPV_reference_tsc) ? PRIV_REF_TSC : 0) |
             (has(v, HVMPV_synic) ? PRIV_SYNIC : 0) | (has(v, HVMPV_stimer) ? PRIV_STIMER : 0);
    out[3] = (has(v, HVMPV_cpu_hotplug) ? FEATURE_CPU_HOTPLUG : 0) |
             (has(v, HVMPV_crash_ctl) ? FEATURE_CRASH : 0) |
             (has(v, HVMPV_synic) ? FEATURE_SINT_POLLING : 0);
}

static void leaf_advice(const struct vcpu *v, uint32_t out[4])
{
    if ((vd_of(v->domain)->os_id >> 40 & 0xff) < OS_WINDOWS_NT)
        return;
    out[0] = ADVICE_RELAXED_TIMING | ADVICE_APIC_MSRS |
             (has(v, HVMPV_hcall_remote_tlb_flush) ? ADVICE_REMOTE_FLUSH : 0) |
             (has(v, HVMPV_hcall_ipi) ? ADVICE_CLUSTER_IPI : 0) |
             (has(v, HVMPV_ex_processor_masks) ? ADVICE_EX_MASKS : 0);
    out[1] = SPINLOCK_RETRIES;
}

void viridian_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t out[4])
{
    memset(out, 0, 4 * sizeof(*out));
    switch (leaf) {
    case 0x40000000:
        out[0] = LEAVES_LAST;
        memcpy(&out[1], "Microsoft Hv", 12);
        break;
    case 0x40000001:
        memcpy(&out[0], "Hv#1", 4);
        break;
    case 0x40000002: /* only for those who have said who they are */
        if (vd_of(v->domain)->os_id == 0)
            break;
        out[0] = WINDOWS_2008_BUILD;
        out[1] = WINDOWS_2008_VERSION;
        break;
    case 0x40000003:
        leaf_privileges(v, out);
        break;
    case 0x40000004:
        leaf_advice(v, out);
        break;
    case 0x40000005:
        out[0] = has(v, HVMPV_no_vp_limit) ? ~0U : 0;
        break;
    case LEAVES_LAST:
        out[0] = HARDWARE_MSR_BITMAPS | HARDWARE_NESTED_PAGING;
        break;
    default:
        break;
    }
}

/* --- MSRs ------------------------------------------------------------------------------------- */

#define LAPIC_TPR 0x80U
#define LAPIC_ICR 0x300U
#define LAPIC_ICR_HIGH 0x310U
#define MSR_X2_ICR 0x830U
#define INT3 0xcc
#define APIC_HZ (SECONDS(1) / VLAPIC_TICK_NS)

/* A page that has just been enabled. What is written where no memory is goes nowhere. */
static void page_fill(struct domain *d, uint64_t msr, uint8_t byte)
{
    uint8_t part[256];

    memset(part, byte, sizeof(part));
    for (unsigned int at = 0; at < PAGE_SIZE; at += sizeof(part))
        (void)!hvm_copy_to_phys(d, hv_page_gpa(msr) + at, part, sizeof(part));
}

static int read_os_id(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = vd_of(v->domain)->os_id;
    return 0;
}

static int write_os_id(struct vcpu *v, uint32_t msr, uint64_t val)
{
    write_once(vd_of(v->domain)->os_id, val);
    return 0;
}

static int read_hypercall(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = vd_of(v->domain)->hypercall;
    return 0;
}

/* or $0x80000000, %eax; vmmcall; ret: bit 31 tells these calls from Xen's. */
static int write_hypercall(struct vcpu *v, uint32_t msr, uint64_t val)
{
    static const uint8_t code[] = { 0x0d, 0, 0, 0, 0x80, 0x0f, 0x01, 0xd9, 0xc3 };

    write_once(vd_of(v->domain)->hypercall, val);
    if (val & HV_PAGE_ENABLE) {
        page_fill(v->domain, val, INT3);
        (void)!hvm_copy_to_phys(v->domain, hv_page_gpa(val), code, sizeof(code));
    }
    return 0;
}

static int read_vp_index(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = v->id;
    return 0;
}

static int read_apic(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (msr == HV_TPR) {
        *val = vlapic_mmio_read(v, LAPIC_TPR, 4);
        return 0;
    }
    if (vlapic_x2apic(v))
        return vlapic_msr_read(v, MSR_X2_ICR, val) ? -1 : 0;
    *val = vlapic_mmio_read(v, LAPIC_ICR_HIGH, 4) << 32 | vlapic_mmio_read(v, LAPIC_ICR, 4);
    return 0;
}

static int write_apic(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (!vlapic_hw_enabled(v))
        return 0;
    if (msr == HV_EOI) {
        vlapic_eoi(v);
    } else if (msr == HV_TPR) {
        vlapic_mmio_write(v, LAPIC_TPR, 4, val & 0xff);
    } else if (vlapic_x2apic(v)) {
        return vlapic_msr_write(v, MSR_X2_ICR, val) ? -1 : 0;
    } else {
        vlapic_mmio_write(v, LAPIC_ICR_HIGH, 4, val >> 32);
        vlapic_mmio_write(v, LAPIC_ICR, 4, (uint32_t)val);
    }
    return 0;
}

static uint64_t *plain_msr(struct vcpu *v, uint32_t msr)
{
    struct viridian_vcpu *vv = vv_of(v);

    switch (msr) {
    case HV_VP_ASSIST: return &vv->vp_assist;
    case HV_SCONTROL: return &vv->scontrol;
    case HV_SIEFP: return &vv->siefp;
    case HV_SIMP: return &vv->simp;
    default: return &vv->crash[index_nospec(msr - HV_CRASH_P0, VIRIDIAN_CRASH_PARAMS)];
    }
}

static int read_plain(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = *plain_msr(v, msr);
    return 0;
}

static int write_plain(struct vcpu *v, uint32_t msr, uint64_t val)
{
    *plain_msr(v, msr) = val;
    return 0;
}

static int write_page(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (msr == HV_VP_ASSIST)
        vv_of(v)->assist_pending = false; /* it was in the old page */
    if (val & HV_PAGE_ENABLE)
        page_fill(v->domain, val, 0);
    return write_plain(v, msr, val);
}

static int read_one(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 1; /* SVERSION */
    return 0;
}

static int read_sint(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = vv_of(v)->sint[index_nospec(msr - HV_SINT0, VIRIDIAN_SINTS)];
    return 0;
}

static int write_sint(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return viridian_sint_write(v, (unsigned int)index_nospec(msr - HV_SINT0, VIRIDIAN_SINTS), val);
}

static int read_ref_count(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = viridian_now(v->domain);
    return 0;
}

static int read_ref_tsc(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = read_once(vd_of(v->domain)->reference_tsc);
    return 0;
}

static int write_ref_tsc(struct vcpu *v, uint32_t msr, uint64_t val)
{
    viridian_reference_tsc_write(v->domain, val);
    return 0;
}

static int read_frequency(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (has(v, HVMPV_no_freq))
        return -1;
    *val = msr == HV_TSC_FREQUENCY ? hvm_guest_tsc_khz(v) * 1000ULL : (uint64_t)APIC_HZ;
    return 0;
}

static int read_stimer(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = viridian_stimer_read(v, msr - HV_STIMER0_CONFIG);
    return 0;
}

static int write_stimer(struct vcpu *v, uint32_t msr, uint64_t val)
{
    viridian_stimer_write(v, msr - HV_STIMER0_CONFIG, val);
    return 0;
}

#define CRASH_NOTIFY (1ULL << 63)

static int read_crash_ctl(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = CRASH_NOTIFY;
    return 0;
}

/* The guest goes on, e.g. to write a dump; when it stops, it has crashed. */
static int write_crash_ctl(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const uint64_t *p = vv_of(v)->crash;

    if (!(val & CRASH_NOTIFY))
        return 0;
    __atomic_store_n(&v->domain->shutdown_code, SHUTDOWN_crash, __ATOMIC_SEQ_CST);
    log_warn("d%uv%u says that it has crashed: %#lx %#lx %#lx %#lx %#lx", v->domain->id, v->id,
             (unsigned long)p[0], (unsigned long)p[1], (unsigned long)p[2], (unsigned long)p[3],
             (unsigned long)p[4]);
    return 0;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct {
    struct msr_row row;
    uint64_t needs; /* HVMPV_*; 0: always */
} msrs[] = {
    { { HV_GUEST_OS_ID, HV_GUEST_OS_ID, read_os_id, write_os_id }, 0 },
    { { HV_HYPERCALL, HV_HYPERCALL, read_hypercall, write_hypercall }, 0 },
    { { HV_VP_INDEX, HV_VP_INDEX, read_vp_index, msr_write_ignore }, 0 },
    { { HV_TIME_REF_COUNT, HV_TIME_REF_COUNT, read_ref_count, NULL }, HVMPV_time_ref_count },
    { { HV_REFERENCE_TSC, HV_REFERENCE_TSC, read_ref_tsc, write_ref_tsc }, HVMPV_reference_tsc },
    { { HV_TSC_FREQUENCY, HV_APIC_FREQUENCY, read_frequency, NULL }, 0 },
    { { HV_EOI, HV_EOI, NULL, write_apic }, 0 },
    { { HV_ICR, HV_TPR, read_apic, write_apic }, 0 },
    { { HV_VP_ASSIST, HV_VP_ASSIST, read_plain, write_page }, 0 },
    { { HV_SCONTROL, HV_SCONTROL, read_plain, write_plain }, HVMPV_synic },
    { { HV_SVERSION, HV_SVERSION, read_one, NULL }, HVMPV_synic },
    { { HV_SIEFP, HV_SIEFP, read_plain, write_plain }, HVMPV_synic },
    { { HV_SIMP, HV_SIMP, read_plain, write_page }, HVMPV_synic },
    /* before the next entry, messages that wait for a slot get another try */
    { { HV_EOM, HV_EOM, msr_read_zero, msr_write_ignore }, HVMPV_synic },
    { { HV_SINT0, HV_SINT15, read_sint, write_sint }, HVMPV_synic },
    { { HV_STIMER0_CONFIG, HV_STIMER3_COUNT, read_stimer, write_stimer }, HVMPV_stimer },
    { { HV_CRASH_P0, HV_CRASH_P4, read_plain, write_plain }, 0 },
    { { HV_CRASH_CTL, HV_CRASH_CTL, read_crash_ctl, write_crash_ctl }, 0 },
};

bool viridian_is_msr(uint32_t msr) { return msr - HV_GUEST_OS_ID < 0x200; }

static const struct msr_row *find(const struct vcpu *v, uint32_t msr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
        if (msr_row_find(&msrs[i].row, 1, msr))
            return msrs[i].needs && !has(v, msrs[i].needs) ? NULL : &msrs[i].row;
    return NULL;
}

int viridian_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const struct msr_row *row = find(v, msr);

    *val = 0;
    return row && row->read ? row->read(v, msr, val) : -1;
}

int viridian_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const struct msr_row *row = find(v, msr);

    return row && row->write ? row->write(v, msr, val) : -1;
}
