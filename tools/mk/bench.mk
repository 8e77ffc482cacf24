# SPDX-License-Identifier: GPL-2.0-only
# Comparison with Debian's Xen in the same QEMU. The hypervisor under test is a release build in a folder of its own.
RELEASE := $(BUILD)/release
BENCHES := $(filter-out pvhwords,$(patsubst tests/bench/%/main.c,%,$(wildcard tests/bench/*/main.c)))

.PHONY: release benches bench bench-big
release: $(BUILD)/build_info.c ## Build without assertions, for use: build/release/granta.elf
	@$(MAKE) --no-print-directory DEBUG=n BUILD=$(RELEASE) $(RELEASE)/granta.elf

$(BUILD)/bench/%.elf: tests/bench/%/main.c tests/bench/bench.h $(wildcard tests/guest/lib/*)
	@mkdir -p $(@D)
	@echo "  BENCH   $@"
	@$(CC) $(GUEST_CFLAGS) -Itests/bench -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	        -Wl,--no-warn-rwx-segments -T tests/guest/lib/guest.lds tests/guest/lib/start.S \
	        $(wildcard tests/guest/lib/*.c) $< -o $@
$(BUILD)/bench/exits.elf: $(PVH_PAYLOAD).bin
$(BUILD)/bench/exits.elf: GUEST_CFLAGS += -DPVH_PAYLOAD='"$(PVH_PAYLOAD).bin"'

# A PVH guest of its own: 32-bit code.
$(BUILD)/bench/pvhwords.elf: tests/bench/pvhwords/main.c
	@mkdir -p $(@D)
	@$(CC) $(PAYLOAD_CFLAGS) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-e,start -Wl,-Ttext-segment=0x100000 \
	        -Wl,--no-warn-rwx-segments $< -o $@

benches: $(BENCHES:%=$(BUILD)/bench/%.elf)

# The first domain's root with the scripts, programs and guests of the benchmarks.
BENCH_PROGS := $(patsubst tests/bench/progs/%.c,$(BUILD)/bench/progs/%,$(wildcard tests/bench/progs/*.c))
BENCH_SCRIPTS := $(wildcard tests/bench/dom0/*.sh)
BENCH_CPIO := $(BUILD)/bench/dom0.cpio

$(BUILD)/bench/progs/%: tests/bench/progs/%.c
	@mkdir -p $(@D)
	gcc -O2 -g0 -Wall -Wextra -Werror -static -o $@ $<

# The guest's root and a program that works its devices.
$(BUILD)/bench/guest.cpio: $(IMAGES)/guest.cpio $(BUILD)/bench/progs/io tools/cpio.py
	@tools/cpio.py $(BUILD)/bench/guest-files.cpio bin/io=$(BUILD)/bench/progs/io
	@cat $(IMAGES)/guest.cpio $(BUILD)/bench/guest-files.cpio >$@.new && mv $@.new $@

$(BENCH_CPIO): $(DOM0_GUEST_CPIO) $(BENCH_SCRIPTS) $(BENCH_PROGS) $(BUILD)/bench/words.elf $(BUILD)/bench/pvhwords.elf \
               $(BUILD)/bench/guest.cpio tools/cpio.py
	@tools/cpio.py $(BUILD)/bench/files.cpio guest/words=$(BUILD)/bench/words.elf guest/pvhwords=$(BUILD)/bench/pvhwords.elf \
	    guest/initrd-bench=$(BUILD)/bench/guest.cpio \
	    $(foreach p,$(BENCH_SCRIPTS),tests/bench-$(notdir $(p))=$(p)) \
	    $(foreach p,$(BENCH_PROGS),usr/bin/$(notdir $(p))=$(p))
	@cat $(DOM0_GUEST_CPIO) $(BUILD)/bench/files.cpio >$@.new && mv $@.new $@

bench: release benches images $(BENCH_CPIO) ## Compare with Debian's Xen: instructions, seconds, memory, against the bars
	@tests/bench/bench.py

bench-big: release benches images ## The same for large machines: 64 and 255 CPUs, 1 and 16 TiB (slow)
	@tests/bench/bench.py --big
