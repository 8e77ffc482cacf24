/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entry of a test kernel as a PV guest: public xen.h, "Start-of-day memory layout". rsi =
 * start_info. The notes are those of any dom0 kernel; there is no hypercall page: calls are made by
 * the SYSCALL instruction itself.
 */
#include <xen/elfnote.h>

#define VIRT_BASE 0xffffffff80000000

        .macro note type, value
        .pushsection .note.xen, "a", @note
        .balign 4
        .long 4, 8, \type
        .asciz "Xen"
        .quad \value
        .popsection
        .endm
        .macro note_string type, text
        .pushsection .note.xen, "a", @note
        .balign 4
        .long 4, 2f - 1f, \type
        .asciz "Xen"
1:      .asciz "\text"
2:      .balign 4
        .popsection
        .endm

        note_string XEN_ELFNOTE_GUEST_OS, "test"
        note_string XEN_ELFNOTE_LOADER, "generic"
        note_string XEN_ELFNOTE_XEN_VERSION, "xen-3.0"
        note_string XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb"
        note XEN_ELFNOTE_VIRT_BASE, VIRT_BASE
        note XEN_ELFNOTE_PADDR_OFFSET, 0
        note XEN_ELFNOTE_ENTRY, _start
        note XEN_ELFNOTE_INIT_P2M, 0x8000000000
        note XEN_ELFNOTE_SUPPORTED_FEATURES, 0x8801
        note XEN_ELFNOTE_MOD_START_PFN, 1

        .text
        .globl _start
_start:
        cld
        lea     stack_top(%rip), %rsp
        mov     %rsi, start_info_va(%rip)
        xor     %ebp, %ebp
        call    guest_start
1:      jmp     1b

/*
 * Trap entries: one stub a vector, saving what a handler in C needs. The frame the hypervisor
 * leaves: rcx, r11, [error code], rip, cs, rflags, rsp, ss. All end as struct trap_frame (guest.h).
 */

        .globl trap_stubs
        .balign 16
trap_stubs:
        .set    i, 0
        .rept   256
        .balign 16
        .if (i == 8) || ((i >= 10) && (i <= 14)) || (i == 17) || (i == 21)
        .byte 0x68                      /* push imm32 */
        .long i
        jmp     common
        .else
        .byte 0x68
        .long i
        jmp     common_no_error
        .endif
        .set    i, i + 1
        .endr

        .globl event_entry
event_entry:                            /* the event callback: as a trap with the number 256 */
        .byte 0x68
        .long 256
/* vector, rcx, r11, rip ...: open a gap for the error code behind r11 */
common_no_error:
        sub     $8, %rsp
        push    %rax
        mov     16(%rsp), %rax
        mov     %rax, 8(%rsp)           /* vector */
        mov     24(%rsp), %rax
        mov     %rax, 16(%rsp)          /* rcx */
        mov     32(%rsp), %rax
        mov     %rax, 24(%rsp)          /* r11 */
        movq    $0, 32(%rsp)            /* error code */
        pop     %rax
common:
        push    %r15
        push    %r14
        push    %r13
        push    %r12
        push    %r10
        push    %r9
        push    %r8
        push    %rdi
        push    %rsi
        push    %rbp
        push    %rdx
        push    %rbx
        push    %rax
        mov     %rsp, %rdi
        mov     %rsp, %rbp
        and     $-16, %rsp
        call    guest_trap
        mov     %rbp, %rsp
        .globl  trap_return
trap_return:
        pop     %rax
        pop     %rbx
        pop     %rdx
        pop     %rbp
        pop     %rsi
        pop     %rdi
        pop     %r8
        pop     %r9
        pop     %r10
        pop     %r12
        pop     %r13
        pop     %r14
        pop     %r15
        add     $8, %rsp                /* vector */
        pop     %rcx
        pop     %r11
        add     $8, %rsp                /* error code */
        /* iret hypercall: rax, r11, rcx, flags, rip, cs, rflags, rsp, ss */
        pushq   $0
        push    %rcx
        push    %r11
        push    %rax
        mov     $23, %eax
        syscall
        ud2

        .bss
        .balign 4096
        .skip 32768
stack_top:
        .globl start_info_va
start_info_va: .quad 0
        .section .note.GNU-stack, "", @progbits
