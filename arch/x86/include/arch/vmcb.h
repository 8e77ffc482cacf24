/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine control block of AMD-V and the codes of its exits. AMD APM vol. 2 appendix B
 * "Layout of VMCB" and appendix C "SVM Intercept Exit Codes".
 */
#ifndef ARCH_VMCB_H
#define ARCH_VMCB_H

#include <hv/types.h>

/*
 * Segment attributes are bits 40 to 47 and 52 to 55 of a descriptor, as struct emul_segment has
 * them.
 */
struct vmcb_segment {
    uint16_t selector, attr;
    uint32_t limit;
    uint64_t base;
};

struct vmcb {
    /* --- control --- */
    uint32_t intercept_cr;        /* reads of CRn: bit n; writes: bit n + 16 */
    uint32_t intercept_dr;
    uint32_t intercept_exception;
    uint32_t intercept1, intercept2, intercept3;
    uint8_t reserved0[0x3c - 0x18];
    uint16_t pause_threshold, pause_count;
    uint64_t iopm_pa, msrpm_pa;
    uint64_t tsc_offset;
    uint32_t asid;
    uint8_t tlb_control, reserved1[3];
    uint64_t vintr;
    uint64_t shadow;              /* bit 0: interrupt shadow */
    uint64_t exit_code, exit_info1, exit_info2, exit_int_info;
    uint64_t nested;              /* bit 0: nested paging */
    uint8_t reserved2[0xa8 - 0x98];
    uint64_t event_inj;
    uint64_t nested_cr3;
    uint64_t lbr_control;
    uint64_t clean;               /* VMCB_CLEAN_*: unchanged since the last VMRUN */
    uint64_t next_rip;
    uint8_t nr_bytes, bytes[15];
    uint8_t reserved3[0x400 - 0xe0];
    /* --- state --- */
    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint8_t reserved4[0xcb - 0xa0];
    uint8_t cpl;
    uint8_t reserved5[4];
    uint64_t efer;
    uint8_t reserved6[0x148 - 0xd8];
    uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
    uint8_t reserved7[0x1d8 - 0x180];
    uint64_t rsp;
    uint8_t reserved8[0x1f8 - 0x1e0];
    uint64_t rax, star, lstar, cstar, sfmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    uint8_t reserved9[0x268 - 0x248];
    uint64_t pat, debugctl, br_from, br_to, int_from, int_to;
    uint8_t reserved10[0xc00 - 0x298];
} __attribute__((aligned(4096)));
_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "a page");
_Static_assert(offsetof(struct vmcb, iopm_pa) == 0x40 && offsetof(struct vmcb, asid) == 0x58 &&
                   offsetof(struct vmcb, exit_code) == 0x70 &&
                   offsetof(struct vmcb, event_inj) == 0xa8 &&
                   offsetof(struct vmcb, next_rip) == 0xc8 && offsetof(struct vmcb, bytes) == 0xd1,
               "AMD APM vol. 2 table B-1");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb && offsetof(struct vmcb, efer) == 0x4d0 &&
                   offsetof(struct vmcb, cr4) == 0x548 && offsetof(struct vmcb, rip) == 0x578 &&
                   offsetof(struct vmcb, rsp) == 0x5d8 && offsetof(struct vmcb, rax) == 0x5f8 &&
                   offsetof(struct vmcb, cr2) == 0x640 && offsetof(struct vmcb, pat) == 0x668,
               "AMD APM vol. 2 table B-2");

#define INTERCEPT_CR_READ(n) (1U << (n))
#define INTERCEPT_CR_WRITE(n) (1U << (16 + (n)))

#define INTERCEPT1_INTR (1U << 0)
#define INTERCEPT1_NMI (1U << 1)
#define INTERCEPT1_SMI (1U << 2)
#define INTERCEPT1_INIT (1U << 3)
#define INTERCEPT1_VINTR (1U << 4)
#define INTERCEPT1_RDTSC (1U << 14)
#define INTERCEPT1_RDPMC (1U << 15)
#define INTERCEPT1_CPUID (1U << 18)
#define INTERCEPT1_IRET (1U << 20)
#define INTERCEPT1_INVD (1U << 22)
#define INTERCEPT1_PAUSE (1U << 23)
#define INTERCEPT1_HLT (1U << 24)
#define INTERCEPT1_INVLPGA (1U << 26)
#define INTERCEPT1_IOIO (1U << 27)
#define INTERCEPT1_MSR (1U << 28)
#define INTERCEPT1_TASK_SWITCH (1U << 29)
#define INTERCEPT1_FERR_FREEZE (1U << 30)
#define INTERCEPT1_SHUTDOWN (1U << 31)

#define INTERCEPT2_VMRUN (1U << 0)
#define INTERCEPT2_VMMCALL (1U << 1)
#define INTERCEPT2_VMLOAD (1U << 2)
#define INTERCEPT2_VMSAVE (1U << 3)
#define INTERCEPT2_STGI (1U << 4)
#define INTERCEPT2_CLGI (1U << 5)
#define INTERCEPT2_SKINIT (1U << 6)
#define INTERCEPT2_RDTSCP (1U << 7)
#define INTERCEPT2_WBINVD (1U << 9)
#define INTERCEPT2_MONITOR (1U << 10)
#define INTERCEPT2_MWAIT (1U << 11)
#define INTERCEPT2_XSETBV (1U << 13)
#define INTERCEPT2_RDPRU (1U << 14)

#define TLB_FLUSH_ALL 1

#define VINTR_TPR 0xffULL
#define VINTR_IRQ (1ULL << 8)
#define VINTR_PRIO (0xfULL << 16)
#define VINTR_IGNORE_TPR (1ULL << 20)
#define VINTR_VECTOR_SHIFT 32 /* the virtual interrupt's, 8 bits */
#define VINTR_MASKING (1ULL << 24) /* RFLAGS.IF of the guest masks virtual interrupts alone */

#define VMCB_SHADOW 1ULL
#define VMCB_NESTED_PAGING 1ULL

/* Caching of VMCB state, §15.15: a set bit says that nothing of that kind has changed. */
#define VMCB_CLEAN_INTERCEPTS (1ULL << 0) /* intercepts, TSC offset, pause filter */
#define VMCB_CLEAN_IOMSRPM (1ULL << 1)
#define VMCB_CLEAN_ASID (1ULL << 2)
#define VMCB_CLEAN_TPR (1ULL << 3)        /* vintr */
#define VMCB_CLEAN_NP (1ULL << 4)
#define VMCB_CLEAN_CR (1ULL << 5)         /* CR0, 3, 4, EFER */
#define VMCB_CLEAN_DR (1ULL << 6)
#define VMCB_CLEAN_DT (1ULL << 7)
#define VMCB_CLEAN_SEG (1ULL << 8)
#define VMCB_CLEAN_CR2 (1ULL << 9)
#define VMCB_CLEAN_LBR (1ULL << 10)
#define VMCB_CLEAN_ALL 0x7ffULL

/* EXITINFO2 of a task switch: below the error code (§15.14.1) */
#define TASK_SWITCH_IRET (1ULL << 36)
#define TASK_SWITCH_JMP (1ULL << 38)
#define TASK_SWITCH_ERROR (1ULL << 44)
#define TASK_SWITCH_RF (1ULL << 48)

/* EVENTINJ and EXITINTINFO, §15.20: vector, type in bits 8 to 10, then these; error code above. */
#define VMCB_EVENT_ERROR (1ULL << 11)
#define VMCB_EVENT_VALID (1ULL << 31)
#define VMCB_EVENT_TYPE_SHIFT 8

enum svm_exit {
    SVM_EXIT_CR_READ = 0x00,  /* + number */
    SVM_EXIT_CR_WRITE = 0x10,
    SVM_EXIT_DR_READ = 0x20,
    SVM_EXIT_DR_WRITE = 0x30,
    SVM_EXIT_EXCEPTION = 0x40, /* + vector */
    SVM_EXIT_INTR = 0x60,
    SVM_EXIT_NMI = 0x61,
    SVM_EXIT_SMI = 0x62,
    SVM_EXIT_INIT = 0x63,
    SVM_EXIT_VINTR = 0x64,
    SVM_EXIT_RDTSC = 0x6e,
    SVM_EXIT_RDPMC = 0x6f,
    SVM_EXIT_CPUID = 0x72,
    SVM_EXIT_IRET = 0x74,
    SVM_EXIT_INVD = 0x76,
    SVM_EXIT_PAUSE = 0x77,
    SVM_EXIT_HLT = 0x78,
    SVM_EXIT_INVLPGA = 0x7a,
    SVM_EXIT_IOIO = 0x7b,
    SVM_EXIT_MSR = 0x7c,
    SVM_EXIT_TASK_SWITCH = 0x7d,
    SVM_EXIT_FERR_FREEZE = 0x7e,
    SVM_EXIT_SHUTDOWN = 0x7f,
    SVM_EXIT_VMRUN = 0x80,
    SVM_EXIT_VMMCALL = 0x81,
    SVM_EXIT_VMLOAD = 0x82,
    SVM_EXIT_VMSAVE = 0x83,
    SVM_EXIT_STGI = 0x84,
    SVM_EXIT_CLGI = 0x85,
    SVM_EXIT_SKINIT = 0x86,
    SVM_EXIT_RDTSCP = 0x87,
    SVM_EXIT_WBINVD = 0x89,
    SVM_EXIT_MONITOR = 0x8a,
    SVM_EXIT_MWAIT = 0x8b,
    SVM_EXIT_XSETBV = 0x8d,
    SVM_EXIT_RDPRU = 0x8e,
    SVM_EXIT_NPF = 0x400,
    SVM_EXIT_INVALID = -1,
};

/* EXITINFO1 of IOIO, §15.10.2. */
#define IOIO_IN (1U << 0)
#define IOIO_STRING (1U << 2)
#define IOIO_SIZE(info) ((unsigned int)((info) >> 4) & 7U) /* 1, 2 or 4 bytes */
#define IOIO_PORT(info) ((uint16_t)((info) >> 16))

#endif
