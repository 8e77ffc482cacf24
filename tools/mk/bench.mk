# SPDX-License-Identifier: GPL-2.0-only
# Comparison with Debian's Xen in the same QEMU. The hypervisor under test is a release build in a folder of its own.
RELEASE := $(BUILD)/release
BENCHES := $(notdir $(patsubst %/,%,$(wildcard tests/bench/*/)))

.PHONY: release benches bench bench-big
release: $(BUILD)/build_info.c
	@$(MAKE) --no-print-directory DEBUG=n BUILD=$(RELEASE) $(RELEASE)/granta.elf

$(BUILD)/bench/%.elf: tests/bench/%/main.c tests/bench/bench.h $(wildcard tests/guest/lib/*)
	@mkdir -p $(@D)
	@echo "  BENCH   $@"
	@$(CC) $(GUEST_CFLAGS) -Itests/bench -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	        -Wl,--no-warn-rwx-segments -T tests/guest/lib/guest.lds tests/guest/lib/start.S \
	        $(wildcard tests/guest/lib/*.c) $< -o $@

benches: $(BENCHES:%=$(BUILD)/bench/%.elf)

bench: release benches images ## Compare with Debian's Xen: instructions, seconds, memory, against the bars
	@tests/bench/bench.py

bench-big: release benches images ## The same for large machines: 64 and 255 CPUs, 1 and 16 TiB (slow)
	@tests/bench/bench.py --big
