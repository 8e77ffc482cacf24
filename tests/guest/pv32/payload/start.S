/* SPDX-License-Identifier: GPL-2.0-only */
/* Entry, trap stubs, and the way to ring 3 and back. */
#define HYPERCALL_PAGE_IRET(page) (page + 23 * 32)
#define RING1_DS 0xe021

        .code32
        .text
        .globl  start32
start32:
        mov     $stack_top, %esp
        cld
        call    main32
1:      jmp     1b

#include "../../lib/trap_stub.inc"

        .altmacro
        .balign 16
        .globl  trap_stubs32
trap_stubs32:
        .set    n, 0
        .rept   256
        stub    %n
        .set    n, n + 1
        .endr

/* The event callback: as a trap with a number of its own. */
        .globl  event32
event32:
        push    $0
        push    $256
/* From ring 3, DS and ES are the user's, or null: the cpu takes the kernel's on the way there. */
trap_common:
        pusha
        push    %ds
        push    %es
        mov     $RING1_DS, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %esp, %eax
        push    %eax
        call    trap32
        add     $4, %esp
        pop     %es
        pop     %ds
        popa
        add     $8, %esp
        push    %eax                    /* as the stub in the hypercall page would */
        mov     $23, %eax
        int     $0x82

/* void run_user(entry, esp, ds): until leave_user() */
        .globl  run_user
run_user:
        mov     4(%esp), %eax
        mov     8(%esp), %ecx
        mov     12(%esp), %edx
        pusha
        mov     %esp, user_saved
        mov     %edx, %ds
        mov     %edx, %es
        push    $0xe033
        push    %ecx
        push    $0x202
        push    $0xe02b
        push    %eax
        push    %eax
        mov     $23, %eax
        int     $0x82

        .globl  leave_user
leave_user:
        mov     user_saved, %esp
        popa
        ret

        .bss
        .balign 16
user_saved: .long 0
        .balign 4096
        .space  8192
        .globl  stack_top
stack_top:
        .space  8192
        .globl  kernel_stack_top
kernel_stack_top:

        .section .note.GNU-stack, "", @progbits
