/* SPDX-License-Identifier: GPL-2.0-only */
/* See hvm_cpu_world.h. */
#include "hvm_cpu_world.h"

#include <string.h>

#include <hv/errno.h>
#include <hv/page.h>
#include <hv/time.h>

#include "cpu/policy_priv.h"
#include "hvm/cpu_priv.h"

struct cw cw;

/* --- the machine ------------------------------------------------------------------------------ */

uint32_t time_tsc_khz(void) { return 2500000; }
bool time_tsc_is_stable(void) { return true; }
mfn_t mfn_max(void) { return (mfn_t){ 0x7fffff }; }
unsigned int p2m_gpa_bits(void) { return cw.gpa_bits; }
uint64_t hvm_guest_tsc(const struct vcpu *v) { return cw.host_tsc + v->arch.hvm->cpu.tsc_offset; }

int hvm_host_rdmsr(uint32_t msr, uint64_t *val)
{
    *val = 0x1234;
    return msr == cw.machine_msr || msr == MSR_UCODE_REV ? 0 : -1;
}

void hvm_host_tsc_aux(struct vcpu *v) {}
void hvm_host_prediction_barrier(void) { cw.barriers++; }

/* --- the control block ------------------------------------------------------------------------ */

int cw_block_index(uint32_t msr)
{
    static const uint32_t there[] = {
        MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_STAR, MSR_LSTAR, MSR_CSTAR,
        MSR_FMASK, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(there); i++)
        if (there[i] == msr)
            return (int)i;
    return -1;
}

static bool get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const int i = cw_block_index(msr);

    if (i >= 0)
        *val = cw.block[i];
    return i >= 0;
}

static bool set_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const int i = cw_block_index(msr);

    if (i >= 0)
        cw.block[i] = val;
    return i >= 0;
}

static void update(struct vcpu *v) { cw.updates++; }

static const struct hvm_ops ops = {
    .name = "none", .update = update, .get_msr = get_msr, .set_msr = set_msr
};
const struct hvm_ops *hvm_ops = &ops;

int hvm_set_efer(struct vcpu *v, uint64_t val)
{
    if (val & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX))
        return -1;
    v->arch.hvm->cpu.efer = val;
    return 0;
}

int hvm_hypercall_page_msr(struct vcpu *v, uint64_t val)
{
    if (val & 0xfff)
        return -1;
    cw.hypercall_page = val;
    return 0;
}

/* --- the LAPIC -------------------------------------------------------------------------------- */

bool vlapic_hw_enabled(const struct vcpu *v) { return cw.lapic_on; }

int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (msr == MSR_APIC_BASE)
        *val = cw.apic_base;
    else if (msr == MSR_TSC_DEADLINE)
        *val = cw.deadline;
    else if (cw.apic_base & BIT(10))
        *val = cw.x2apic;
    else
        return -EINVAL;
    return 0;
}

int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (msr == MSR_TSC_DEADLINE) {
        cw.deadline = val;
        cw.deadline_writes++;
        return 0;
    }
    if (msr == MSR_APIC_BASE) {
        if ((val & ~0xd00ULL) != VLAPIC_BASE)
            return -EINVAL;
        cw.apic_base = val;
        return 0;
    }
    if (!(cw.apic_base & BIT(10)) || val >> 32)
        return -EINVAL;
    cw.x2apic = val;
    return 0;
}

/* --- Hyper-V's interface: only where it is called -------------------------------------------- */

uint64_t viridian_features(const struct domain *d) { return cw.viridian; }
bool viridian_is_msr(uint32_t msr) { return msr - 0x40000000 < 0x200; }

int viridian_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = msr;
    return 0;
}

int viridian_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val) { return 0; }

void viridian_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t out[4])
{
    for (unsigned int i = 0; i < 4; i++)
        out[i] = leaf;
}

/* --- life ------------------------------------------------------------------------------------- */

void cw_machine(const char *vendor)
{
    struct cpu_policy *h = &cw.table[POLICY_HOST];

    memset(cw.table, 0, sizeof(cw.table));
    h->basic[0].a = 0x1f;
    memcpy(&h->basic[0].b, vendor, 4);
    h->basic[1] = (struct leaf){ 0x00a00f11, 0x0b100800, ~0U, ~0U };
    h->basic[5] = h->basic[6] = h->basic[0xa] = (struct leaf){ 1, 1, 1, 1 };
    for (unsigned int i = 0; i < 4; i++)
        h->cache[i] = (struct leaf){ 0x1c01c121 + i, 0x1c0003f, 63, 0 };
    h->feat[0] = (struct leaf){ 2, ~0U, ~0U, ~0U };
    h->feat[1] = h->feat[2] = (struct leaf){ ~0U, ~0U, ~0U, ~0U };
    h->topo[0] = (struct leaf){ 1, 2, 0x100, 5 };
    h->xstate[0] = (struct leaf){ 0xe7, 0, 2688, 0 };
    h->xstate[1].a = 0xf;
    h->xstate[2] = (struct leaf){ 256, 576, 0, 0 };
    h->xstate[5] = (struct leaf){ 64, 1088, 0, 0 };
    h->xstate[6] = (struct leaf){ 512, 1152, 2, 0 };
    h->xstate[7] = (struct leaf){ 1024, 1664, 2, 0 };
    h->extended[0].a = 0x80000021;
    h->extended[1] = (struct leaf){ 0, 0, ~0U, ~0U };
    h->extended[7].d = ~0U;
    h->extended[8] = (struct leaf){ 0x393930, ~0U, 0x500f, 7 };
    h->extended[0xa] = h->extended[0x1e] = h->extended[0x1c] = (struct leaf){ 1, 2, 3, 4 };
    h->extended[0x21] = (struct leaf){ ~0U, 0, ~0U, 0 };
    h->platform_info = PLATFORM_INFO_CPUID_FAULTING;
    policy_make_consistent(h);
    policy_derive_all(cw.table);
}

void cw_start(const char *vendor, unsigned int id)
{
    memset(&cw, 0, sizeof(cw));
    cw_machine(vendor);
    cw.policy = cw.table[POLICY_HVM_DEFAULT];
    cw.d.kind = 2;
    cw.d.id = 7;
    cw.d.arch.policy = &cw.policy;
    cw.d.arch.hvm = &cw.hd;
    cw.v.id = id;
    cw.v.domain = &cw.d;
    cw.v.info = &cw.info;
    cw.v.arch.hvm = &cw.hv;
    cw.v.arch.xcr0 = 1;
    cw.gpa_bits = 46;
    cw.host_tsc = 1000000;
    cw.lapic_on = true;
    cw.apic_base = VLAPIC_BASE | 0x800;
    hvm_msr_reset(&cw.v);
}
