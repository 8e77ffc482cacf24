/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The oracle's way into a case of protected mode and back: struct low of prot.c is at 0xb000. Into
 * ring 0 by an IRET whose frame is on the case's stack, into ring 3 by one on ours.
 */
#define CODE32 0x08
#define DATA32 0x10
#define GPR 0xb000
#define SEG 0xb020
#define EIP 0xb038
#define CS 0xb03c
#define EFLAGS 0xb040
#define FRAME_SP 0xb044
#define FRAME_SS 0xb048
#define GDTR 0xb050
#define IDTR 0xb058
#define CR0 0xb060
#define CR2 0xb064
#define CR3 0xb068
#define CR4 0xb06c
#define TR 0xb070
#define LDTR 0xb074
#define STACK 0x7000

        .text
        .code32
        .globl  enter_prot, prot_common
enter_prot:
        pushal
        mov     %esp, prot_esp
        lgdt    GDTR
        lidt    IDTR
        lldt    LDTR
        ltr     TR
        mov     CR4, %eax
        mov     %eax, %cr4
        mov     CR0, %eax
        mov     %eax, %cr0
        mov     SEG + 0, %es
        mov     SEG + 16, %fs
        mov     SEG + 20, %gs
        testl   $3, CS
        jz      1f
        mov     $STACK, %esp
        pushl   SEG + 8
        pushl   GPR + 16
        pushl   EFLAGS
        pushl   CS
        pushl   EIP
        jmp     2f
1:      mov     SEG + 8, %ss
        mov     GPR + 16, %esp
        sub     $12, %esp
2:      mov     GPR + 4, %ecx
        mov     GPR + 8, %edx
        mov     GPR + 12, %ebx
        mov     GPR + 20, %ebp
        mov     GPR + 24, %esi
        mov     GPR + 28, %edi
        mov     GPR + 0, %eax
        mov     SEG + 12, %ds
        iretl

prot_common:                            /* of all vectors, which is on the stack */
        pushal
        push    %ds
        push    %es
        push    %fs
        push    %gs
        mov     $DATA32, %eax
        mov     %eax, %ds
        mov     %esp, FRAME_SP
        mov     %ss, FRAME_SS
        sgdt    GDTR
        sidt    IDTR
        mov     %cr0, %eax
        mov     %eax, CR0
        mov     %cr2, %eax
        mov     %eax, CR2
        mov     %cr3, %eax
        mov     %eax, CR3
        mov     %cr4, %eax
        mov     %eax, CR4
        str     TR
        sldt    LDTR
        mov     $DATA32, %eax
        mov     %eax, %ss
        mov     prot_esp, %esp
        lgdt    gdtr
        ljmp    $CODE32, $1f
1:      mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        cld
        popal
        ret

        .bss
        .balign 4
prot_esp:
        .skip   4
        .section .note.GNU-stack, "", @progbits
