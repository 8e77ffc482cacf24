# SPDX-License-Identifier: GPL-2.0-only
# The decoders of packed kernels are our own (lib/decompress.c says why), so nothing foreign is linked
# into the hypervisor. What that promise rests on is checked here: the decoders and the string
# functions, linked together as the hypervisor compiles them, leave no symbol undefined.

DECOMPRESS_LIBS :=
DECOMPRESS_SRC := $(wildcard lib/decompress*.c) lib/zstd_entropy.c lib/crc32.c lib/xxh64.c lib/string.c
DECOMPRESS_OBJ := $(DECOMPRESS_SRC:%.c=$(BUILD)/obj/%.o)

.PHONY: check-decompress
check-decompress: $(DECOMPRESS_OBJ)
	@ld -r $^ -o $(BUILD)/decompress-all.o
	@if nm -u $(BUILD)/decompress-all.o | grep .; then echo "FAIL decompress: undefined symbols"; exit 1; fi
	@echo "ok decompress: links freestanding, $$(size -t $^ | tail -1 | cut -f1 | tr -d ' ') bytes of text"
