/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Real mode, where HVM guests start, and the way through all modes and back: 64 bits, 32 bits
 * without paging, with two levels, with PAE, 16 bits protected, real, 64 bits. In each of them the
 * device model is asked for something, and if `with_ints`, an interrupt of the PIT comes through
 * the PIC and another of the local APIC. All that 16-bit code touches is in .real16: below 64 KiB,
 * and with bases of 0, so that addresses are the same everywhere. Interrupts are off otherwise.
 */
#include "mailbox_asm.h"

#define CODE64 0x08
#define DATA 0x10
#define CODE32 0x18
#define CODE16 0x20
#define DATA16 0x28
#define USER32 0x33
#define USERDATA 0x3b
#define TSS 0x40
#define EFER 0xc0000080
#define PG 0x80000000
#define LMA_LME 0x500
#define PSE 0x10
#define PAE 0x20
#define LAPIC 0xfee00000
#define V_PIC 0x30
#define V_IPI 0x41
#define VECTORS 0x42
#define PAE_VISIT 3                     /* whose pages are the kernel's only */

/*
 * One interrupt of each kind, in any mode: the PIT's comes after 84 us. Real mode asks the local
 * APIC before, where it is in reach.
 */
        .macro  ask_apic prefix
        \prefix movl $0x40000 + V_IPI, LAPIC + 0x300 /* to itself */
        .endm
        .macro  take_ints
        xor     %eax, %eax
        mov     %eax, pic_ints
        mov     %eax, ipi_ints
        mov     $0x30, %al              /* PIT: channel 0, mode 0 */
        outb    %al, $0x43
        mov     $100, %al
        outb    %al, $0x40
        xor     %al, %al
        outb    %al, $0x40
        mov     $20000000, %ecx
        sti
91:     cmpl    $0, pic_ints
        je      92f
        cmpl    $0, ipi_ints
        jne     93f
92:     dec     %ecx
        jnz     91b
93:     cli
        mov     pic_ints, %eax
        add     %eax, all_pic_ints
        mov     ipi_ints, %eax
        add     %eax, all_ipi_ints
        .endm
        .macro  segments sel
        mov     \sel, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        .endm

/* --- real mode -------------------------------------------------------------------------------- */

        .section .real16, "ax"
        .code16
        .globl  start_real
start_real:
        cli
        segments $0
        mov     $real_stack_top, %esp
        lidtl   ivtr
        call    real_work
        lgdtl   gdtr_real
        mov     %cr0, %eax
        or      $1, %eax
        mov     %eax, %cr0
        ljmpl   $CODE32, $1f
        .code32
1:      segments $DATA
        jmp     start_pvh

/* Ports in all sizes and by string instructions; a software interrupt; the VGA window. */
        .code16
real_work:
        cld
        mov     $DM_PORT, %dx
        mov     $0x44332211, %eax
        outl    %eax, %dx
        xor     %eax, %eax
        inb     %dx, %al
        mov     %eax, real_in
        inw     %dx, %ax
        mov     %eax, real_in + 4
        inl     %dx, %eax
        mov     %eax, real_in + 8
        inc     %dx
        xor     %eax, %eax
        inb     %dx, %al
        mov     %eax, real_in + 12
        dec     %dx
        mov     $4, %cx
        mov     $real_ins, %di
        rep insw
        mov     $4, %cx
        mov     $real_outs, %si
        rep outsl
        inl     %dx, %eax
        mov     %eax, real_in + 16
        int     $0x42
        mov     $0xa000, %ax
        mov     %ax, %es
        movl    $0x12345678, %es:0x10
        incb    %es:0x11
        mov     %es:0x10, %eax
        mov     %eax, real_in + 20
        mov     $real_outs, %si
        mov     $0x20, %di
        mov     $8, %cx
        rep movsw
        mov     %es:0x2c, %eax
        mov     %eax, real_in + 24
        xor     %ax, %ax
        mov     %ax, %es
        incl    real_runs
        ret

int_42: incl    %cs:real_ints
        iret

int_pic:
        push    %eax
        incl    %cs:pic_ints
        mov     $0x20, %al
        outb    %al, $0x20
        pop     %eax
        iret
int_ipi:                                /* its end is to_64's */
        incl    %cs:ipi_ints
        iret

/* ... in protected mode: its code cannot be written. */
prot_pic:
        push    %eax
        incl    pic_ints
        mov     $0x20, %al
        outb    %al, $0x20
        pop     %eax
        iretw
prot_ipi:
        push    %ds
        push    %eax
        mov     $DATA, %ax
        mov     %ax, %ds
        incl    ipi_ints
        addr32 movl $0, LAPIC + 0xb0
        pop     %eax
        pop     %ds
        iretw

        .balign 4
        .globl  real_in, real_ins, real_runs, real_ints
real_in:        .fill   8, 4, 0
real_ins:       .fill   4, 2, 0
real_outs:      .long   0x11111111, 0x22222222, 0x33333333, 0x55667788
real_runs:      .long   0
real_ints:      .long   0
ivtr:   .word   0x3ff
        .long   ivt
        .balign 4
ivt:    .set    n, 0
        .rept   0x100
        .if     n == V_PIC
        .word   int_pic, 0
        .elseif n == V_IPI
        .word   int_ipi, 0
        .else
        .word   int_42, 0
        .endif
        .set    n, n + 1
        .endr
        .globl  with_ints, all_pic_ints, all_ipi_ints
with_ints:      .long   0
pic_ints:       .long   0
ipi_ints:       .long   0
all_pic_ints:   .long   0
all_ipi_ints:   .long   0
idtr16: .word   VECTORS * 8 - 1
        .long   idt16
        .balign 8
idt16:  .set    n, 0
        .rept   VECTORS
        .if     n == V_IPI
        .word   prot_ipi
        .else
        .word   prot_pic
        .endif
        .if     n < 32
        .word   CODE16, 0, 0
        .else
        .word   CODE16, 0x8600, 0       /* an interrupt gate of 16 bits */
        .endif
        .set    n, n + 1
        .endr
        .balign 4
        .globl  tss32                   /* its base has 16 bits in start.S */
tss32:  .long   0, 0, DATA              /* the stack of ring 0 */
        .fill   23, 4, 0
        .skip   512
real_stack_top:

/* Protected mode of 16 bits, on the way to real mode. */
prot16:
        segments $DATA16
        mov     $real_stack_top, %esp
        mov     $DM_PORT + 8, %dx
        inl     %dx, %eax
        inc     %eax
        outl    %eax, %dx
        cmpl    $0, with_ints
        je      1f
        lidtl   idtr16
        segments $DATA
        ask_apic addr32
        segments $DATA16
        take_ints
        segments $DATA
        ask_apic addr32
        segments $DATA16
1:      mov     %cr0, %eax
        and     $~1, %eax
        mov     %eax, %cr0
        ljmp    $0, $1f
1:      segments $0
        lidtl   ivtr
        call    real_work
        cmpl    $0, with_ints
        je      1f
        take_ints
1:      lgdtl   gdtr_real
        mov     %cr0, %eax
        or      $1, %eax
        mov     %eax, %cr0
        ljmpl   $CODE32, $to_64

/* --- there and back --------------------------------------------------------------------------- */

        .text
        .macro  to_32 label             /* from 64 bits: paging and long mode off */
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        pushfq
        cli
        mov     %rsp, saved_rsp
        sub     $8, %rsp
        movl    $\label, (%rsp)
        movl    $CODE32, 4(%rsp)
        lretl
        .endm
        .macro  paging_off
        mov     %cr0, %eax
        and     $~PG, %eax
        mov     %eax, %cr0
        .endm
        .macro  paging_on table
        mov     $\table, %eax
        mov     %eax, %cr3
        mov     %cr0, %eax
        or      $PG, %eax
        mov     %eax, %cr0
        .endm
        .macro  long_mode_off
        mov     $EFER, %ecx
        rdmsr
        and     $~LMA_LME, %eax
        wrmsr
        .endm

        .code64
        .globl  modes_round
modes_round:
        to_32   1f
        .code32
1:      paging_off
        long_mode_off
        call    visit
        mov     %cr4, %eax
        and     $~PAE, %eax
        or      $PSE, %eax
        mov     %eax, %cr4
        paging_on pd32
        call    visit
        paging_off
        mov     %cr4, %eax
        or      $PAE, %eax
        mov     %eax, %cr4
        paging_on pdpt
        call    visit
        paging_off
        ljmp    $CODE16, $prot16

to_64:  segments $DATA                  /* of protected mode without paging */
        cmpl    $0, with_ints
        je      1f
        movl    $0, LAPIC + 0xb0
1:
        mov     $EFER, %ecx
        rdmsr
        or      $0x900, %eax            /* LME, NXE */
        wrmsr
        paging_on l4
        ljmp    $CODE64, $1f
        .code64
1:      mov     saved_rsp, %rsp
        call    load_traps
        popfq
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

        .code32
visit:  mov     visits, %ebx
        and     $3, %ebx
        mov     DM_MEMORY + 0x100, %eax
        mov     %eax, visit_saw(,%ebx,4)
        incl    DM_MEMORY + 0x100
        incl    visits
        cmpl    $0, with_ints
        je      1f
        lidtl   idtr_ints
        ask_apic
        take_ints
        cmpl    $PAE_VISIT, visits
        jne     user_32
1:      ret

/*
 * In ring 3, until the local APIC's interrupt finds its stack by the task register. The request is
 * emulated, and must leave that register as the processor likes it.
 */
user_32:
        movb    $0x89, tss_access       /* not busy */
        mov     $TSS, %eax
        ltr     %ax
        mov     %esp, tss32 + 4
        ask_apic
        mov     $USERDATA, %eax
        mov     %eax, %ds
        push    %eax
        pushl   $real_stack_top
        pushl   $0x202
        pushl   $USER32
        pushl   $1f
        iret
1:      mov     $100000000, %ecx
2:      dec     %ecx
        jnz     2b
        ud2                             /* which ends it */

pic_32: incl    pic_ints
        push    %eax
        mov     $0x20, %al
        outb    %al, $0x20
        pop     %eax
        iret
ipi_32: incl    ipi_ints
        movl    $0, LAPIC + 0xb0
        testb   $3, 4(%esp)
        jnz     1f
        iret
1:      segments $DATA                  /* user_32 is done */
        mov     tss32 + 4, %esp
        incl    user_ints
        ret

/*
 * void modes_random(uint32_t cr0, cr4, efer, cr3): set each of them in 32-bit code without paging,
 * do something in what comes of it, and go back. Exceptions go on behind what made them, where the
 * mode still lets them.
 */
        .code64
        .globl  modes_random
modes_random:
        mov     %edi, want_cr0
        mov     %esi, want_cr4
        mov     %edx, want_efer
        mov     %ecx, want_cr3
        to_32   1f
        .code32
        .macro  attempt code:vararg
        movl    $91f, skip32
        \code
91:
        .endm
1:      paging_off
        long_mode_off
        lidtl   idtr32
        mov     want_cr3, %edi
        mov     want_cr4, %esi
        mov     want_cr0, %ebp
        attempt mov %edi, %cr3
        attempt mov %esi, %cr4
        mov     $EFER, %ecx
        xor     %edx, %edx
        mov     want_efer, %eax
        attempt wrmsr
        attempt mov %ebp, %cr0
        xor     %eax, %eax
        attempt cpuid
        attempt movl $1, DM_MEMORY + 0x200
        mov     $DM_PORT + 12, %edx
        attempt inl %dx, %eax
        mov     $DATA16, %eax
        attempt mov %eax, %fs
        attempt movl %fs:0x10, %eax
        mov     $0x11, %eax             /* PE, ET */
        attempt mov %eax, %cr0
        mov     $PAE, %eax
        attempt mov %eax, %cr4
        ljmp    $CODE32, $1f
1:      segments $DATA
        long_mode_off
        mov     %cr0, %eax
        or      $0x10000, %eax
        mov     %eax, %cr0
        mov     saved_rsp, %esp
        jmp     to_64

        .globl  fault32
fault32:
        mov     saved_rsp, %esp
        sub     $64, %esp
        jmp     *skip32

        .data
        .globl  visits, visit_saw, user_ints, pd32, pdpt, idt32
        .balign 8
saved_rsp:      .quad   0
visits:         .long   0
visit_saw:      .long   0, 0, 0, 0
user_ints:      .long   0
want_cr0:       .long   0
want_cr4:       .long   0
want_efer:      .long   0
want_cr3:       .long   0
skip32:         .long   0
idtr_ints:
        .word   VECTORS * 8 - 1
        .long   idt_ints
        .balign 8
idt_ints:
        .set    n, 0                    /* all is below 64 KiB */
        .rept   VECTORS
        .if     n == V_IPI
        .word   ipi_32
        .else
        .word   pic_32
        .endif
        .if     n < 32                  /* an exception ends it at once */
        .word   CODE32, 0, 0
        .else
        .word   CODE32, 0x8e00, 0
        .endif
        .set    n, n + 1
        .endr
idtr32: .word   32 * 8 - 1
        .long   idt32
        .balign 8
idt32:  .fill   32, 8, 0
        .balign 4096
pd32:
        .set    n, 0
        .rept   1024
        .long   (n << 22) + 0x87
        .set    n, n + 1
        .endr
        .balign 32
pdpt:   .quad   l2 + 0x0001
        .quad   l2 + 0x1001
        .quad   l2 + 0x2001
        .quad   l2 + 0x3001
        .section .note.GNU-stack, "", @progbits
