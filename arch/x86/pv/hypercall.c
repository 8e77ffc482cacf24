/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PV side of hypercalls: the page of stubs that guests call through, and the registers behind
 * continuation. The call itself is SYSCALL in entry.S: number in rax, arguments in rdi, rsi, rdx,
 * r10, r8, r9. public arch-x86/xen-x86_64.h.
 */
#include <abi.h>
#include <arch/cpu.h>
#include <arch/hvm.h>
#include <arch/hypercall.h>
#include <arch/pv32.h>
#include <arch/pv_hypercall.h>
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <hv/page.h>
#include <lib/bytes.h>
#include <lib/string.h>

#define STUB_BYTES 32UL
#define NR_STUBS (PAGE_SIZE / STUB_BYTES)
#define SYSCALL_LENGTH 2 /* and that of int $0x82 */

/* push %rcx; push %r11; mov $n, %eax; syscall; pop %r11; pop %rcx; ret */
static void fill_stub(uint8_t *p, uint32_t nr)
{
    static const uint8_t code[] = {
        0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3
    };

    memcpy(p, code, sizeof(code));
    put_le32(p + 4, nr);
}

/* push %rcx; push %r11; push %rax; mov $23, %eax; syscall: jumped to, and does not come back */
static void fill_iret_stub(uint8_t *p)
{
    static const uint8_t code[] = {
        0x51, 0x41, 0x53, 0x50, 0xb8, __HYPERVISOR_iret, 0, 0, 0, 0x0f, 0x05
    };

    memcpy(p, code, sizeof(code));
}

void pv_fill_hypercall_page(const struct domain *d, void *page)
{
    uint8_t *p = page;

    if (domain_is_32bit(d)) {
        pv32_fill_hypercall_page(page);
        return;
    }
    memset(p, 0xcc, PAGE_SIZE);
    for (uint32_t i = 0; i < NR_STUBS; i++) {
        if (i == __HYPERVISOR_iret)
            fill_iret_stub(p + i * STUB_BYTES);
        else
            fill_stub(p + i * STUB_BYTES, i);
    }
}

static uint64_t *argument(struct cpu_user_regs *r, unsigned int i)
{
    uint64_t *const by_number[HYPERCALL_MAX_ARGS] = {
        &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9
    };

    return by_number[i];
}

/* rax still is the number: entry.S stores no result over it when the handler says -ERESTART. */
void arch_hypercall_rewind(struct vcpu *v, unsigned int nr_args, const uint64_t arg[])
{
    struct cpu_user_regs *regs = guest_regs();

    if (is_hvm(v->domain)) {
        hvm_hypercall_rewind(v, nr_args, arg);
        return;
    }
    for (unsigned int i = 0; i < nr_args; i++)
        *(domain_is_32bit(v->domain) ? pv32_argument(regs, i) : argument(regs, i)) = arg[i];
    regs->rip -= SYSCALL_LENGTH;
    /* rcx and r11 are arguments of nothing, but rip is not rcx any more: IRET */
    regs->entry_vector = 0;
}
