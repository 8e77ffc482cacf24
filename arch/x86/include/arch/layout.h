/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor's virtual address space: L4 slots 256 to 271 of every page table (docs/memory.md
 * has the picture).
 *
 *  256  M2P, read-only to guests: u64 per machine frame
 *  257  device mappings (LAPIC, IO-APIC, HPET, ECAM, ACPI tables)
 *  258  frame table, 32 bytes a frame, sparse
 *  259  per-domain: each vcpu's GDT and LDT; the only slot that differs between page tables
 *  260  stacks, per-cpu data, temporary windows: with guard pages
 *  261  the hypervisor's image
 *  262-271  direct map of the first 5 TiB of machine memory
 */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#define HV_VIRT_START 0xffff800000000000
#define HV_VIRT_END 0xffff880000000000
#define HV_FIRST_SLOT 256
#define HV_NR_SLOTS 16
#define L4_SLOT_SHIFT 39

#define M2P_VIRT_START 0xffff800000000000
#define M2P_VIRT_END 0xffff804000000000
#define IOREMAP_VIRT_START 0xffff808000000000
#define IOREMAP_VIRT_END 0xffff810000000000
#define FRAMETABLE_VIRT_START 0xffff810000000000
#define PERDOMAIN_VIRT_START 0xffff818000000000
#define PERDOMAIN_SLOT 259
#define STACK_VIRT_START 0xffff820000000000
/* SYSCALL entry stubs, STUB_SIZE bytes a cpu; near the stacks */
#define STUB_VIRT_START 0xffff820010000000
#define STUB_SIZE 128UL
#define WINDOW_VIRT_START 0xffff824000000000
#define IMAGE_VIRT_START 0xffff82d080000000
#define IMAGE_PHYS_START 0x200000
#define DIRECTMAP_VIRT_START 0xffff830000000000
#define DIRECTMAP_SIZE 0x50000000000 /* 5 TiB */

/* Per vcpu in the per-domain slot: 16 pages of GDT (14 the guest's, then ours), 16 pages of LDT. */
#define PERDOMAIN_VCPU_SHIFT 17
#define GDT_VIRT(vcpu_id) \
    (PERDOMAIN_VIRT_START + ((unsigned long)(vcpu_id) << PERDOMAIN_VCPU_SHIFT))
#define LDT_VIRT(vcpu_id) (GDT_VIRT(vcpu_id) + 0x10000)

/*
 * 32-bit guests (public arch-x86/xen-x86_32.h): their addresses from here to the end are ours, and
 * show the 32-bit M2P from its start on.
 */
#define PV32_VIRT_START 0xf5800000ULL
#define PV32_M2P_END 0xffe00000ULL
#define PV32_FIRST_L2_SLOT 428 /* of PV32_VIRT_START, in the L2 behind slot 3 */
#define PV32_L3_ENTRIES 4

/*
 * A cpu's stack: 32 KiB, aligned; IST stacks and a guard page at the bottom, struct cpu_info in the
 * top page. Page 0: #DB (lower half), #DF (upper half); page 1: NMI; page 2: #MC; page 3: guard;
 * pages 4-6: the stack; page 7: struct cpu_info.
 */
#define STACK_ORDER 3
#define STACK_SIZE 0x8000
#define STACK_IST_DB 0x800 /* tops, as offsets from the stack's start */
#define STACK_IST_DF 0x1000
#define STACK_IST_NMI 0x2000
#define STACK_IST_MC 0x3000
#define STACK_GUARD 0x3000 /* this page is to be unmapped */
#define STACK_INFO 0x7000 /* the page of struct cpu_info */
#define STACK_VIRT(cpu) (STACK_VIRT_START + (unsigned long)(cpu) * STACK_STRIDE)
/* stacks are mapped this far apart: the gap is a guard, but for a page */
#define STACK_STRIDE 0x10000
#define STACK_TABLES 0xc000 /* in the gap: the cpu's part of the GDT, and its TSS */

/*
 * What entry.S leaves between a guest's frame and a C function's: nothing of C's stays in the page
 * of the frame. The smallest that holds what a fault of IRET pushes below the frame (48 bytes by
 * the cpu, 120 by us), is 8 modulo 16, and keeps rsp aligned.
 */
#define ENTRY_PAD 56

/* Our selectors, in the reserved part of every vcpu's GDT (FIRST_RESERVED_GDT_BYTE 0xe000). */
#define HV_CS 0xe008
#define HV_DS 0xe010
#define FLAT_CS32 0xe023
#define FLAT_DS 0xe02b
#define FLAT_CS64 0xe033
/* In their place for 32-bit guests, which get no 64-bit code segment. */
#define PV32_RING1_CS 0xe019
#define PV32_RING1_DS 0xe021
#define PV32_RING3_CS 0xe02b
#define PV32_RING3_DS 0xe033
#define HV_TSS 0xe040
#define HV_LDT 0xe050
#define GDT_LIMIT 0xe05f           /* ends with HV_LDT: nothing behind it can be loaded */
#define GDT_RESERVED_OFFSET 0xe000 /* of our page in a vcpu's GDT */

#endif
