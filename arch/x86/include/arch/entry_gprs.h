/* SPDX-License-Identifier: GPL-2.0-only */
/* For assembly: the general registers of struct cpu_user_regs, onto the stack and back. */
#ifndef ARCH_ENTRY_GPRS_H
#define ARCH_ENTRY_GPRS_H

.macro PUSH_GPRS
        push    %rdi
        push    %rsi
        push    %rdx
        push    %rcx
        push    %rax
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
.endm

.macro POP_GPRS
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rax
        pop     %rcx
        pop     %rdx
        pop     %rsi
        pop     %rdi
.endm

#endif
