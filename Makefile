# make          builds build/cryptopay
# make run      installs what is missing, builds, starts a demo gateway
# make test     installs what is missing, builds, runs every test
# make help     lists the other targets

CC ?= gcc
VARIANT ?=
B := build$(if $(VARIANT),/$(VARIANT))

WARN := -Wall -Wextra -Wconversion -Wshadow -Wvla -Werror
HARDEN := -fstack-protector-strong -fPIE -ftrapv
OPT := -O2 -g $(if $(VARIANT),,-D_FORTIFY_SOURCE=3)
SAN := $(if $(filter asan,$(VARIANT)),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
SAN += $(if $(filter tsan,$(VARIANT)),-fsanitize=thread)
SAN += $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer-no-link$(comma)address$(comma)undefined -fno-sanitize-recover=all)
comma := ,
CFLAGS := -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) $(HARDEN) $(SAN) -Isrc -I$(B)/gen -MMD -MP
LDFLAGS := $(SAN) -pie -Wl,-z,relro,-z,now -pthread
LIBS := -lmicrohttpd -ljansson -lcurl -lsqlite3 -lsodium -lsecp256k1 -lqrencode -lidn2 -lpsl -lcrypto
# core and below need only these: its tests prove it by linking nothing else
CORE_LIBS := -ljansson -lsodium -lsecp256k1 -lidn2 -lpsl -lcrypto

LAYERS := base wire core store net node signer flow http daemon
CORE_LAYERS := base wire core
SRC := $(filter-out src/daemon/main.c,$(wildcard $(foreach l,$(LAYERS),src/$(l)/*.c)))
CORE_SRC := $(wildcard $(foreach l,$(CORE_LAYERS),src/$(l)/*.c))
GEN := $(B)/gen/sql_files.c
OBJ := $(SRC:src/%.c=$(B)/obj/%.o) $(GEN:$(B)/gen/%.c=$(B)/obj/gen/%.o)
CORE_OBJ := $(CORE_SRC:src/%.c=$(B)/obj/%.o)

.PHONY: all clean
all: $(B)/cryptopay

$(B)/cryptopay: $(B)/obj/daemon/main.o $(B)/libcryptopay.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/libcryptopay.a: $(OBJ)
	@rm -f $@
	ar rcs $@ $^

$(B)/libcore.a: $(CORE_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(B)/obj/%.o: src/%.c | $(GEN)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

$(B)/obj/gen/%.o: $(B)/gen/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

# Files that live inside the binary.
$(B)/tools/%: tools/%.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE -O1 $(WARN) -o $@ $<

$(B)/gen/sql_files.c: $(B)/tools/embed $(sort $(wildcard sql/*.sql))
	@mkdir -p $(@D)
	$(B)/tools/embed sql_files $(sort $(wildcard sql/*.sql)) > $@.tmp
	mv $@.tmp $@

# Unit tests: test/unit/core_*.c may link only base, wire and core.
UNIT := $(patsubst test/unit/%.c,$(B)/test/%,$(wildcard test/unit/*.c))
.PHONY: unit
unit: $(UNIT)
	@set -e; for t in $(UNIT); do echo "== $$t"; $$t; done

$(B)/test/core_%: test/unit/core_%.c $(B)/libcore.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libcore.a $(CORE_LIBS) -lcmocka

$(B)/test/%: test/unit/%.c $(B)/libcryptopay.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libcryptopay.a $(LIBS) -lcmocka

# Load generator and baselines of `make bench` (test/bench/bench.mjs).
BENCH := $(patsubst test/bench/%.c,$(B)/bench/%,$(wildcard test/bench/*.c))
.PHONY: bench bench-tools
bench-tools: $(BENCH)
bench: all bench-tools
	node test/bench/bench.mjs

$(B)/bench/%: test/bench/%.c $(B)/libcryptopay.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(B)/libcryptopay.a $(LIBS)

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
