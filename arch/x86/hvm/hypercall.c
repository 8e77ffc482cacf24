/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hypercalls of HVM guests: VMMCALL, from 64-bit code as from a PV guest, from 32-bit code with
 * ebx, ecx, edx, esi, edi, ebp. public arch-x86/xen-x86_64.h, xen-x86_32.h.
 */
#include <abi.h>
#include <arch/cpu.h>
#include <arch/hvm.h>
#include <arch/hvm_params.h>
#include <arch/hypercall.h>
#include <arch/hypercall_page.h>
#include <arch/pv32.h>
#include <arch/regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/page.h>
#include <hv/time.h>
#include <lib/bytes.h>
#include <lib/string.h>

#define STUB_BYTES 32UL
#define VIRIDIAN_CALL 0x80000000U /* in eax: Hyper-V's (viridian.c) */

static uint64_t *argument(struct cpu_user_regs *r, bool narrow, unsigned int i)
{
    uint64_t *const wide[HYPERCALL_MAX_ARGS] = {
        &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9
    };

    return narrow ? pv32_argument(r, i) : wide[i];
}

/* The call stays at VMMCALL, which is not passed when its handler says -ERESTART. */
void hvm_hypercall_rewind(struct vcpu *v, unsigned int nr_args, const uint64_t arg[])
{
    for (unsigned int i = 0; i < nr_args; i++)
        *argument(guest_regs(), v->call_is_32bit, i) = arg[i];
}

static long call(struct vcpu *v, struct cpu_user_regs *r)
{
    uint64_t arg[HYPERCALL_MAX_ARGS];

    for (unsigned int i = 0; i < HYPERCALL_MAX_ARGS; i++) {
        arg[i] = *argument(r, v->call_is_32bit, i);
        if (v->call_is_32bit)
            arg[i] = (uint32_t)arg[i];
    }
    return v->call_is_32bit ? arch_hypercall_32(v, (uint32_t)r->rax, arg)
                            : hypercall_dispatch(v, r->rax, arg);
}

static bool is_viridian(const struct domain *d, uint32_t eax)
{
    return unlikely(eax & VIRIDIAN_CALL) && viridian_features(d);
}

bool hvm_hypercall(struct vcpu *v)
{
    struct cpu_user_regs *r = guest_regs();
    const enum insn_mode mode = hvm_insn_mode(v);
    long rc = -EPERM;

    v->call_is_32bit = mode != INSN_LONG64;
    if (mode != INSN_REAL16 && hvm_ops->cpl(v) == 0 && is_viridian(v->domain, (uint32_t)r->rax)) {
        viridian_hypercall(v, r, !v->call_is_32bit);
        return true;
    }
    if (mode != INSN_REAL16 && hvm_ops->cpl(v) == 0)
        rc = call(v, r);
    if (rc == -ERESTART)
        return false;
    r->rax = v->call_is_32bit ? (uint32_t)rc : (uint64_t)rc;
    return true;
}

/* --- the page --------------------------------------------------------------------------------- */

/* mov $n, %eax; vmmcall; ret */
static void fill_stub(uint8_t *p, uint32_t nr)
{
    static const uint8_t code[] = { 0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xd9, 0xc3 };

    memcpy(p, code, sizeof(code));
    put_le32(p + 1, nr);
}

void hvm_fill_hypercall_page(void *page)
{
    static const uint8_t ud2[] = { 0x0f, 0x0b };
    uint8_t *p = page;

    memset(p, 0xcc, PAGE_SIZE);
    for (uint32_t i = 0; i < PAGE_SIZE / STUB_BYTES; i++) {
        if (i == __HYPERVISOR_iret)
            memcpy(p + i * STUB_BYTES, ud2, sizeof(ud2));
        else
            fill_stub(p + i * STUB_BYTES, i);
    }
}

/*
 * The guest says how wide it is by the code that asks for the page: shared pages are in that layout
 * from now on.
 */
void hvm_latch_shared_info(struct domain *d)
{
    struct vcpu *v = current;
    bool narrow;

    if (v->domain != d)
        return; /* the toolstack is as wide as it is */
    narrow = hvm_insn_mode(v) != INSN_LONG64;
    if (d->is_32bit == narrow)
        return;
    evtchn_set_width(d, narrow);
    time_update_wallclock(d);
}

int hvm_hypercall_page_msr(struct vcpu *v, uint64_t val)
{
    if (hypercall_page_msr(v->domain, val))
        return -1;
    hvm_latch_shared_info(v->domain);
    return 0;
}
