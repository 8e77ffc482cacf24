/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Switching the machine off and starting it anew. ACPI specification, "Transitioning from the
 * Working to the Sleeping State" and "Reset Register". Each way that fails to work leads to the
 * next.
 */
#include <arch/crash.h>
#include <arch/direct.h>
#include <arch/insn.h>
#include <arch/ioapic.h>
#include <drivers/acpi.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/console.h>
#include <hv/iommu_intr.h>
#include <hv/log.h>
#include <hv/platform.h>

#define PM1_SCI_EN 0x0001
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_TYP (7U << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN (1U << 13)
#define SLEEP_CONTROL_EN (1U << 5)
#define SLEEP_CONTROL_TYP_SHIFT 2
#define PCI_RESET_PORT 0xcf9
#define KBD_STATUS_COMMAND 0x64
#define KBD_INPUT_FULL 0x02
#define KBD_PULSE_RESET 0xfe

/*
 * About a millisecond: port 0x80 is a POST code display and takes a microsecond. Works with any
 * clock or none.
 */
static void delay_ms(unsigned int ms)
{
    for (unsigned int i = 0; i < ms * 1000; i++)
        (void)inb(0x80);
}

static bool is_port(const struct acpi_gas *gas)
{
    return gas->addr != 0 && gas->addr < 0xffff && gas->space == ACPI_SPACE_IO;
}

/* --- off -------------------------------------------------------------------------------------- */

static void enable_acpi(const struct acpi_fadt *f)
{
    if (f->smi_cmd == 0 || f->smi_cmd > 0xffff || f->acpi_enable == 0 || !is_port(&f->pm1a_control))
        return;
    if (inw((uint16_t)f->pm1a_control.addr) & PM1_SCI_EN)
        return;
    outb((uint16_t)f->smi_cmd, f->acpi_enable);
    for (unsigned int i = 0; i < 300 && !(inw((uint16_t)f->pm1a_control.addr) & PM1_SCI_EN); i++)
        delay_ms(1);
}

/* The other bits of the register keep their values, but for SLP_EN. */
static void write_pm1(const struct acpi_gas *reg, unsigned int sleep_type)
{
    uint16_t port = (uint16_t)reg->addr;

    if (is_port(reg))
        outw(port, (uint16_t)((inw(port) & ~PM1_SLP_TYP) | sleep_type | PM1_SLP_EN));
}

static int power_off(unsigned int type_a, unsigned int type_b)
{
    const struct acpi_fadt *f = &acpi_info.fadt;

    if (!(acpi_info.have & ACPI_HAVE_FADT))
        return -ENODEV;
    if ((f->flags & ACPI_FADT_HW_REDUCED) && is_port(&f->sleep_control)) {
        outb((uint16_t)f->sleep_control.addr,
             (uint8_t)(type_a << SLEEP_CONTROL_TYP_SHIFT | SLEEP_CONTROL_EN));
    } else {
        if (!is_port(&f->pm1a_control))
            return -ENODEV;
        enable_acpi(f);
        write_pm1(&f->pm1a_control, type_a << PM1_SLP_TYP_SHIFT);
        write_pm1(&f->pm1b_control, type_b << PM1_SLP_TYP_SHIFT);
    }
    delay_ms(500);
    return -EIO; /* still here */
}

/* Only soft-off. dom0 gives register values; the type is a field in them. */
int arch_enter_sleep(unsigned int state, uint16_t pm1a, uint16_t pm1b, uint32_t flags)
{
    const unsigned int shift = flags & XENPF_ACPI_SLEEP_EXTENDED ? 0 : PM1_SLP_TYP_SHIFT;

    if (flags & ~XENPF_ACPI_SLEEP_EXTENDED)
        return -EINVAL;
    if (state != 5)
        return -ENOSYS;
    console_sync();
    log_info("power: off, by dom0's firmware tables");
    return power_off((pm1a >> shift) & 7u, (pm1b >> shift) & 7u);
}

/* --- reset ------------------------------------------------------------------------------------ */

static void reset_by_acpi(void)
{
    const struct acpi_fadt *f = &acpi_info.fadt;

    if (!(acpi_info.have & ACPI_HAVE_FADT) || !(f->flags & ACPI_FADT_RESET_SUP))
        return;
    if (is_port(&f->reset))
        outb((uint16_t)f->reset.addr, f->reset_value);
    else if (f->reset.space == ACPI_SPACE_MEMORY && f->reset.addr &&
             direct_covers(paddr_to_mfn(f->reset.addr)) && f->reset.addr < (4ULL << 30))
        *(volatile uint8_t *)direct_va(f->reset.addr) = f->reset_value;
    delay_ms(50);
}

static void reset_by_pci(void)
{
    uint8_t v = inb(PCI_RESET_PORT) & 0xf9;

    outb(PCI_RESET_PORT, v | 2); /* what to do: hard reset */
    delay_ms(1);
    outb(PCI_RESET_PORT, v | 6); /* do it */
    delay_ms(50);
}

static void reset_by_keyboard(void)
{
    for (unsigned int i = 0; i < 100 && (inb(KBD_STATUS_COMMAND) & KBD_INPUT_FULL); i++)
        delay_ms(1);
    outb(KBD_STATUS_COMMAND, KBD_PULSE_RESET);
    delay_ms(50);
}

static void reset_by_triple_fault(void)
{
    const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none = { 0, 0 };

    __asm__ volatile("lidt %0; int3" ::"m"(none));
}

static void noreturn stop_here(void)
{
    for (;;) {
        irq_disable();
        halt();
    }
}

static void noreturn machine_reset(void)
{
    iommu_quiesce(); /* a firmware that is only jumped to finds what it knows */
    reset_by_acpi();
    reset_by_pci();
    reset_by_keyboard();
    reset_by_triple_fault();
    stop_here();
}

void arch_machine_shutdown(unsigned int reason)
{
    console_sync();
    if (reason == SHUTDOWN_poweroff) {
        log_info("power: off");
        if (acpi_info.have & ACPI_HAVE_S5)
            (void)power_off(acpi_info.s5.type_a, acpi_info.s5.type_b);
        log_warn("power: the machine does not switch itself off: halted");
        stop_here();
    }
    if (reason == SHUTDOWN_crash && opt_noreboot) {
        log_err("power: dom0 crashed, halted as noreboot asks");
        stop_here();
    }
    log_info("power: reset");
    machine_reset();
}
