/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way of a secondary cpu from real mode to C. The first part is copied to a page below 1 MiB;
 * all cpus run it, several at the same time, and it changes nothing that they share. The words at
 * its end are filled by trampoline_patch() before the copy.
 *
 * AMD APM vol. 2 §14.6.1 "Activating Long Mode": PG and PE may be set in one go, from real mode.
 */
#include <arch/layout.h>
#include "asm_offsets.h"

#define T(sym) ((sym) - trampoline_start)

        .section .data.trampoline, "aw", @progbits
        .balign 16
        .globl trampoline_start, trampoline_end
        .code16
        /* CS = page << 8, IP = 0, interrupts off, caches as the firmware left them. */
trampoline_start:
        cli
        cld
        mov     %cs, %ax
        mov     %ax, %ds
        lidtl   T(tramp_idtr)
        lgdtl   T(tramp_gdtr)
        mov     $0x20, %eax             /* PAE */
        mov     %eax, %cr4
        mov     T(tramp_cr3), %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx       /* EFER, with LME */
        mov     T(tramp_efer), %eax
        xor     %edx, %edx
        wrmsr
        mov     $0x80000011, %eax       /* PG ET PE; this also turns the caches on */
        mov     %eax, %cr0
        ljmpl   *T(tramp_jump64)

        .code64
tramp64:
        mov     $16, %eax
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        jmp     *tramp_entry(%rip)

        .balign 8
tramp_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* 64-bit code */
        .quad   0x00cf93000000ffff      /* data */
tramp_gdtr:
        .short  tramp_gdtr - tramp_gdt - 1
tramp_gdt_base:
        .long   0
tramp_idtr:
        .short  0
        .long   0
        .balign 8
tramp_jump64:
        .long   0
        .short  8
        .balign 8
tramp_cr3:
        .long   0
tramp_efer:
        .long   0
tramp_entry:
        .quad   ap_start64
trampoline_end:

/* void trampoline_patch(uint32_t page): addresses for a copy at machine address page. */
        .section .text.trampoline, "ax", @progbits
        .globl trampoline_patch
trampoline_patch:
        lea     T(tramp_gdt)(%rdi), %eax
        mov     %eax, tramp_gdt_base(%rip)
        lea     T(tramp64)(%rdi), %eax
        mov     %eax, tramp_jump64(%rip)
        mov     ap_cr3(%rip), %rax
        mov     %eax, tramp_cr3(%rip)
        mov     ap_efer(%rip), %rax
        mov     %eax, tramp_efer(%rip)
        ret

/* In the image, on no stack. %ebx: this cpu's APIC id, then its number. */
ap_start64:
        mov     ap_cr4(%rip), %rax
        mov     %rax, %cr4
        mov     ap_cr0(%rip), %rax
        mov     %rax, %cr0

        /* The APIC id as the firmware's table has it: 32 bits from leaf 0xb where there is one. */
        xor     %eax, %eax
        cpuid
        cmp     $0xb, %eax
        jb      1f
        mov     $0xb, %eax
        xor     %ecx, %ecx
        cpuid
        test    %ebx, %ebx              /* no logical processors: the leaf is empty */
        jz      1f
        mov     %edx, %ebx
        jmp     2f
1:      mov     $1, %eax
        cpuid
        shr     $24, %ebx

2:      lea     cpu_apic_id(%rip), %rdx
        mov     nr_cpu_ids(%rip), %ecx
        mov     $1, %eax                /* 0 is the boot cpu */
3:      cmp     %ecx, %eax
        jae     ap_unknown
        cmp     %ebx, (%rdx,%rax,4)
        je      4f
        inc     %eax
        jmp     3b

4:      mov     %eax, %edi
        imul    $STACK_STRIDE, %rax, %rax
        movabs  $(STACK_VIRT_START + STACK_SIZE - CPU_INFO_SIZE), %rsp
        add     %rax, %rsp
        xor     %ebp, %ebp
        call    ap_entry
        ud2

/* A cpu that nobody has started: it waits for the next INIT. */
ap_unknown:
        cli
        hlt
        jmp     ap_unknown

        .section .note.GNU-stack, "", @progbits
