/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Debug registers of PV guests. The hypervisor uses none, so the machine's hold current's while its
 * DR7 enables anything. v->arch.pv.dr is always up to date: ring 3 cannot write them. AMD APM vol.
 * 2 §13.1 "Software-Debug Resources".
 */
#include <arch/cpu.h>
#include <arch/layout.h>
#include <arch/pv.h>
#include <arch/percpu.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hypercall.h>

#define DR6_ONES 0xffff0ff0UL
#define DR6_ZERO 0x1000UL
#define DR7_ONES 0x400UL
#define DR7_ZERO 0xd800UL
#define DR7_ENABLES 0xffUL
#define DR7_GENERAL_DETECT 0x2000UL
#define DR_TYPE_EXECUTE 0
#define DR_TYPE_IO 2

static DEFINE_PER_CPU(bool, dr_loaded); /* DR7 on this cpu enables something */

#define DEFINE_WRITE_DR(n) \
    static void write_dr##n(uint64_t v) { __asm__ volatile("mov %0, %%dr" #n ::"r"(v)); }
DEFINE_WRITE_DR(0)
DEFINE_WRITE_DR(1)
DEFINE_WRITE_DR(2)
DEFINE_WRITE_DR(3)
DEFINE_WRITE_DR(6)
DEFINE_WRITE_DR(7)

uint64_t pv_read_dr6(void)
{
    uint64_t v;

    __asm__ volatile("mov %%dr6, %0" : "=r"(v));
    write_dr6(DR6_ONES);
    return v;
}

void pv_load_debugregs(const struct vcpu *v)
{
    const uint64_t *dr = v->arch.pv.dr;

    if (dr[7] & DR7_ENABLES) {
        write_dr0(dr[0]);
        write_dr1(dr[1]);
        write_dr2(dr[2]);
        write_dr3(dr[3]);
        write_dr6(DR6_ONES);
        write_dr7(dr[7]);
        this_cpu(dr_loaded) = true;
    } else if (this_cpu(dr_loaded)) {
        write_dr7(DR7_ONES);
        this_cpu(dr_loaded) = false;
    }
}

/*
 * No breakpoint on I/O (it would need CR4.DE in our hands), none on execution of more than the
 * first byte.
 */
static bool dr7_ok(uint64_t v)
{
    if (v >> 32)
        return false;
    for (unsigned int i = 0; i < 4; i++) {
        const unsigned int type = (v >> (16 + 4 * i)) & 3, len = (v >> (18 + 4 * i)) & 3;

        if (type == DR_TYPE_IO || (type == DR_TYPE_EXECUTE && len != 0))
            return false;
    }
    return true;
}

/* A breakpoint on an address of ours would fire in the hypervisor. Eight bytes is the longest. */
static bool address_ok(uint64_t va) { return va < 0x0000800000000000UL - 8 || va >= HV_VIRT_END; }

int pv_set_debugreg(struct vcpu *v, unsigned int reg, uint64_t val)
{
    switch (reg) {
    case 0 ... 3:
        if (!address_ok(val))
            return -EPERM;
        break;
    case 6:
        val = (val & 0xffffffffUL & ~DR6_ZERO) | DR6_ONES;
        break;
    case 7:
        val = (val & ~(DR7_ZERO | DR7_GENERAL_DETECT)) | DR7_ONES;
        if (!dr7_ok(val))
            return -EPERM;
        break;
    default:
        return -ENODEV;
    }
    v->arch.pv.dr[reg] = val;
    if (v == current)
        pv_load_debugregs(v);
    return 0;
}

uint64_t pv_get_debugreg(const struct vcpu *v, unsigned int reg) { return v->arch.pv.dr[reg & 7]; }

long hc_set_debugreg(struct vcpu *v, const uint64_t arg[])
{
    return arg[0] < 8 ? pv_set_debugreg(v, (unsigned int)arg[0], arg[1]) : -ENODEV;
}

long hc_get_debugreg(struct vcpu *v, const uint64_t arg[])
{
    if (arg[0] >= 8 || arg[0] == 4 || arg[0] == 5)
        return -ENODEV;
    return (long)v->arch.pv.dr[arg[0]];
}
