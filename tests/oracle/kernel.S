/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle's start, and the way into real mode and back. low_start is copied to 0x4000; struct
 * low of kernel.c is at 0x800. Intel SDM vol. 3, "Switching Modes of Operation".
 */
#define CODE32 0x08
#define DATA32 0x10
#define CODE16 0x18
#define DATA16 0x20
#define LOW 0x4000
#define LOW_AT(label) (LOW + (label) - low_start)

#define GPR 0x800
#define SEG 0x820
#define GDTR 0x830
#define CR0 0x838
#define CR2 0x83c

        .section .multiboot, "a"
        .balign 4
        .long   0x1badb002, 3, -(0x1badb002 + 3)

        .text
        .code32
        .globl  _start
_start:
        cli
        cld
        mov     $stack_top, %esp
        lgdt    gdtr
        ljmp    $CODE32, $1f
1:      mov     $DATA32, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        mov     %eax, %ss
        push    %ebx
        call    oracle_main
1:      hlt
        jmp     1b

        .globl  enter_real
enter_real:
        pushal
        mov     %esp, saved_esp
        lidt    real_idtr
        ljmp    $CODE16, $LOW

back:   mov     $DATA32, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        mov     %eax, %ss
        mov     saved_esp, %esp
        cld
        popal
        ret

/* --- copied to LOW ---------------------------------------------------------------------------- */

        .globl  low_start, low_common, low_end
        .code16
low_start:
        mov     $DATA16, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %fs
        mov     %ax, %gs
        mov     %ax, %ss
        mov     %cr0, %eax
        and     $~1, %eax
        mov     %eax, %cr0
        ljmp    $0, $LOW_AT(1f)
1:      xor     %ax, %ax
        mov     %ax, %ds
        lgdtl   GDTR
        mov     SEG + 0, %es
        mov     SEG + 8, %fs
        mov     SEG + 10, %gs
        mov     SEG + 4, %ss
        movl    GPR + 16, %esp
        movl    GPR + 4, %ecx
        movl    GPR + 8, %edx
        movl    GPR + 12, %ebx
        movl    GPR + 20, %ebp
        movl    GPR + 24, %esi
        movl    GPR + 28, %edi
        movl    GPR + 0, %eax
        mov     SEG + 6, %ds
        iretw

low_common:                             /* of all vectors, at CS 0 */
        movl    %eax, %cs:GPR + 0
        movl    %ecx, %cs:GPR + 4
        movl    %edx, %cs:GPR + 8
        movl    %ebx, %cs:GPR + 12
        movl    %esp, %cs:GPR + 16
        movl    %ebp, %cs:GPR + 20
        movl    %esi, %cs:GPR + 24
        movl    %edi, %cs:GPR + 28
        movw    %es, %cs:SEG + 0
        movw    $0, %cs:SEG + 2
        movw    %ss, %cs:SEG + 4
        movw    %ds, %cs:SEG + 6
        movw    %fs, %cs:SEG + 8
        movw    %gs, %cs:SEG + 10
        sgdtl   %cs:GDTR
        mov     %cr0, %eax
        movl    %eax, %cs:CR0
        mov     %cr2, %eax
        movl    %eax, %cs:CR2
        lgdtl   %cs:LOW_AT(low_gdtr)
        mov     %cr0, %eax
        or      $1, %eax
        mov     %eax, %cr0
        ljmpl   $CODE32, $back
low_gdtr:
        .word   gdt_end - gdt - 1
        .long   gdt
low_end:

        .data
        .balign 8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* CODE32 */
        .quad   0x00cf93000000ffff      /* DATA32 */
        .quad   0x00009b000000ffff      /* CODE16 */
        .quad   0x000093000000ffff      /* DATA16 */
gdt_end:
        .globl  gdtr
gdtr:   .word   gdt_end - gdt - 1
        .long   gdt
real_idtr:
        .word   0x3ff
        .long   0
        .balign 4
saved_esp:
        .long   0
        .bss
        .balign 16
        .skip   16384
stack_top:
        .section .note.GNU-stack, "", @progbits
