/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into an AMD-V guest and back. One loop a cpu: decide (svm_before_entry), run, understand
 * (svm_after_exit). Everything of the guest is in struct cpu_info's regs and in its VMCB, so the
 * loop may be left at any call and begun anew.
 *
 * VMRUN saves RIP, RSP, RAX, RFLAGS and the control registers of ours; VMLOAD and VMSAVE exchange
 * what it leaves: FS, GS, TR, LDTR and the MSRs of system calls. Ours come back in
 * svm_after_exit(), before GIF is set: no interrupt ever finds a guest's TSS. AMD APM vol. 2 §15.5
 * "VMRUN Instruction".
 */
#include <arch/entry_gprs.h>
#include <arch/layout.h>
#include "asm_offsets.h"

        .section .text.svm, "ax", @progbits

        .globl  svm_resume
svm_resume:
        or      $(STACK_SIZE - 1), %rsp
        add     $(1 - CPU_INFO_SIZE + CPU_INFO_regs), %rsp
        xor     %ebp, %ebp
again:
        mov     %rsp, %rdi
        sub     $ENTRY_PAD, %rsp
        call    svm_before_entry        /* (regs): rax = VMCB, GIF is clear */
        add     $ENTRY_PAD, %rsp
        /*
         * So interrupts end the guest's run. Not right before VMRUN: QEMU takes STI's shadow into
         * the guest, where it cancels that of a STI which is the first instruction.
         */
        sti
        mov     %rax, UREGS_rax(%rsp)   /* the guest's is in the VMCB */
        POP_GPRS
        vmload  %rax
        vmrun   %rax
        cli
        vmsave  %rax
        PUSH_GPRS                       /* rax is not the guest's: that is in the VMCB */
        xor     %ebp, %ebp
        mov     %rsp, %rdi
        sub     $ENTRY_PAD, %rsp
        call    svm_after_exit          /* (regs) */
        add     $ENTRY_PAD, %rsp
        jmp     again

        .section .note.GNU-stack, "", @progbits
