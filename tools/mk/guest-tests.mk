# SPDX-License-Identifier: GPL-2.0-only
# Test kernels: one folder under tests/guest with a main.c each; linked with tests/guest/lib.
GUESTS := $(filter-out lib,$(notdir $(patsubst %/,%,$(wildcard tests/guest/*/))))
GUEST_CFLAGS := -std=gnu17 -O1 -g -ffreestanding -fno-stack-protector -fno-pie -mno-red-zone -mgeneral-regs-only \
        -mcmodel=kernel -fcf-protection=none -fno-asynchronous-unwind-tables -Wall -Wextra -Itests/guest/lib

.PHONY: guests
guests: $(GUESTS:%=$(BUILD)/guest/%.elf)

$(BUILD)/guest/%.elf: tests/guest/%/main.c $(wildcard tests/guest/lib/*)
	@mkdir -p $(@D)
	@echo "  GUEST   $@"
	@$(CC) $(GUEST_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
	        -T tests/guest/lib/guest.lds tests/guest/lib/start.S $(filter %.c,$^) -o $@
