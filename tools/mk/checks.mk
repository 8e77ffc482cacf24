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
# and then shares them out among its tests itself.
PART = $(MAKE) --no-print-directory -j2
# A part may fail without a result, if it was not even built: that is one.
no_result = { mkdir -p $(RESULTS); echo "FAIL make: $(1) failed" >> $(RESULTS)/parts.txt; }
test: ## Everything: check, test-guest, test-boot
	@tools/deps
	@rm -rf $(RESULTS)
	@$(PART) all
	@$(PART) unit || $(call no_result,unit)
	@$(PART) fuzz-short || $(call no_result,fuzz-short)
	@$(PART) static || $(call no_result,static)
	@$(PART) proof || $(call no_result,proof)
	@$(PART) check-decompress || $(call no_result,check-decompress)
	@$(PART) test-guest || $(call no_result,test-guest)
	@$(PART) test-bochs || $(call no_result,test-bochs)
	@$(PART) test-boot || $(call no_result,test-boot)
	@tools/summary
