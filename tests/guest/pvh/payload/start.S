/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into long mode, from flat 32-bit code without paging (as PVH guests start) and from real mode (as
 * SIPI starts processors); then exceptions. Addresses are physical: the first 4 GiB are mapped one
 * to one, with 2 MiB pages.
 */
#define CODE64 0x08
#define DATA 0x10
#define CODE32 0x18

        .code32
        .text
        .globl  start_pvh
start_pvh:
        lgdt    gdtr
        mov     $stack_top, %esp
        mov     $main64, %edi
to_long_mode:                           /* edi: where to; esp */
        mov     %cr4, %eax
        or      $0x20, %eax             /* PAE */
        mov     $l4, %ecx
        testl   $1, mailbox + 32        /* five_levels */
        jz      1f
        or      $0x1000, %eax           /* LA57 */
        mov     $l5, %ecx
1:      mov     %eax, %cr4
        mov     %ecx, %cr3
        mov     $0xc0000080, %ecx
        rdmsr
        or      $0x900, %eax            /* LME, NXE */
        wrmsr
        mov     %cr0, %eax
        or      $0x80010001, %eax       /* PG, WP, PE */
        mov     %eax, %cr0
        ljmp    $CODE64, $1f
        .code64
1:      mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     %edi, %edi
        call    *%rdi
1:      hlt
        jmp     1b

/* SIPI: real mode, cs = this page. */
        .section .real, "ax"
        .code16
        .globl  start_ap
start_ap:
        cli
        mov     %cs, %ax
        mov     %ax, %ds
        lgdtl   gdtr_real - start_ap
        mov     %cr0, %eax
        or      $1, %eax
        mov     %eax, %cr0
        ljmpl   $CODE32, $start_ap32
        .globl  gdtr_real
gdtr_real:
        .word   gdt_end - gdt - 1
        .long   gdt

        .text
        .code32
start_ap32:
        mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     ap_stack, %esp
        mov     ap_entry, %edi
        jmp     to_long_mode

/* long in_32bit(nr, a, b): a hypercall from 32-bit code */
        .code64
        .globl  call_32bit
call_32bit:
        push    %rbx
        push    %rbp
        mov     %edi, %eax
        mov     %esi, %ebx
        mov     %edx, %ecx
        sub     $8, %rsp
        movl    $1f, (%rsp)
        movl    $CODE32, 4(%rsp)
        lretl
        .code32
1:      vmmcall
        ljmp    $CODE64, $2f
        .code64
2:      pop     %rbp
        pop     %rbx
        ret

#include "../../lib/trap_stub.inc"

        .altmacro
        .balign 16
        .globl  trap_stubs
trap_stubs:
        .set    n, 0
        .rept   256
        stub    %n
        .set    n, n + 1
        .endr

trap_common:
        push    %rax
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        push    %rbp
        mov     %rsp, %rdi
        mov     %rsp, %rbp
        and     $-16, %rsp
        cld
        call    trap
        mov     %rbp, %rsp
        pop     %rbp
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rax
        add     $16, %rsp
        iretq

/* VCPUOP_initialise: 64-bit code with no descriptor table; a stack of its own. */
        .globl  start_many
start_many:
        lgdt    gdtr
        push    $CODE64
        lea     1f(%rip), %rax
        push    %rax
        lretq
1:      mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        call    main_many

        .data
        .globl  ap_stack, ap_entry
ap_stack:       .long   ap_stack_top    /* of the next processor that SIPI starts */
ap_entry:       .long   main_ap
        .balign 8
        .globl  gdt
gdt:    .quad   0
        .quad   0x00af9b000000ffff      /* CODE64 */
        .quad   0x00cf93000000ffff      /* DATA */
        .quad   0x00cf9b000000ffff      /* CODE32 */
        .quad   0x00009b000000ffff      /* CODE16: modes.S */
        .quad   0x000093000000ffff      /* DATA16 */
        .quad   0x00cffb000000ffff      /* USER32: modes.S */
        .quad   0x00cff3000000ffff      /* USERDATA */
        .globl  tss_access
        .word   0x67, tss32             /* TSS, of 32 bits */
        .byte   0
tss_access:
        .byte   0x89
        .word   0
gdt_end:
        .globl  gdtr
gdtr:   .word   gdt_end - gdt - 1
        .quad   gdt

        .balign 4096
        .globl  l4
l4:     .quad   l3 + 3
        .fill   511, 8, 0
        .globl  l5
l5:     .quad   l4 + 7
        .fill   511, 8, 0
        .globl  l3
l3:     .quad   l2 + 0x0003
        .quad   l2 + 0x1003
        .quad   l2 + 0x2003
        .quad   l2 + 0x3003
        .fill   508, 8, 0
        .globl  l2
l2:
        .set    n, 0
        .rept   2048
        .quad   (n << 21) + 0x83
        .set    n, n + 1
        .endr

        .bss
        .balign 4096
        .skip   16384
stack_top:
        .skip   8192
ap_stack_top:
        .section .note.GNU-stack, "", @progbits
