/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One loadable segment, contiguous in the file and in memory (multiboot loads it flat by the
 * header's address fields), at 2 MiB machine, IMAGE_VIRT_START + machine address virtual.
 * Page-aligned parts of one protection each: text, rodata, data+bss.
 */
#include <arch/layout.h>
#undef ENTRY

OUTPUT_FORMAT("elf64-x86-64")
OUTPUT_ARCH(i386:x86-64)
ENTRY(start_phys)

PHDRS
{
    load PT_LOAD FLAGS(7);
    note PT_NOTE FLAGS(4);
}

SECTIONS
{
    . = IMAGE_VIRT_START + IMAGE_PHYS_START;
    __image_start = .;
    .text : AT(ADDR(.text) - IMAGE_VIRT_START) ALIGN(4096) {
        KEEP(*(.multiboot))
        *(.head.text)
        . = ALIGN(4096); /* its pages stay mapped while a guest runs apart (xpti=) */
        __entry_start = .;
        *(.entry.text)
        . = ALIGN(4096);
        __entry_end = .;
        *(.text .text.*)
        *(.fixup)
        . = ALIGN(4096);
    } :load
    __text_end = .;
    .rodata : AT(ADDR(.rodata) - IMAGE_VIRT_START) ALIGN(4096) {
        *(.rodata .rodata.*)
        *(.data.rel.ro .data.rel.ro.*)
        . = ALIGN(16);
        __ex_table_start = .;
        KEEP(*(.ex_table))
        __ex_table_end = .;
        . = ALIGN(16);
        __start_params = .;
        KEEP(*(params))
        __stop_params = .;
        KEEP(*(.symtab_hv))
        *(.eh_frame_hdr) *(.gcc_except_table*)
        *(.got .got.*)
    } :load
    .note.gnu.build-id : AT(ADDR(.note.gnu.build-id) - IMAGE_VIRT_START) {
        __note_start = .;
        *(.note.gnu.build-id)
        __note_end = .;
        . = ALIGN(4096);
    } :load :note
    __rodata_end = .;
    .data : AT(ADDR(.data) - IMAGE_VIRT_START) ALIGN(4096) {
        *(.data .data.*)
        . = ALIGN(64);
        __percpu_start = .;
        KEEP(*(.percpu))
        . = ALIGN(64);
        __percpu_end = .;
    } :load
    __load_end = .;
    .bss : AT(ADDR(.bss) - IMAGE_VIRT_START) ALIGN(4096) {
        __bss_start = .;
        /* here, not in the section: the segment's alignment would push it too far into the file */
        . = ALIGN(STACK_SIZE);
        *(.bss.stack)
        *(.bss.page_aligned)
        *(.bss .bss.* COMMON)
        . = ALIGN(4096);
    } :load
    __image_end = .;

    /DISCARD/ : {
        *(.eh_frame) *(.comment) *(.note.GNU-stack) *(.note.gnu.property) *(.note.*)
        *(.interp) *(.dyn*)
    }
}
