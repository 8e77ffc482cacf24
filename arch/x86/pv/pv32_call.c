/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls of 32-bit guests: int 0x82 with the number in eax and arguments in ebx, ecx, edx, esi,
 * edi, ebp (public arch-x86/xen-x86_32.h). Here are those whose arguments are not the wide ones: a
 * 64-bit value comes in two of them, and a code address with its selector. All others go on to the
 * common handlers, whose copies of structures know what a 32-bit caller's look like (hv/compat.h).
 */
#include <arch/cpu.h>
#include <arch/hypercall.h>
#include <arch/irq.h>
#include <arch/pv.h>
#include <arch/pv32.h>
#include <arch/pv_mmu.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/guest.h>
#include <hv/hypercall.h>
#include <lib/bytes.h>
#include <lib/string.h>

#define STUB_BYTES 32U
#define NR_STUBS ((unsigned int)(PAGE_SIZE / STUB_BYTES))
#define DESCS_PER_PAGE 512U
#define MAX_GDT_FRAMES 14U

static uint64_t wide(uint64_t low, uint64_t high) { return (uint32_t)low | high << 32; }

/* --- entry points and descriptors ------------------------------------------------------------- */

static long set_callbacks(struct vcpu *v, const uint64_t arg[])
{
    struct pv_vcpu *pv = &v->arch.pv;

    pv->event = (struct pv_callback){
        .address = arg[1], .mask_events = true,
        .cs = pv_kernel_selector(v->domain, (uint16_t)arg[0]),
    };
    pv->failsafe.address = arg[3];
    pv->failsafe.cs = pv_kernel_selector(v->domain, (uint16_t)arg[2]);
    return 0;
}

static long set_gdt(struct vcpu *v, const uint64_t arg[])
{
    const uint32_t entries = (uint32_t)arg[1];
    const unsigned int nr = DIV_ROUND_UP(entries, DESCS_PER_PAGE);
    uint32_t number[MAX_GDT_FRAMES];
    mfn_t frame[MAX_GDT_FRAMES];

    if (entries > MAX_GDT_FRAMES * DESCS_PER_PAGE)
        return -EINVAL;
    if (nr > 0 && guest_read(number, arg[0], nr * sizeof(number[0])))
        return -EFAULT;
    for (unsigned int i = 0; i < nr; i++)
        frame[i] = _mfn(number[i]);
    return pv_set_gdt(v, frame, entries);
}

static long update_descriptor(struct vcpu *v, const uint64_t arg[])
{
    const uint64_t merged[] = { wide(arg[0], arg[1]), wide(arg[2], arg[3]) };

    return hc_update_descriptor(v, merged);
}

/* --- the rest --------------------------------------------------------------------------------- */

static long iret(struct vcpu *v, const uint64_t arg[]) { return pv32_iret(v); }

static long absent(struct vcpu *v, const uint64_t arg[]) { return -ENOSYS; }

typedef long handler_fn(struct vcpu *v, const uint64_t arg[]);

static handler_fn *const handlers[NR_HYPERCALLS] = {
    [__HYPERVISOR_set_gdt] = set_gdt,
    [__HYPERVISOR_set_callbacks] = set_callbacks,
    [__HYPERVISOR_update_descriptor] = update_descriptor,
    [__HYPERVISOR_update_va_mapping] = pv32_update_va_mapping,
    [__HYPERVISOR_update_va_mapping_otherdomain] = pv32_update_va_mapping_otherdomain,
    [__HYPERVISOR_iret] = iret,
    [__HYPERVISOR_set_segment_base] = absent, /* selectors are enough */
};

long arch_hypercall_32(struct vcpu *v, uint64_t nr, const uint64_t arg[])
{
    /* What is PV's alone here is no call of an HVM guest's 32-bit code. */
    if (nr < NR_HYPERCALLS && is_pv(v->domain)) {
        handler_fn *const fn = handlers[index_nospec(nr, NR_HYPERCALLS)];

        if (fn)
            return fn(v, arg);
    }
    return hypercall_dispatch(v, nr, arg);
}

/* --- the call itself -------------------------------------------------------------------------- */

uint64_t *pv32_argument(struct cpu_user_regs *r, unsigned int i)
{
    uint64_t *const by_number[HYPERCALL_MAX_ARGS] = {
        &r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi, &r->rbp
    };

    return by_number[i];
}

void pv32_hypercall(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;
    uint64_t arg[HYPERCALL_MAX_ARGS];
    long rc;

    /* INT in ring 3 does not pass the gate, so it was a device, with a vector that it never got */
    if (!domain_is_32bit(v->domain)) {
        irq_dispatch(regs);
        return;
    }
    for (unsigned int i = 0; i < HYPERCALL_MAX_ARGS; i++)
        arg[i] = (uint32_t)*pv32_argument(regs, i);
    rc = arch_hypercall_32(v, (uint32_t)regs->rax, arg);
    if (rc != -ERESTART) /* else rewound: eax stays the number */
        regs->rax = (uint32_t)rc;
}

/* --- the hypercall page ----------------------------------------------------------------------- */

/* mov $n, %eax; int $0x82; ret */
static void fill_stub(uint8_t *p, uint32_t nr)
{
    static const uint8_t code[] = { 0xb8, 0, 0, 0, 0, 0xcd, PV32_HYPERCALL_VECTOR, 0xc3 };

    memcpy(p, code, sizeof(code));
    put_le32(p + 1, nr);
}

/* push %eax; mov $23, %eax; int $0x82: jumped to, and does not come back */
static void fill_iret_stub(uint8_t *p)
{
    static const uint8_t code[] = {
        0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0xcd, PV32_HYPERCALL_VECTOR
    };

    memcpy(p, code, sizeof(code));
}

void pv32_fill_hypercall_page(void *page)
{
    uint8_t *p = page;

    memset(p, 0xcc, PAGE_SIZE);
    for (uint32_t i = 0; i < NR_STUBS; i++) {
        if (i == __HYPERVISOR_iret)
            fill_iret_stub(p + (size_t)i * STUB_BYTES);
        else
            fill_stub(p + (size_t)i * STUB_BYTES, i);
    }
}
