/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When it is over: registers, a symbolised backtrace, a record in memory for the next boot, and a
 * stop.
 */
#ifndef ARCH_CRASH_H
#define ARCH_CRASH_H

#include <abi.h>
#include <hv/types.h>

/*
 * Prints the registers and the call chain; regs are of the hypervisor itself (or NULL: the caller's
 * frame).
 */
void crash_dump(const struct cpu_user_regs *regs);
/* Prints, records, stops the other cpus, then reboots or halts (noreboot). */
void crash_exception(const struct cpu_user_regs *regs, const char *what) noreturn;
/* from the NMI handler: stops this cpu if another one has crashed */
bool crash_nmi(const struct cpu_user_regs *regs);
/* Nearest symbol at or below an address of the image: NULL outside it. *offset into it. */
const char *symbol_lookup(uint64_t addr, uint64_t *offset);
/*
 * The record of a crash lives in a page below 1 MiB that firmware and loaders leave alone in a warm
 * reset: give its place (mapped), then report: print and clear what the last run left.
 */
void crash_record_place(void *page);
void crash_record_report(void);

extern bool opt_noreboot;

#endif
