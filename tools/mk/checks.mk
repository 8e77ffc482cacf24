# SPDX-License-Identifier: GPL-2.0-only
# Tests in the order of their cost, and the static checks. Each writes build/results/NAME.txt; tools/summary adds them up.

FUZZ_SECONDS ?= 600
RESULTS := $(BUILD)/results

.PHONY: proof check unit fuzz-short fuzz static test-guest test-bochs test ci-clean-results

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile tools/mk/*.mk | expand -t 14

unit: $(UNIT:%=$(BUILD)/unit/%) ## Unit tests: the core as ordinary programs, under ASan and UBSan
	@mkdir -p $(RESULTS)
	@tools/run-unit $(BUILD)/unit $(RESULTS)/unit.txt $(UNIT)

fuzz-short: $(FUZZ:%=$(BUILD)/fuzz/%)
	@mkdir -p $(RESULTS)
	@tools/run-fuzz $(RESULTS)/fuzz.txt $(FUZZ)

fuzz: $(FUZZ:%=$(BUILD)/fuzz/%) ## Fuzz for long: FUZZ_SECONDS=600 a target, each time anew; keeps what it finds in the corpus
	@mkdir -p $(RESULTS)
	@tools/run-fuzz --long $(FUZZ_SECONDS) $(RESULTS)/fuzz.txt $(FUZZ)

static: ## clang with thread-safety analysis, clang-tidy, cppcheck
	@mkdir -p $(RESULTS)
	@tools/run-static $(RESULTS)/static.txt $(filter-out arch/x86/asm_offsets.def.c,$(C_SRC))

proof: ## Frama-C proves the page-type transitions and the rules of grants
	@tools/run-proof $(RESULTS)/proof.txt

check: unit fuzz-short static proof check-decompress ## All that runs on the host, in a few minutes

test-guest: all guests ## Test kernels as the first domain in QEMU (HV=granta|xen)
	@mkdir -p $(RESULTS)
	@tests/guest/run.py --hv $(HV) --results $(RESULTS)/guest.txt

test-bochs: all guests ## Those that meet the hardware in Bochs: x2APIC, TSC deadline, SMAP, SYSENTER
	@tests/guest/bochs.py --results $(RESULTS)/bochs.txt

# Every part runs, whatever the others say; the summary decides. Each part is built with both cores
# and then shares them out among its tests itself. A part may fail without a result, if it was not even built: that is one.
part = $(2) $(MAKE) --no-print-directory -j2 $(1) || { mkdir -p $(RESULTS); echo "FAIL make: $(1) failed" >> $(RESULTS)/parts.txt; }

# The images come first: their packages come from the network while the other core compiles, and a unit test reads one.
# What runs on the host has two lanes, so that no core waits for the last test of a part, or for the proof, which has
# one process. Nothing in it depends on time; the lanes share no file but what has been built before them.
# The static checks have no time limits and take what all others leave of the processors, until the boot tests want them
# alone: emulated machines sleep for a tenth of their time.
test: ## Everything: check, test-guest, test-boot
	@tools/deps
	@rm -rf $(RESULTS)
	@$(call part,-k images all guests $(HV_TESTS_$(HV)))
	@{ $(call part,static,tools/aside $(BUILD)/aside.lock); } & \
	 { $(call part,unit); $(call part,fuzz-short); } & host=$$!; \
	 $(call part,proof); $(call part,check-decompress); wait $$host; \
	 $(call part,test-guest); $(call part,test-bochs); $(call part,test-boot); wait
	@tools/summary
