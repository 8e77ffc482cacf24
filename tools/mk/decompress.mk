# SPDX-License-Identifier: GPL-2.0-only
# The decoders of packed kernels are our own (lib/decompress.c says why), so nothing foreign is linked
# into the hypervisor. What that promise rests on is checked here: the decoders and the string
# functions, linked together as the hypervisor compiles them, leave no symbol undefined.

DECOMPRESS_LIBS :=
DECOMPRESS_SRC := $(wildcard lib/decompress*.c) lib/zstd_entropy.c lib/crc32.c lib/xxh64.c lib/string.c
DECOMPRESS_OBJ := $(DECOMPRESS_SRC:%.c=$(BUILD)/obj/%.o)

.PHONY: check-decompress
check-decompress: $(DECOMPRESS_OBJ) ## The decoders link without anything foreign
	@mkdir -p $(BUILD)/results
	@ld -r $^ -o $(BUILD)/decompress-all.o
	@nm -u $(BUILD)/decompress-all.o > $(BUILD)/decompress-undefined.txt
	@if [ -s $(BUILD)/decompress-undefined.txt ]; then \
	    echo "FAIL decompress: undefined:" $$(cat $(BUILD)/decompress-undefined.txt); \
	else \
	    echo "ok decompress: links freestanding, $$(size -t $^ | tail -1 | cut -f1 | tr -d ' ') bytes of text"; \
	fi | tee $(BUILD)/results/decompress.txt
	@! grep -q '^FAIL' $(BUILD)/results/decompress.txt
