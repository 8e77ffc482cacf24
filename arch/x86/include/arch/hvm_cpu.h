/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processor that an HVM vcpu sees, and the interface to the extension that runs it (SVM; VT-x
 * is to come). What both keep in the same form is in struct hvm_cpu; segments, RIP and the like are
 * in the extension's control block and go through hvm_ops.
 */
#ifndef ARCH_HVM_CPU_H
#define ARCH_HVM_CPU_H

#include <arch/emul.h>
#include <hv/types.h>

struct cpu_user_regs;
struct domain;
struct vcpu;

#define MTRR_FIXED 11U /* MSRs: 64K, 16K twice, 4K eight times */
#define MTRR_VARIABLE 8U

struct hvm_cpu {
    uint64_t cr0, cr2, cr3, cr4, efer; /* as the guest sees them; cr2 while not loaded */
    uint64_t dr[4], dr6, dr7;
    bool dr_dirty; /* dr[] are in the cpu's registers, accesses not intercepted */
    uint64_t tsc_offset;               /* hvm_tsc_at() adds it */
    uint64_t tsc_aux, tsc_adjust, pat;
    uint64_t xss, misc_enable, spec_ctrl;
    uint64_t mtrr_def_type, mtrr_fixed[MTRR_FIXED], mtrr_variable[2 * MTRR_VARIABLE];
    /* an event to be injected at the next entry; vector < 0: none */
    struct hvm_event {
        int16_t vector;
        uint8_t type;                  /* HVM_EVENT_* */
        bool has_error;
        uint32_t error, length;        /* length: of the instruction, for INT n and INT3 */
    } event;
};

/* As in EVENTINJ (AMD APM vol. 2 §15.20) and VM-entry interruption information. */
enum { HVM_EVENT_INTR = 0, HVM_EVENT_NMI = 2, HVM_EVENT_EXCEPTION = 3, HVM_EVENT_SOFT_INT = 4 };

struct hvm_ops {
    const char *name;
    int (*vcpu_create)(struct vcpu *v);
    void (*vcpu_destroy)(struct vcpu *v);
    /*
     * Registers of a vcpu that is current and in the hypervisor, or not loaded anywhere: rip, rsp,
     * rflags and rax come from and go to struct cpu_user_regs as well.
     */
    void (*get_state)(struct vcpu *v, struct emul_state *s);
    void (*set_state)(struct vcpu *v, const struct emul_state *s);
    /* seg: enum insn_segment or HVM_SEG_*. */
    void (*get_segment)(struct vcpu *v, unsigned int seg, struct emul_segment *s);
    unsigned int (*cpl)(struct vcpu *v);
    /*
     * cr0, cr3, cr4, efer, pat, dr7, tsc_offset of struct hvm_cpu have changed, tsc_lag, or how the
     * domain's TSC is made.
     */
    void (*update)(struct vcpu *v);
    bool (*scales_tsc)(void); /* can guests have a TSC of another rate? NULL: no */
    /* MSRs that live in the control block. False: not one of these. Values are checked. */
    bool (*get_msr)(struct vcpu *v, uint32_t msr, uint64_t *val);
    bool (*set_msr)(struct vcpu *v, uint32_t msr, uint64_t val);
    /* Around the time on a cpu; leave: registers that are still in the cpu go to memory. */
    void (*enter)(struct vcpu *v);
    void (*leave)(struct vcpu *v);
    void (*resume)(void); /* run current: does not return */
    /* Nothing that was translated before may be used any more by v. Any cpu. */
    void (*forget_tlb)(struct vcpu *v);
    /* Of current: can it take an interrupt (or an NMI) right now? Say when it can. Inject. */
    bool (*can_take)(struct vcpu *v, bool nmi);
    void (*want_window)(struct vcpu *v, bool nmi);
    void (*inject)(struct vcpu *v, const struct hvm_event *e);
    void (*set_shadow)(struct vcpu *v, bool on); /* of interrupts, for one instruction */
};

#define HVM_SEG_LDTR 6U
#define HVM_SEG_TR 7U
extern const struct hvm_ops *hvm_ops; /* NULL: this machine runs no such guests */

static inline bool hvm_available(void) { return hvm_ops != NULL; }

/* The registers of v (current, or at rest). */
struct cpu_user_regs *hvm_regs(struct vcpu *v);

/* --- control registers (cr.c) ----------------------------------------------------------------- */

/* 0, or -1: #GP. v is current or at rest. */
int hvm_set_cr0(struct vcpu *v, uint64_t val) must_check;
int hvm_set_cr3(struct vcpu *v, uint64_t val) must_check;
int hvm_set_cr4(struct vcpu *v, uint64_t val) must_check;
int hvm_set_efer(struct vcpu *v, uint64_t val) must_check;
uint64_t hvm_cr4_valid(const struct vcpu *v);  /* the bits that its policy allows */
uint64_t hvm_efer_valid(const struct vcpu *v);
/* May it have these together? CR0 with ET as it is read, EFER with LMA. (cr_rules.c) */
bool hvm_control_valid(const struct vcpu *v, uint64_t cr0, uint64_t cr4, uint64_t efer);
#define HVM_CR0_VALID (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | \
                       X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | \
                       X86_CR0_PG)

/* --- exceptions (inject.c) -------------------------------------------------------------------- */

/* For current: at its next entry. Two contributory ones become #DF, a third a triple fault. */
void hvm_inject(struct vcpu *v, unsigned int vector, uint32_t error);
void hvm_inject_pf(struct vcpu *v, uint32_t error, uint64_t cr2);

/* --- CPUID and MSRs (cpuid.c, msr.c) ---------------------------------------------------------- */

void hvm_cpuid(struct vcpu *v, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* 0, or -1: #GP. */
int hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val) must_check;
int hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val) must_check;
/*
 * Values after power-on of what msr.c keeps in struct hvm_cpu (PAT, MTRRs, TSC_AUX, ...): for a new
 * vcpu. INIT leaves them as they are. The caller says so to hvm_ops->update().
 */
void hvm_msr_reset(struct vcpu *v);

/* Records of them. -EINVAL: a value that no guest could have set. */
struct hvm_hw_mtrr;
struct hvm_one_msr;
void hvm_mtrr_save(struct vcpu *v, struct hvm_hw_mtrr *r);
int hvm_mtrr_load(struct vcpu *v, const struct hvm_hw_mtrr *r) must_check;
#define HVM_MSR_LIST 7U /* out[] has room for these; returns how many there are */
unsigned int hvm_msr_list_save(struct vcpu *v, struct hvm_one_msr *out);
/* -ENXIO: not one of ours, or not such a value. -EOPNOTSUPP: reserved fields. */
int hvm_msr_list_load(struct vcpu *v, const struct hvm_one_msr *in, unsigned int nr) must_check;

/* --- the guest's memory by its own page tables (gwalk.c, copy.c) ------------------------------ */

struct hvm_fault {
    uint64_t linear;   /* of the page fault */
    uint32_t error;    /* PFEC_* */
    uint64_t gpa;      /* HVM_COPY_MMIO: where the access goes */
    size_t done;       /* bytes that were copied */
};
enum hvm_copy { HVM_COPY_OK, HVM_COPY_FAULT, HVM_COPY_MMIO };

/*
 * access: PFEC_WRITE, PFEC_USER, PFEC_FETCH as the access has them (0: a supervisor's read), and
 * GWALK_* of arch/gwalk.h. Accessed and dirty bits are set. HVM_COPY_MMIO: at f->gpa there is no
 * memory to copy from or to (for a write: none that may be written). Writes to read-only memory
 * are dropped.
 */
enum hvm_copy hvm_copy_from_linear(struct vcpu *v, void *dst, uint64_t linear, size_t n,
                                   uint32_t access, struct hvm_fault *f) must_check;
/* What lies on at most two pages is written whole or not at all; more: f->done bytes are. */
enum hvm_copy hvm_copy_to_linear(struct vcpu *v, uint64_t linear, const void *src, size_t n,
                                 uint32_t access, struct hvm_fault *f) must_check;
/* Would such a write fault? What is no memory does not. */
enum hvm_copy hvm_probe_write(struct vcpu *v, uint64_t linear, size_t n, uint32_t access,
                              struct hvm_fault *f) must_check;
/*
 * Compare and exchange of 1, 2, 4, 8 or 16 bytes, one step for other vcpus too, but over two pages.
 * Into read-only memory it seems to succeed.
 */
enum hvm_copy hvm_cmpxchg_linear(struct vcpu *v, uint64_t linear, const void *old, const void *new,
                                 size_t n, uint32_t access, bool *swapped, struct hvm_fault *f)
    must_check;
/* Only the translation. */
enum hvm_copy hvm_translate(struct vcpu *v, uint64_t linear, uint32_t access, uint64_t *gpa,
                            struct hvm_fault *f) must_check;
/* Guest physical; 0 or -EFAULT. */
int hvm_copy_from_phys(struct domain *d, void *dst, uint64_t gpa, size_t n) must_check;
int hvm_copy_to_phys(struct domain *d, uint64_t gpa, const void *src, size_t n) must_check;

/*
 * hv/guest.h's for current: arguments of its hypercalls. As its supervisor, whatever SMAP says: 0
 * or -EFAULT.
 */
int hvm_guest_read(void *dst, uint64_t addr, size_t n) must_check;
int hvm_guest_write(uint64_t addr, const void *src, size_t n) must_check;
int hvm_guest_clear(uint64_t addr, size_t n) must_check;
bool hvm_guest_range_ok(uint64_t addr, size_t n);

#endif
