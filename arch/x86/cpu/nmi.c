/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NMIs that no code of ours has asked for: memory and bus errors, a button, a management card. By
 * default dom0 hears of them: the reason is in its shared_info (public nmi.h), and its vcpu 0 gets
 * an NMI of its own.
 *
 * An NMI comes at any instruction, also with locks taken and between the two halves of an APIC
 * command. So it only sets bits, and an interrupt to this cpu itself sees to the rest; that command
 * is one write, which leaves the destination of an interrupted one as it is.
 */
#include <arch/apic.h>
#include <arch/cpu.h>
#include <arch/crash.h>
#include <arch/insn.h>
#include <arch/nmi.h>
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/sched.h>
#include <hv/softirq.h>
#include <lib/cmdline.h>
#include <lib/string.h>

#define PORT_STATUS 0x61
#define STATUS_SERR 0x80
#define STATUS_IOCHK 0x40
#define STATUS_WRITABLE 0x0f
#define STATUS_SERR_OFF 0x04
#define STATUS_IOCHK_OFF 0x08

static enum { NMI_DOM0, NMI_FATAL, NMI_IGNORE } action;

static int parse_nmi(const char *value)
{
    static const char *const words[] = {
        [NMI_DOM0] = "dom0", [NMI_FATAL] = "fatal", [NMI_IGNORE] = "ignore"
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(value, words[i]) == 0) {
            action = i;
            return 0;
        }
    return -EINVAL;
}
PARAM_CUSTOM("nmi", parse_nmi, "who gets an NMI of the machine's: dom0, fatal, ignore");

/* The causes that the chipset tells; each is switched off, or no other NMI would come. */
static unsigned int take_reasons(void)
{
    const uint8_t status = inb(PORT_STATUS);
    unsigned int reasons = 0;

    if (status & STATUS_SERR) {
        outb(PORT_STATUS, (status & STATUS_WRITABLE) | STATUS_SERR_OFF);
        reasons |= XEN_NMIREASON_pci_serr;
    }
    if (status & STATUS_IOCHK) {
        outb(PORT_STATUS, (status & STATUS_WRITABLE) | STATUS_IOCHK_OFF);
        reasons |= XEN_NMIREASON_io_error;
    }
    return reasons ?: XEN_NMIREASON_unknown;
}

static void wake_dom0(void)
{
    struct vcpu *v = dom0->vcpu[0];

    vcpu_kick(v);
    vcpu_unblock(v);
}

void nmi_of_machine(const struct cpu_user_regs *regs)
{
    const unsigned int reasons = take_reasons();

    if (action == NMI_FATAL)
        crash_exception(regs, reasons & XEN_NMIREASON_pci_serr ? "NMI: PCI system error"
                              : reasons & XEN_NMIREASON_io_error ? "NMI: I/O check"
                                                                 : "NMI of unknown origin");
    if (action == NMI_IGNORE || !dom0 || !dom0->vcpu[0])
        return;
    __atomic_or_fetch(&dom0->shared_info->arch.nmi_reason, reasons, __ATOMIC_SEQ_CST);
    __atomic_store_n(&dom0->vcpu[0]->nmi_pending, true, __ATOMIC_SEQ_CST);
    softirq_raise(SOFTIRQ_NMI);
    apic->write(APIC_ICR, ICR_SELF | ICR_ASSERT | VECTOR_SERVE);
}

void nmi_init(void) { softirq_register(SOFTIRQ_NMI, wake_dom0); }
