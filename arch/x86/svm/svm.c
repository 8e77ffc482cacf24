/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AMD-V: what a cpu needs before it runs guests, and the ASIDs it gives them. AMD APM vol. 2 §15.4
 * "Enabling SVM", §15.16 "TLB Control".
 */
#include <arch/cpu.h>
#include <arch/direct.h>
#include <arch/msr.h>
#include <arch/p2m.h>
#include <hv/log.h>
#include <hv/page.h>
#include <hv/percpu.h>

#include "svm_priv.h"

#define SVM_LEAF 0x8000000aU
#define SVM_EDX_NESTED_PAGING BIT(0)
#define SVM_EDX_NEXT_RIP BIT(3)
#define SVM_EDX_TSC_RATIO BIT(4)
#define SVM_EDX_CLEAN_BITS BIT(5)
#define SVM_EDX_FLUSH_BY_ASID BIT(6)
#define SVM_EDX_DECODE_ASSISTS BIT(7)
#define SVM_EDX_PAUSE_FILTER BIT(10)
#define VM_CR_DISABLED BIT(4)
#define IOPM_ORDER 2U  /* three pages */
#define MSRPM_ORDER 1U /* two */

struct svm_features svm_features;

void *svm_iopm, *svm_msrpm;

/* A cpu's page for VMRUN's host state, and a VMCB whose VMLOAD state is ours. */
static DEFINE_PER_CPU(void *, host_save);
DEFINE_PER_CPU(paddr_t, svm_host_vmcb);

struct asids {
    uint64_t generation;
    uint32_t next;
};
static DEFINE_PER_CPU(struct asids, asids);

/* --- what there is ---------------------------------------------------------------------------- */

static bool find_features(void)
{
    const struct cpuid_regs l = cpuid(SVM_LEAF, 0);

    if (!(l.d & SVM_EDX_NESTED_PAGING) || l.b < 2)
        return false;
    svm_features = (struct svm_features){
        .next_rip = l.d & SVM_EDX_NEXT_RIP,
        .decode_assists = l.d & SVM_EDX_DECODE_ASSISTS,
        .clean_bits = l.d & SVM_EDX_CLEAN_BITS,
        .pause_filter = l.d & SVM_EDX_PAUSE_FILTER,
        .tsc_ratio = l.d & SVM_EDX_TSC_RATIO,
        .flush_by_asid = l.d & SVM_EDX_FLUSH_BY_ASID,
        .nr_asids = l.b,
    };
    return true;
}

/*
 * Reads and writes of these go straight to the guest's registers, which VMLOAD and VMSAVE switch.
 */
static void allow_msr(uint8_t *map, uint32_t msr)
{
    /* §15.11: two bits an MSR; 2 KiB for each of 0, 0xc0000000, 0xc0010000 and up */
    const unsigned int block = msr >= 0xc0010000U ? 2 : msr >= 0xc0000000U ? 1 : 0;
    const unsigned int bit = block * 0x800 * 8 + (msr & 0x1fff) * 2;

    map[bit / 8] &= (uint8_t)~(3U << (bit & 7));
}

static bool make_maps(void)
{
    static const uint32_t free[] = {
        MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK,
        MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
    };

    svm_iopm = hv_page_alloc(IOPM_ORDER);
    svm_msrpm = hv_page_alloc(MSRPM_ORDER);
    if (!svm_iopm || !svm_msrpm)
        return false;
    memset(svm_iopm, 0xff, PAGE_SIZE << IOPM_ORDER);
    memset(svm_msrpm, 0xff, PAGE_SIZE << MSRPM_ORDER);
    for (unsigned int i = 0; i < ARRAY_SIZE(free); i++)
        allow_msr(svm_msrpm, free[i]);
    return true;
}

void svm_init(void)
{
    if (!cpu_features.svm)
        return;
    if (rdmsr(MSR_VM_CR) & VM_CR_DISABLED) {
        log_warn("SVM: switched off by the firmware");
        return;
    }
    if (!find_features()) {
        log_warn("SVM: no nested paging, so no HVM guests");
        return;
    }
    if (!make_maps())
        panic("SVM: out of memory");
    hvm_ops = &svm_ops;
    log_info("SVM: nested paging (%s), %u ASIDs%s%s%s%s%s", p2m_leaf_sizes(), svm_features.nr_asids,
             svm_features.next_rip ? ", next RIP" : "",
             svm_features.decode_assists ? ", decode assists" : "",
             svm_features.clean_bits ? ", clean bits" : "",
             svm_features.pause_filter ? ", pause filter" : "",
             svm_features.tsc_ratio ? ", TSC ratio" : "");
}

void svm_cpu_init(void)
{
    void *vmcb;

    if (!hvm_available())
        return;
    vmcb = hv_page_alloc(0);
    this_cpu(host_save) = hv_page_alloc(0);
    if (!vmcb || !this_cpu(host_save))
        panic("cpu%u: out of memory for SVM", smp_processor_id());
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, direct_pa(this_cpu(host_save)));
    this_cpu(svm_host_vmcb) = direct_pa(vmcb);
    this_cpu(asids).generation = 1;
    this_cpu(asids).next = 1;
    vmsave(this_cpu(svm_host_vmcb));
}

/* --- TSC: APM vol. 2 §15.30.5 "TSC Ratio MSR": 8 bits and a fraction of 32 -------------------- */

#define RATIO_ONE (1ULL << 32)
#define RATIO_BITS 40

static DEFINE_PER_CPU(uint64_t, tsc_ratio); /* 0: as reset leaves it, one */

bool svm_scales_tsc(void) { return svm_features.tsc_ratio; }

void svm_load_tsc_ratio(uint64_t ratio)
{
    if (!svm_features.tsc_ratio || this_cpu(tsc_ratio) == ratio)
        return;
    wrmsr(MSR_AMD_TSC_RATIO, ratio ? ratio & (BIT(RATIO_BITS) - 1) : RATIO_ONE);
    this_cpu(tsc_ratio) = ratio;
}

/* --- ASIDs ------------------------------------------------------------------------------------ */

/* v enters the guest on this cpu: it has an ASID under which nothing outdated is known. */
void svm_assign_asid(struct svm_vcpu *s)
{
    struct asids *a = &this_cpu(asids);
    struct vmcb *vmcb = s->vmcb;
    const unsigned int cpu = smp_processor_id();

    vmcb->tlb_control = 0;
    if (likely(read_once(s->asid_generation) == a->generation && s->asid_cpu == cpu))
        return;
    if (a->next >= svm_features.nr_asids) {
        a->generation++;
        a->next = 1;
        vmcb->tlb_control = TLB_FLUSH_ALL;
    }
    write_once(s->asid_generation, a->generation);
    s->asid_cpu = cpu;
    vmcb->asid = a->next++;
    vmcb->clean = 0;
}
