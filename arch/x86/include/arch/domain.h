/* SPDX-License-Identifier: GPL-2.0-only */
/* What x86 keeps per domain and per vcpu. Plain structs: the host build includes them too. */
#ifndef ARCH_DOMAIN_H
#define ARCH_DOMAIN_H

#include <abi.h>
#include <arch/pt.h>
#include <hv/lock.h>
#include <hv/types.h>

struct cpu_policy; /* CPUID and MSR policy, arch/x86/cpu/policy.h */
struct hvm_domain;
struct hvm_vcpu;
struct pirq_table;
struct rangeset;

struct pv_callback {
    uint64_t address;
    bool mask_events; /* CALLBACKF_mask_events: set evtchn_upcall_mask on entry */
    uint16_t cs;      /* 32-bit guests */
};

/* Per PV vcpu: the privileged state that the guest sees. */
struct pv_vcpu {
    struct trap_info trap[256];
    struct pv_callback event, failsafe, syscall, syscall32, sysenter, nmi;
    /* guest kernel mode (guest user otherwise); 32-bit guests: always, ask pv_kernel_mode() */
    bool in_kernel;
    bool syscall32_disables_events;
    uint64_t kernel_sp;
    uint16_t kernel_ss;
    uint64_t cr0_ts;           /* the guest's own CR0.TS: 0 or X86_CR0_TS */
    uint64_t cr4;              /* guest's CR4 as it sees it */
    uint8_t iopl;              /* virtual IOPL */
    uint64_t iobmp;            /* guest VA of the I/O bitmap; 0 none */
    uint32_t iobmp_limit;      /* ports */

    /* type references held; user may be INVALID_MFN. 32-bit guests: an L3, and never a second */
    mfn_t kernel_l4, user_l4;
    /* page table given up, still to be undone before the next MMU call; frame 0: none */
    mfn_t old_table;

    uint64_t fs_base, gs_base_kernel, gs_base_user; /* saved; live in MSRs while on a cpu */
    uint16_t ds, es, fs, gs;   /* saved selectors */

    mfn_t gdt_frame[14];       /* segdesc type references; INVALID_MFN none */
    uint32_t gdt_ents;
    uint64_t ldt_base;         /* guest linear address */
    uint32_t ldt_ents;
    spinlock_t ldt_lock;
    uint32_t ldt_mapped;       /* bitmap of the 16 LDT pages that are mapped */

    uint64_t dr[8];            /* 0-3, 6, 7 */
    uint64_t dr7_emul;
    uint64_t dr_mask[4];
    uint64_t tsc_aux, misc_features, spec_ctrl;
};

struct arch_vcpu {
    /* while not running; a running vcpu's are at the top of the cpu's stack */
    struct cpu_user_regs regs;
    struct pv_vcpu pv;
    pte_t *pv32_l4;            /* 32-bit guests: ours, over theirs (pv32_domain.c) */
    struct hvm_vcpu *hvm;      /* arch/hvm.h; NULL: PV */
    paddr_t cr3;               /* what the hardware gets: kernel or user L4 by pv.in_kernel */
    void *xsave;               /* XSAVE or FXSAVE area, 64-byte aligned */
    uint64_t xcr0, xcr0_accum;
    bool fpu_loaded;           /* its FPU state is in the cpu's registers */
    bool fpu_initialised;
};

struct arch_domain {
    pte_t *perdomain_l3;       /* table behind L4 slot PERDOMAIN_SLOT */
    mfn_t perdomain_mfn;
    spinlock_t pt_lock;        /* RANK_PT: page-table updates of this domain */
    struct rangeset *ioport_caps;
    struct cpu_policy *policy;
    struct hvm_domain *hvm;    /* arch/hvm.h; NULL: PV */
    struct pirq_table *pirqs;
    uint32_t pci_cf8;          /* latched config address */
    uint8_t cmos_index;
    uint8_t pit_ch2_latch;
    struct {
        uint8_t mode, lsb_pending, latched;
        uint16_t count, latch;
        int64_t start;
        uint8_t gate, out;
    } pit2;
    bool msr_relaxed;
    bool xpti;                 /* its vcpus run on views of their page tables (arch/xpti.h) */
    uint32_t emulation_flags;
    mfn_t pirq_eoi_mfn;        /* PHYSDEVOP_pirq_eoi_gmfn: bitmap page; INVALID_MFN none */
    uint64_t *pirq_eoi_map;
    bool auto_unmask;
    unsigned int relinquish_step; /* progress of arch_domain_relinquish */
    uint64_t relinquish_left;  /* frames of page_list that it has still to look at */
};

#endif
