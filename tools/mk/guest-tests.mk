# SPDX-License-Identifier: GPL-2.0-only
# Test kernels: one folder under tests/guest with a main.c each; linked with tests/guest/lib.
GUESTS := $(patsubst tests/guest/%/main.c,%,$(wildcard tests/guest/*/main.c))
GUEST_CFLAGS := -std=gnu17 -O1 -g -ffreestanding -fno-stack-protector -fno-pie -mno-red-zone -mgeneral-regs-only \
        -mcmodel=kernel -fcf-protection=none -fno-asynchronous-unwind-tables -Wall -Wextra -Itests/guest/lib

.PHONY: guests
guests: $(GUESTS:%=$(BUILD)/guest/%.elf)

# pv32 makes a guest of 32 bits, whose kernel is in payload/: one flat piece in the test's image.
PAYLOAD := $(BUILD)/guest/pv32-payload
PAYLOAD_CFLAGS := -m32 -std=gnu17 -O1 -ffreestanding -fno-stack-protector -fno-pie -mgeneral-regs-only \
        -fcf-protection=none -fno-asynchronous-unwind-tables -Wall -Wextra
$(PAYLOAD).bin: $(wildcard tests/guest/pv32/payload/*) tests/guest/lib/trap_stub.inc
	@mkdir -p $(@D)
	@$(CC) $(PAYLOAD_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
	        -T tests/guest/pv32/payload/payload.lds $(filter %.S %.c,$^) -o $(PAYLOAD).out
	@objcopy -O binary $(PAYLOAD).out $@
$(BUILD)/guest/pv32.elf: $(PAYLOAD).bin
$(BUILD)/guest/pv32.elf: GUEST_CFLAGS += -DPAYLOAD='"$(PAYLOAD).bin"'

# pvh makes a PVH guest in the same way; its kernel is of 64 bits.
PVH_PAYLOAD := $(BUILD)/guest/pvh-payload
PVH_PAYLOAD_CFLAGS := -m64 -std=gnu17 -O1 -ffreestanding -fno-stack-protector -fno-pie -mgeneral-regs-only -mno-red-zone \
        -mcmodel=small -fcf-protection=none -fno-asynchronous-unwind-tables -Wall -Wextra
$(PVH_PAYLOAD).bin: $(wildcard tests/guest/pvh/payload/*) tests/guest/lib/trap_stub.inc
	@mkdir -p $(@D)
	@$(CC) $(PVH_PAYLOAD_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
	        -T tests/guest/pvh/payload/payload.lds $(filter %.S %.c,$^) -o $(PVH_PAYLOAD).out
	@objcopy -O binary $(PVH_PAYLOAD).out $@
$(addprefix $(BUILD)/guest/,pvh.elf pvh_fpu.elf pvh_once.elf pvhmem.elf hvm.elf passthrough_hvm.elf): $(PVH_PAYLOAD).bin
$(addprefix $(BUILD)/guest/,pvh.elf pvh_fpu.elf pvh_once.elf pvhmem.elf hvm.elf passthrough_hvm.elf): GUEST_CFLAGS += -DPAYLOAD='"$(PVH_PAYLOAD).bin"'

$(BUILD)/guest/%.elf: tests/guest/%/main.c $(wildcard tests/guest/lib/*)
	@mkdir -p $(@D)
	@echo "  GUEST   $@"
	@$(CC) $(GUEST_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
	        -T tests/guest/lib/guest.lds tests/guest/lib/start.S $(filter %.c,$^) -o $@

# The oracle of tests/unit/emul_real.c and emul_prot.c: it runs in the emulator.
ORACLE := $(BUILD)/oracle.elf
$(ORACLE): $(wildcard tests/oracle/*)
	@mkdir -p $(@D)
	@$(CC) $(PAYLOAD_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
	        -T tests/oracle/kernel.lds $(filter %.S %.c,$^) -o $@
$(BUILD)/unit/emul_real $(BUILD)/unit/emul_prot: $(ORACLE)
