/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Real mode, where HVM guests start: the device model is asked for something, and then it goes on
 * as a PVH guest starts. All that 16-bit code touches is in .real16: below 64 KiB, and with bases
 * of 0, so that addresses are the same everywhere. Interrupts are off throughout.
 */
#include "mailbox_asm.h"

#define DATA 0x10
#define CODE32 0x18

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
        ret

int_42: incl    %cs:real_ints
        iret

        .balign 4
real_in:        .fill   8, 4, 0
real_ins:       .fill   4, 2, 0
real_outs:      .long   0x11111111, 0x22222222, 0x33333333, 0x55667788
real_ints:      .long   0
ivtr:   .word   0x3ff
        .long   ivt
        .balign 4
ivt:    .rept   0x42
        .word   int_42, 0
        .endr
        .word   int_42, 0
        .fill   (0x100 - 0x43), 4, 0
        .skip   512
real_stack_top:

        .section .note.GNU-stack, "", @progbits
