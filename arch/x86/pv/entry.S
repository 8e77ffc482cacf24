/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All ways into the hypervisor and back to a PV guest. Interrupts are off from entry to exit.
 *
 * From a guest, the frame is built in struct cpu_info at the top of the cpu's stack: TSS.rsp0
 * points at regs.es, so what the cpu pushes is regs.ss down to regs.rip, and an error code falls
 * into regs.error_code; the pushes below complete struct cpu_user_regs. From the hypervisor itself
 * the same frame is built wherever the stack is. Either way %rsp is 8 modulo 16 when the frame is
 * complete.
 *
 * GS.base is always the guest's: per-cpu data is found from %rsp. DS, ES, FS and GS selectors are
 * the guest's too.
 *
 * With xpti= the guest runs on a view of its page table (arch/xpti.h) that has little of ours:
 * .entry.text, the page of struct cpu_info, the IST stacks, GDT, TSS, IDT, system call stubs.
 * cpu_info->hv_cr3 is then set, from before the view is loaded until after our table is, and
 * whatever comes in loads it before it touches anything else: TO_HV_CR3, or, where the hypervisor
 * was interrupted and may have been on its way, LEAVE_VIEW and BACK_TO_VIEW.
 */
#include <arch/entry_gprs.h>
#include <arch/layout.h>
#include "asm_offsets.h"

#define REGS_TO_CURRENT (CPU_INFO_current - CPU_INFO_regs)
#define REGS_TO_VIEW_OK (CPU_INFO_view_ok - CPU_INFO_regs)
#define REGS_TO_GUEST_CR3 (CPU_INFO_guest_cr3 - CPU_INFO_regs)
#define REGS_TO_HV_CR3 (CPU_INFO_hv_cr3 - CPU_INFO_regs)
#define VECTOR_DB 1
#define VECTOR_NMI 2
#define VECTOR_DF 8
#define VECTOR_MC 18
#define VECTOR_HYPERCALL32 0x82
#define EFLAGS_IF 0x200

/* A guest may have set AC; an interrupt gate does not clear it. */
.macro CLEAR_AC
        cmpb    $0, cpu_features + FEATURES_smap(%rip)
        je      .Lno_smap\@
        clac
.Lno_smap\@:
.endm

/*
 * From a guest: rsp = &cpu_info->regs, all registers are saved. Clobbers rcx. A misprediction here
 * sees no more than the guest.
 */
.macro TO_HV_CR3
        cmpq    $0, REGS_TO_HV_CR3(%rsp)
        jne     .Lload\@
.Lloaded\@:
        .subsection 1
.Lload\@:
        mov     REGS_TO_HV_CR3(%rsp), %rcx
        mov     %rcx, %cr3
        movq    $0, REGS_TO_HV_CR3(%rsp)
        jmp     .Lloaded\@
        .previous
.endm

/*
 * From anywhere, on any of the cpu's stacks: rbx = hv_cr3 as it was, r12 = cr3 as it was if that is
 * not 0. Clobbers rax.
 */
.macro LEAVE_VIEW
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rax
        mov     1 - CPU_INFO_SIZE + CPU_INFO_hv_cr3(%rax), %rbx
        test    %rbx, %rbx
        jz      .Lleft\@
        mov     %cr3, %r12
        mov     %rbx, %cr3
        movq    $0, 1 - CPU_INFO_SIZE + CPU_INFO_hv_cr3(%rax)
.Lleft\@:
.endm

.macro BACK_TO_VIEW
        test    %rbx, %rbx
        jz      .Lback\@
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rax
        mov     %rbx, 1 - CPU_INFO_SIZE + CPU_INFO_hv_cr3(%rax)
        mov     %r12, %cr3
.Lback\@:
.endm

        .section .entry.text, "ax", @progbits

/*
 * SYSCALL from 64-bit code, through this cpu's stub (cpu/desc.c), which has stored regs.rsp: rax =
 * number, rcx = guest rip, r11 = guest rflags, rsp = &regs.rsp. The guest's kernel makes a
 * hypercall, its user a system call.
 */
        .globl syscall_entry
syscall_entry:
        movq    $FLAT_DS, 8(%rsp)
        push    %r11
        pushq   $FLAT_CS64
        push    %rcx
        pushq   $-1                     /* entry_vector: ENTRY_SYSCALL */
        PUSH_GPRS
        TO_HV_CR3
        mov     REGS_TO_CURRENT(%rsp), %rbx
        cmpb    $0, VCPU_in_kernel(%rbx)
        je      user_syscall

        push    %rax                    /* alignment; with the arguments, ENTRY_PAD bytes */
        push    %r9
        push    %r8
        push    %r10
        push    %rdx
        push    %rsi
        push    %rdi
        mov     %rbx, %rdi
        mov     %rax, %rsi
        mov     %rsp, %rdx
        call    hypercall_dispatch      /* (v, number, arguments) */
        add     $ENTRY_PAD, %rsp
        cmp     $-ERESTART_VALUE, %rax  /* rewound: rax stays the number */
        je      exit_to_guest
        mov     %rax, UREGS_rax(%rsp)

/*
 * Back to the guest: rsp = &cpu_info->regs, rbx = current. Interrupts are off, so what comes after
 * these checks comes as an interrupt on the guest's side.
 */
exit_to_guest:
        lea     percpu__softirq_word(%rip), %rax
        mov     CPU_INFO_percpu_offset - CPU_INFO_regs(%rsp), %rcx
        cmpl    $0, (%rax, %rcx)
        jne     exit_work
        mov     VCPU_info(%rbx), %rax
        movzwl  VCPUINFO_pending(%rax), %eax /* upcall pending, mask: deliverable if 1 to 255 */
        dec     %eax
        cmp     $255, %eax
        jb      exit_work
        cmpb    $0, VCPU_nmi_pending(%rbx)
        jne     exit_work

restore_guest:
        cmpq    $0, REGS_TO_GUEST_CR3(%rsp)
        jne     load_view
restore_registers:
        /*
         * SYSRET if we came by SYSCALL and nobody has changed what it does not restore: who does so
         * also changes entry_vector, or leaves rcx = rip, r11 = rflags, flat segments.
         */
        cmpl    $-1, UREGS_vector(%rsp)
        jne     restore_iret
        mov     UREGS_rip(%rsp), %rax
        cmp     %rax, UREGS_rcx(%rsp)
        jne     restore_iret
        sar     $47, %rax               /* Intel's SYSRET faults in ring 0 on a non-canonical rip */
        inc     %rax                    /* canonical: -1 or 0 before */
        cmp     $1, %rax
        ja      restore_iret
        POP_GPRS
        mov     UREGS_rsp - UREGS_error(%rsp), %rsp
        sysretq

restore_iret:
        POP_GPRS
        add     $8, %rsp
        .globl  iret_to_guest
iret_to_guest:                          /* a fault here is the guest's: see pv_iret_fault() */
        iretq

/* softirqs, events, NMIs; may switch to another vcpu and not return */
exit_work:
        mov     %rsp, %rdi
        sub     $ENTRY_PAD, %rsp
        call    pv_exit_work            /* (regs); until there is nothing left */
        add     $ENTRY_PAD, %rsp
        jmp     restore_guest

load_view:                              /* the user's view or, a page behind it, the kernel's */
        movzbl  VCPU_in_kernel(%rbx), %eax
        cmpb    $0, REGS_TO_VIEW_OK(%rsp, %rax)
        je      make_view
        shl     $12, %eax
        add     REGS_TO_GUEST_CR3(%rsp), %rax
        mov     VCPU_cr3(%rbx), %rcx
        mov     %rcx, REGS_TO_HV_CR3(%rsp)
        mov     %rax, %cr3
        jmp     restore_registers
make_view:
        mov     %rbx, %rdi
        sub     $ENTRY_PAD, %rsp
        call    xpti_make_view          /* (v) */
        add     $ENTRY_PAD, %rsp
        jmp     load_view

/* Start or continue current on a fresh stack, with the registers in cpu_info->regs. */
        .globl  guest_resume
guest_resume:
        or      $(STACK_SIZE - 1), %rsp
        add     $(1 - CPU_INFO_SIZE + CPU_INFO_regs), %rsp
        xor     %ebp, %ebp
return_to_guest:
        mov     REGS_TO_CURRENT(%rsp), %rbx
        jmp     exit_to_guest

user_syscall:                           /* rbx = current */
        mov     %rbx, %rdi
        mov     %rsp, %rsi
        sub     $ENTRY_PAD, %rsp
        call    pv_user_syscall         /* (v, regs) */
        add     $ENTRY_PAD, %rsp
        jmp     exit_to_guest

/* SYSCALL from 32-bit code: as above, but never a hypercall. */
        .globl  syscall32_entry
syscall32_entry:
        movq    $FLAT_DS, 8(%rsp)
        push    %r11
        pushq   $FLAT_CS32
        push    %rcx
        /* into the guest's kernel, which is 64-bit: SYSRET will do */
        pushq   $-1
        PUSH_GPRS
        TO_HV_CR3
        mov     REGS_TO_CURRENT(%rsp), %rdi
        mov     %rsp, %rsi
        sub     $ENTRY_PAD, %rsp
        call    pv_syscall32            /* (v, regs) */
        add     $ENTRY_PAD, %rsp
        jmp     return_to_guest

/*
 * SYSENTER (Intel): rsp = &regs.es from the MSR. It saves nothing, and leaves TF, NT and AC as they
 * are.
 */
        .globl  sysenter_entry
sysenter_entry:
        pushq   $FLAT_DS
        pushq   $0                      /* rsp */
        pushfq
        orl     $EFLAGS_IF, (%rsp)
        pushq   $3                      /* cs */
        pushq   $0                      /* rip */
        pushq   $0
        movl    $0x100, 4(%rsp)
        PUSH_GPRS
        pushq   $2
        popfq
        TO_HV_CR3
        mov     REGS_TO_CURRENT(%rsp), %rdi
        mov     %rsp, %rsi
        sub     $ENTRY_PAD, %rsp
        call    pv_sysenter             /* (v, regs) */
        add     $ENTRY_PAD, %rsp
        jmp     return_to_guest

/* Exceptions: error_code and entry_vector are on the stack. */
common_exception:
        PUSH_GPRS
        testb   $3, UREGS_cs(%rsp)
        jz      exception_from_hv
        TO_HV_CR3
        cld
        CLEAR_AC
        mov     %rsp, %rdi
        sub     $ENTRY_PAD, %rsp
        call    pv_exception            /* (regs) */
        add     $ENTRY_PAD, %rsp
        jmp     return_to_guest
exception_from_hv:                      /* IRET to a guest faults with the guest's view loaded */
        LEAVE_VIEW
        cld
        CLEAR_AC
        mov     %rsp, %rdi
        sub     $ENTRY_PAD, %rsp
        call    hv_exception            /* (regs): fixes regs up, or does not return */
        add     $ENTRY_PAD, %rsp
        BACK_TO_VIEW
return_to_hv:
        POP_GPRS
        add     $8, %rsp
        iretq

common_interrupt:
        PUSH_GPRS
        testb   $3, UREGS_cs(%rsp)
        jz      interrupt_from_hv
        TO_HV_CR3
        cld
        CLEAR_AC
        mov     %rsp, %rdi
        sub     $ENTRY_PAD, %rsp
        call    irq_dispatch            /* (regs) */
        add     $ENTRY_PAD, %rsp
        jmp     return_to_guest

/* INT 0x82: a hypercall, if a 32-bit guest's kernel made it. It is ring 1: the gate says so. */
common_hypercall32:
        PUSH_GPRS
        testb   $3, UREGS_cs(%rsp)
        jz      interrupt_from_hv
        TO_HV_CR3
        cld
        CLEAR_AC
        mov     %rsp, %rdi
        sub     $ENTRY_PAD, %rsp
        call    pv32_hypercall          /* (regs) */
        add     $ENTRY_PAD, %rsp
        jmp     return_to_guest

interrupt_from_hv:                      /* interrupts are off while a view is loaded here */
        cld
        CLEAR_AC
        mov     %rsp, %rdi
        sub     $8, %rsp
        call    irq_dispatch            /* (regs) */
        add     $8, %rsp
        jmp     return_to_hv

/* NMI, #DF, #MC, and #DB that hit the hypervisor: on their own stacks, and straight back. */
common_ist:
        PUSH_GPRS
        LEAVE_VIEW
        cld
        CLEAR_AC
        mov     %rsp, %rdi
        sub     $8, %rsp
        call    ist_exception           /* (regs) */
        add     $8, %rsp
        BACK_TO_VIEW
        jmp     return_to_hv

/*
 * #DB has a stack of its own because a data breakpoint held off by MOV SS can hit right behind
 * SYSCALL, where rsp is the guest's. From a guest, the frame moves to where other exceptions have
 * theirs.
 */
entry_debug:
        pushq   $0
        movl    $VECTOR_DB, 4(%rsp)
        testb   $3, 16(%rsp)            /* cs */
        jz      common_ist
        push    %rax
        mov     %rsp, %rax
        or      $(STACK_SIZE - 1), %rsp
        add     $(1 - CPU_INFO_SIZE + CPU_INFO_regs + UREGS_es), %rsp
        pushq   48(%rax)                /* ss */
        pushq   40(%rax)
        pushq   32(%rax)
        pushq   24(%rax)
        pushq   16(%rax)                /* rip */
        pushq   8(%rax)                 /* error code and vector */
        mov     (%rax), %rax
        jmp     common_exception

/* One 16-byte entry per vector. The cpu pushes an error code for 8, 10 to 14, 17 and 21, 29, 30. */
.macro HAS_ERROR_CODE vec
        .set    has_error, 0
        .irp    n, 8, 10, 11, 12, 13, 14, 17, 21, 29, 30
        .if     \vec == \n
        .set    has_error, 1
        .endif
        .endr
.endm

        .altmacro
.macro IDT_ENTRY vec
        .balign 16
        .if     \vec == VECTOR_DB
        jmp     entry_debug
        .else
        HAS_ERROR_CODE \vec
        .if     has_error == 0
        pushq   $0
        .endif
        movl    $\vec, 4(%rsp)
        .if     \vec == VECTOR_NMI || \vec == VECTOR_DF || \vec == VECTOR_MC
        jmp     common_ist
        .elseif \vec < 32
        jmp     common_exception
        .elseif \vec == VECTOR_HYPERCALL32
        jmp     common_hypercall32
        .else
        jmp     common_interrupt
        .endif
        .endif
.endm

        .balign 16
        .globl  idt_entries             /* 256 of 16 bytes */
idt_entries:
        .set    vec, 0
        .rept   256
        IDT_ENTRY %vec
        .set    vec, vec + 1
        .endr
        .org    idt_entries + 4096      /* an error here: an entry does not fit its 16 bytes */

        .section .note.GNU-stack, "", @progbits
