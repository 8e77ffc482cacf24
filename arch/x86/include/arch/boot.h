/* SPDX-License-Identifier: GPL-2.0-only */
/* What the steps of start of day share. */
#ifndef ARCH_BOOT_H
#define ARCH_BOOT_H

#include <drivers/acpi.h>
#include <hv/types.h>
#include <lib/e820.h>
#include <lib/multiboot.h>

extern struct boot_info boot_info; /* what the loader said; constant after the first step */
extern struct e820 host_e820;      /* the machine's memory map, sane */
extern struct acpi_info acpi_info;
extern paddr_t trampoline_pa;      /* a page below 640 KiB for starting cpus */
extern paddr_t crash_record_pa;    /* another, for crash.c's record */

/* The modules have been used: their memory goes to the allocator. */
void boot_release_modules(void);
/*
 * Create dom0 and its vcpus from the modules and options, build it, let it run. boot_fail() when
 * that is impossible.
 */
void dom0_create(void);

/* head.S: continue in fn on an empty stack; fn does not return. */
void noreturn reset_stack_and_call(void *stack_top, void (*fn)(void));

#endif
