/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * First instructions. Multiboot 1 and 2 both enter at start_phys in 32-bit protected mode, paging
 * off, interrupts off, with EAX = magic and EBX = machine address of the information block. From
 * here: check for long mode, build first page tables (identity and direct map of 4 GiB, image at
 * its virtual place), enter long mode, jump to start_bsp(magic, info) on the boot stack.
 *
 * Multiboot Specification 0.6.96 §3.1, §3.2; Multiboot2 2.0 §3.1, §3.3. AMD APM vol. 2 §14.6
 * "Enabling and Activating Long Mode".
 */
#include <arch/layout.h>
#include "asm_offsets.h"

#define PHYS(sym) ((sym) - IMAGE_VIRT_START)

#define MB1_MAGIC 0x1BADB002
#define MB1_FLAGS 0x00010003 /* page-align modules, memory info, address fields valid */
#define MB2_MAGIC 0xE85250D6

        .section .multiboot, "a", @progbits
        .balign 8
mb1_header:
        .long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
        .long PHYS(mb1_header), PHYS(__image_start), PHYS(__load_end), PHYS(__image_end)
        .long PHYS(start32)

        .balign 8
mb2_header:
        .long MB2_MAGIC, 0, mb2_end - mb2_header, -(MB2_MAGIC + (mb2_end - mb2_header))
        .balign 8
        .short 1, 1                     /* information request, optional */
        .long 1f - . + 4
        .long 3, 6, 8, 14, 15, 17       /* modules, memory map, framebuffer, RSDP, EFI memory map */
1:      .balign 8
        .short 2, 0                     /* address */
        .long 24
        .long PHYS(mb2_header), PHYS(__image_start), PHYS(__load_end), PHYS(__image_end)
        .balign 8
        .short 3, 0                     /* entry address */
        .long 12
        .long PHYS(start32)
        .balign 8
        .short 6, 1                     /* module alignment, optional */
        .long 8
        .balign 8
        .short 0, 0                     /* end */
        .long 8
mb2_end:

        .section .head.text, "ax", @progbits
        .code32
        .globl start_phys
        .set start_phys, PHYS(start32)
start32:
        cld
        cli
        mov     $PHYS(boot_stack_top), %esp
        mov     %eax, %ebp              /* magic */
        mov     %ebx, %edi              /* info */

        /* Long mode? CPUID itself is older than anything that has multiboot loaders here. */
        mov     $0x80000000, %eax
        cpuid
        cmp     $0x80000001, %eax
        jb      .Lno_long_mode
        mov     $0x80000001, %eax
        cpuid
        bt      $29, %edx
        jnc     .Lno_long_mode
        mov     %edx, %esi              /* bit 20: NX */

        /* Four L2 tables: 2 MiB pages over 4 GiB. AVX-free loop, 2048 entries. */
        mov     $PHYS(boot_l2), %ebx
        mov     $0x83, %eax
        xor     %ecx, %ecx
1:      mov     %eax, (%ebx)
        movl    $0, 4(%ebx)
        add     $0x200000, %eax
        add     $8, %ebx
        inc     %ecx
        cmp     $2048, %ecx
        jb      1b

        /* L3 for the identity and the direct map: the four L2 tables. */
        mov     $PHYS(boot_l2) + 0x63, %eax
        mov     $PHYS(boot_l3), %ebx
        mov     $4, %ecx
2:      mov     %eax, (%ebx)
        add     $0x1000, %eax
        add     $8, %ebx
        loop    2b

        /* The image: IMAGE_VIRT_START + machine address, through the first of them. */
        movl    $PHYS(boot_l2) + 0x63, PHYS(boot_l3_image) + 8 * ((IMAGE_VIRT_START >> 30) & 511)

        movl    $PHYS(boot_l3) + 0x63, PHYS(boot_l4)
        movl    $PHYS(boot_l3) + 0x63, PHYS(boot_l4) + 8 * ((DIRECTMAP_VIRT_START >> 39) & 511)
        movl    $PHYS(boot_l3_image) + 0x63, PHYS(boot_l4) + 8 * ((IMAGE_VIRT_START >> 39) & 511)

        mov     %cr4, %eax
        or      $0x20, %eax             /* PAE */
        mov     %eax, %cr4
        mov     $PHYS(boot_l4), %eax
        mov     %eax, %cr3
        mov     $0xc0000080, %ecx       /* EFER: LME, SCE, and NXE where there is NX */
        rdmsr
        or      $0x101, %eax
        bt      $20, %esi
        jnc     3f
        bts     $11, %eax
3:      wrmsr
        mov     $0x80050033, %eax       /* PG AM WP NE ET MP PE */
        mov     %eax, %cr0

        lgdt    PHYS(boot_gdtr32)
        ljmp    $8, $PHYS(start64_low)

.Lno_long_mode:
        mov     $PHYS(msg_no_long_mode), %esi
        jmp     .Lprint32
.Lprint32:                              /* to COM1 as the firmware left it, and stop */
        lodsb
        test    %al, %al
        jz      .Lstop32
        mov     %al, %bl
        mov     $0x3fd, %dx
1:      in      %dx, %al
        test    $0x20, %al
        jz      1b
        mov     %bl, %al
        mov     $0x3f8, %dx
        out     %al, %dx
        jmp     .Lprint32
.Lstop32:
        hlt
        jmp     .Lstop32

        .code64
start64_low:
        movabs  $start64, %rax
        jmp     *%rax
start64:
        lgdt    boot_gdtr(%rip)
        lea     boot_stack_top(%rip), %rsp
        mov     $16, %eax
        mov     %eax, %ss
        xor     %eax, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %fs
        mov     %eax, %gs
        /*
         * struct cpu_info of the boot stack: zero (it is bss), cpu 0, current NULL, per-cpu offset
         * 0.
         */
        sub     $CPU_INFO_SIZE, %rsp
        mov     %edi, %esi              /* info, zero-extended */
        mov     %ebp, %edi              /* magic */
        xor     %ebp, %ebp
        call    start_bsp
1:      hlt
        jmp     1b

/*
 * void reset_stack_and_call(void *stack_top, void (*fn)(void)): onto a fresh stack; fn does not
 * return.
 */
        .section .text.reset_stack, "ax", @progbits
        .globl reset_stack_and_call
reset_stack_and_call:
        mov     %rdi, %rsp
        xor     %ebp, %ebp
        call    *%rsi
        ud2

        .section .rodata, "a", @progbits
msg_no_long_mode:
        .asciz  "Granta: this processor has no long mode (x86-64)\r\n"
        .balign 8
boot_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* 64-bit code */
        .quad   0x00cf93000000ffff      /* data */
boot_gdt_end:
boot_gdtr32:
        .short  boot_gdt_end - boot_gdt - 1
        .long   PHYS(boot_gdt)
boot_gdtr:
        .short  boot_gdt_end - boot_gdt - 1
        .quad   boot_gdt

        .section .bss.stack, "aw", @nobits /* link.lds aligns it to its size */
        .skip   STACK_SIZE
boot_stack_top:
        .section .bss.page_aligned, "aw", @nobits
        .balign 4096
        .globl boot_l2
boot_l4:        .skip 4096
boot_l3:        .skip 4096
boot_l3_image:  .skip 4096
boot_l2:        .skip 4 * 4096

        .section .note.GNU-stack, "", @progbits
