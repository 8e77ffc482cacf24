/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tests/bench/words for PVH: the smallest such guest that an administrator can see. It starts in
 * flat 32-bit code without paging (public arch-x86/hvm/start_info.h), which is enough for its
 * console.
 */
#include <stdint.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/xen.h>

#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/sched.h>

#define STR_(x) #x
#define STR(x) STR_(x)

__asm__(".section .note.Xen, \"a\", @note\n"
        ".long 4, 4, " STR(XEN_ELFNOTE_PHYS32_ENTRY) "\n.asciz \"Xen\"\n.long start\n"
        ".text\n.globl start\n"
        "start: mov $stack + 4096, %esp\n\tcall say\n1:\tcli\n\thlt\n\tjmp 1b\n");

char stack[4096] __attribute__((used));

static long vmmcall(uint32_t nr, uint32_t a, const void *b)
{
    long ret;

    __asm__ volatile("vmmcall" : "=a"(ret) : "0"(nr), "b"(a), "c"(b) : "memory");
    return ret;
}

static uint32_t param(uint32_t index)
{
    struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };

    vmmcall(__HYPERVISOR_hvm_op, HVMOP_get_param, &p);
    return (uint32_t)p.value;
}

void say(void);
void say(void)
{
    struct xencons_interface *ring = (void *)(param(HVM_PARAM_CONSOLE_PFN) << 12);
    const struct evtchn_send send = { .port = param(HVM_PARAM_CONSOLE_EVTCHN) };

    for (const char *text = "first words\n"; *text; text++)
        ring->out[MASK_XENCONS_IDX(ring->out_prod++, ring->out)] = *text;
    __asm__ volatile("" : : : "memory");
    vmmcall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send);
    for (;;)
        vmmcall(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
}
