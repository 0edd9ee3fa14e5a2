# make          builds build/cryptopay
# make run      installs what is missing, builds, starts a demo gateway
# make test     installs what is missing, builds, runs every test
# make help     lists all targets

CC ?= gcc
VARIANT ?=
comma := ,
B := build$(if $(VARIANT),/$(VARIANT))

WARN := -Wall -Wextra -Wconversion -Wshadow -Wvla -Werror
HARDEN := -fstack-protector-strong -fPIE -ftrapv
OPT := -O2 -g $(if $(VARIANT),,-D_FORTIFY_SOURCE=3)
SAN := $(if $(filter asan,$(VARIANT)),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
SAN += $(if $(filter tsan,$(VARIANT)),-fsanitize=thread)
SAN += $(if $(filter fuzz,$(VARIANT)),-fsanitize=fuzzer-no-link$(comma)address$(comma)undefined -fno-sanitize-recover=all)
CFLAGS := -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) $(HARDEN) $(SAN) -Isrc -I$(B)/gen -I/usr/include/postgresql -MMD -MP
LDFLAGS := $(SAN) -pie -Wl,-z,relro,-z,now -pthread
LIBS := -lmicrohttpd -ljansson -lcurl -lsqlite3 -lpq -lsodium -lsecp256k1 -lqrencode -lidn2 -lpsl -lcrypto
# core and below need only these: its tests prove it by linking nothing else
CORE_LIBS := -ljansson -lsodium -lsecp256k1 -lidn2 -lpsl -lcrypto

LAYERS := base wire core store net node signer flow http daemon
CORE_LAYERS := base wire core
SRC := $(filter-out src/daemon/main.c,$(wildcard $(foreach l,$(LAYERS),src/$(l)/*.c)))
CORE_SRC := $(wildcard $(foreach l,$(CORE_LAYERS),src/$(l)/*.c))
WEB := $(wildcard web/i18n/*.txt web/*.css web/*.js web/*.html)
GEN := $(B)/gen/sql_files.c $(B)/gen/web.c
OBJ := $(SRC:src/%.c=$(B)/obj/%.o) $(GEN:$(B)/gen/%.c=$(B)/obj/gen/%.o)
CORE_OBJ := $(CORE_SRC:src/%.c=$(B)/obj/%.o)

.PHONY: all clean
.DELETE_ON_ERROR:
all: $(B)/cryptopay $(B)/cryptopay-shop $(B)/cryptopay-simnode ## the gateway, the demo shop and a simulated chain, in build/

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

# A shop to try the gateway with: somebody else's program, so it shares no code with src/.
$(B)/cryptopay-shop: $(wildcard demo/*.c) $(wildcard demo/*.h)
	@mkdir -p $(@D)
	$(CC) $(filter-out -I% -MMD -MP,$(CFLAGS)) $(LDFLAGS) -o $@ $(wildcard demo/*.c) -lmicrohttpd -ljansson -lcurl -lcrypto

# A chain of its own, and the node that serves it: the other side, so it uses no more of src/ than base and wire. Tests have the
# chain without the server.
SIMNODE_SERVER := $(addprefix simnode/,main.c control.c journal.c page.c)
SIMNODE := $(filter-out $(SIMNODE_SERVER),$(wildcard simnode/*.c))
SIMNODE_OBJ := $(SIMNODE:simnode/%.c=$(B)/obj/simnode/%.o)
$(B)/cryptopay-simnode: $(SIMNODE_SERVER:simnode/%.c=$(B)/obj/simnode/%.o) $(B)/libsimnode.a $(B)/libcore.a
	$(CC) $(LDFLAGS) -o $@ $^ -lmicrohttpd $(CORE_LIBS)

$(B)/libsimnode.a: $(SIMNODE_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(B)/obj/simnode/%.o: simnode/%.c | $(GEN)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -I. -c -o $@ $<

# Files that live inside the binary.
$(B)/tools/%: tools/%.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE -O1 $(WARN) -o $@ $<

$(B)/gen/sql_files.c: $(B)/tools/embed $(sort $(wildcard sql/*.sql))
	@mkdir -p $(@D)
	$(B)/tools/embed sql_files $(sort $(wildcard sql/*.sql)) > $@.tmp
	mv $@.tmp $@

# English first: it decides which texts there are.
$(B)/gen/web.c: $(B)/tools/template $(WEB)
	@mkdir -p $(@D)
	$(B)/tools/template $(B)/gen/web web/i18n/en.txt $(filter-out web/i18n/en.txt,$(WEB))

$(B)/gen/web.h: $(B)/gen/web.c ;

# Unit tests: test/unit/core_*.c may link only base, wire and core. What includes test/support/database.h (or what builds on it) runs
# on both engines; what includes test/support/postgres.h, on PostgreSQL only.
# What has one thread is nothing for the thread sanitizer
ONE_THREAD := $(filter-out test/unit/core_metrics.c test/unit/core_hmac.c,$(wildcard test/unit/core_*.c test/unit/node_*.c))
UNIT_SRC := $(filter-out $(if $(filter tsan,$(VARIANT)),$(ONE_THREAD)),$(wildcard test/unit/*.c))
UNIT := $(patsubst test/unit/%.c,$(B)/test/%,$(UNIT_SRC))
ON_POSTGRES := $(patsubst test/unit/%.c,$(B)/test/%,$(shell grep -l 'support/postgres.h"' $(UNIT_SRC)))
ON_BOTH := $(patsubst test/unit/%.c,$(B)/test/%,$(shell grep -lE 'support/(database|gateway|store|book|chain).h"' $(UNIT_SRC)))
FUZZ := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/*.c))
.PHONY: unit
unit: $(UNIT) $(FUZZ:%=$(B)/replay/%) ## unit tests, on both engines, and all that fuzzing has found so far
	@set -e; for t in $(filter-out $(ON_POSTGRES),$(UNIT)); do echo "== $$t"; $(RUNNER) $$t; done
	@test/postgres run $(MAKE) --no-print-directory -s $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2) -O unit-postgres
	@set -e; for t in $(FUZZ); do echo "== replay $$t"; $(RUNNER) $(B)/replay/$$t test/fuzz/corpus/$$t/* 2>$(B)/replay/$$t.log || { tail -n 30 $(B)/replay/$$t.log; exit 1; }; done

# Two at a time: they mostly wait for the server, which `make unit` has for them.
# Memory is the same on both: the address sanitizer sees those that run on both on SQLite only.
ON_POSTGRES_ALL := $(patsubst %,%.on-postgres,$(ON_POSTGRES) $(if $(filter asan,$(VARIANT)),,$(filter-out $(ON_POSTGRES),$(ON_BOTH))))
.PHONY: unit-postgres $(ON_POSTGRES_ALL)
unit-postgres: $(ON_POSTGRES_ALL)
$(ON_POSTGRES_ALL): %.on-postgres: %
	@echo "== $< on PostgreSQL"; TEST_DATABASE=$(TEST_DATABASE) $(RUNNER) $<

$(B)/test/core_%: test/unit/core_%.c $(B)/libsimnode.a $(B)/libcore.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -I. $(LDFLAGS) -o $@ $< $(B)/libsimnode.a $(B)/libcore.a $(CORE_LIBS) -lcmocka -lz

$(B)/test/net_tls: LIBS += -lssl
$(B)/test/%: test/unit/%.c $(B)/libsimnode.a $(B)/libcryptopay.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -I. $(LDFLAGS) -o $@ $< $(B)/libsimnode.a $(B)/libcryptopay.a $(LIBS) -lcmocka -lz

# Simulated days: the real use cases on one thread, everything else from a seed (test/sim/sim.h).
SIM := $(patsubst test/sim/%.c,$(B)/sim/%.o,$(wildcard test/sim/*.c))
# test/sim/call.c stands in for src/http/request.c
$(B)/sim/sim: $(SIM) $(B)/libsimnode.a $(B)/libcryptopay.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/sim/%.o: test/sim/%.c | $(GEN)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -Itest/sim -I. -c -o $@ $<

SEEDS ?= 10000
FIRST ?= 1
.PHONY: sim sim-million
sim: $(B)/sim/sim ## SEEDS simulated runs from seed FIRST on, with faults, crashes and an oracle
	test/sim/run $(B)/sim/sim $(FIRST) $(SEEDS)

# The same gateway against a real server: connections that fail, answers that are lost, several nodes.
.PHONY: sim-postgres
sim-postgres: SEEDS := 200
sim-postgres: $(B)/sim/sim ## SEEDS simulated runs on PostgreSQL
	test/postgres run test/sim/run $(B)/sim/sim $(FIRST) $(SEEDS)

sim-million: ## a million simulated runs
	@$(MAKE) --no-print-directory sim SEEDS=1000000

# Fuzz targets: test/fuzz/NAME.c with its inputs in test/fuzz/corpus/NAME. As above, core_*.c link only base, wire and core.
$(B)/replay/core_%: test/fuzz/core_%.c test/fuzz/replay/main.c $(B)/libcore.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) $(B)/libcore.a $(CORE_LIBS)

$(B)/replay/%: test/fuzz/%.c test/fuzz/replay/main.c $(B)/libcryptopay.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^) $(B)/libcryptopay.a $(LIBS)

$(B)/run/core_%: test/fuzz/core_%.c $(B)/libcore.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(B)/libcore.a $(CORE_LIBS)

$(B)/run/%: test/fuzz/%.c $(B)/libcryptopay.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(B)/libcryptopay.a $(LIBS)

# What stops a target is kept in its corpus: mend it and commit both. New inputs go to build/fuzz/found.
FUZZ_SECONDS ?= 10
.PHONY: fuzz fuzz-run
fuzz: ## each fuzz target for FUZZ_SECONDS, with clang's fuzzer and sanitizers
	@$(MAKE) --no-print-directory -s -j2 CC=clang VARIANT=fuzz fuzz-run

fuzz-run: $(FUZZ:%=$(B)/run/%)
	@set -e; for t in $(FUZZ); do echo "== fuzz $$t"; mkdir -p $(B)/found/$$t; \
	  $(B)/run/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 \
	    -verbosity=0 -artifact_prefix=test/fuzz/corpus/$$t/ $(B)/found/$$t test/fuzz/corpus/$$t 2>$(B)/found/$$t.log || \
	    { tail -n 60 $(B)/found/$$t.log; exit 1; }; grep -h number_of_executed_units $(B)/found/$$t.log; done

# Load generator and baselines of `make bench` (test/bench/bench.mjs).
BENCH := $(patsubst test/bench/%.c,$(B)/bench/%,$(wildcard test/bench/*.c))
.PHONY: bench bench-tools
bench-tools: $(BENCH)
bench: ## one table: this gateway against simpler programs on the same machine (test/bench/README.md)
	@tools/deps bench
	@$(MAKE) --no-print-directory -s -j2 all bench-tools
	@node test/bench/bench.mjs

$(B)/bench/%: test/bench/%.c $(B)/libsimnode.a $(B)/libcryptopay.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -I. $(LDFLAGS) -o $@ $< $(B)/libsimnode.a $(B)/libcryptopay.a $(LIBS)

# Which engine a test uses is decided by test/postgres, not by the environment that make was called in.
unexport TEST_DATABASE

# What `make test` runs, in this order. Each is a target of its own.
TESTS := check unit asan tsan fuzz sim sim-postgres e2e e2e-postgres crash-storm crash-storm-postgres cluster browser browser-postgres migrate
.PHONY: run test npm check format asan tsan e2e browser browser-postgres screens help install
run: ## installs what is missing, builds, starts a demo gateway and shop
	@tools/deps run
	@[ -e $(B)/cryptopay ] || echo "building, once"
	@$(MAKE) --no-print-directory -s -j2 all
	@tools/demo

test: ## installs what is missing, builds, runs every test and says how long each took
	@tools/deps test
	@$(MAKE) --no-print-directory -s -j2 all npm $(UNIT)
	@MAKE="$(MAKE)" FUZZ_SECONDS=$${FUZZ_SECONDS:-3} test/run $(TESTS)

check: ## layers, style and layout of the sources; the documentation names what there is
	tools/check_includes --self-test
	tools/check_includes
	tools/check_docs --self-test
	tools/check_docs
	tools/check_style --self-test
	tools/check_style
	test/mutants/run --check

.PHONY: mutants
mutants: all $(B)/sim/sim ## removes one defence after the other: a test must fail each time
	test/mutants/run $(MUTANTS)

format: ## lays all C files out by .clang-format
	find src demo simnode tools test -name '*.[ch]' ! -path '*/node_modules/*' | xargs clang-format-14 -i

asan: ## unit tests under the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory -s -j2 VARIANT=asan unit

# The thread sanitizer needs the address layout that kernels gave before 2023.
tsan: ## unit tests under the thread sanitizer
	@$(MAKE) --no-print-directory -s -j2 VARIANT=tsan RUNNER="setarch -R" unit

npm: test/node_modules/.package-lock.json
test/node_modules/.package-lock.json: test/package.json test/package-lock.json
	@npm ci --prefix test --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# What is about PostgreSQL itself brings servers of its own: once is enough.
E2E := $(wildcard test/e2e/*.test.mjs)
ABOUT_POSTGRES := test/e2e/nodes.test.mjs test/e2e/postgres_operations.test.mjs
e2e: all npm ## the binary from outside, against the API documentation
	node --test $(filter-out $(ABOUT_POSTGRES),$(E2E))

.PHONY: e2e-postgres
e2e-postgres: all npm ## the same on PostgreSQL, and several nodes
	test/postgres run node --test $(E2E)

# Kills of the binary, at random moments and at named calls. One seed decides: CRASH_SEED=N repeats a run's choices.
KILLS ?= 50
.PHONY: crash-storm
crash-storm: all $(B)/test/killer.so ## kill -9 under load, KILLS times: nothing acknowledged is lost, every webhook arrives
	node test/e2e/crash_storm.mjs $(KILLS)

.PHONY: crash-storm-postgres
crash-storm-postgres: all $(B)/test/killer.so ## the same on PostgreSQL
	test/postgres run node test/e2e/crash_storm.mjs $(KILLS)

# The long form: make migrate PAYMENTS=1000000
.PHONY: migrate
migrate: all $(B)/bench/fill $(B)/test/killer.so ## a gateway moves from SQLite to PostgreSQL, is killed on the way, and ends equal
	test/postgres run node --test test/e2e/migrate_to.mjs

.PHONY: cluster
cluster: all ## three nodes on one PostgreSQL with a standby, while nodes, sessions and servers fail
	node test/e2e/cluster.mjs

$(B)/test/killer.so: test/e2e/killer.c
	@mkdir -p $(@D)
	$(CC) -std=c17 -D_GNU_SOURCE -O2 $(WARN) -fPIC -shared -o $@ $<

# The checkout in every state, as files.
$(B)/states/.made: test/browser/render_states.c $(B)/libcryptopay.a
	@mkdir -p $(@D) $(B)/test
	$(CC) $(CFLAGS) $(LDFLAGS) -o $(B)/test/render_states $< $(B)/libcryptopay.a $(LIBS)
	rm -rf $(@D) && mkdir -p $(@D)
	$(B)/test/render_states $(@D) && touch $@

browser: all npm $(B)/states/.made ## the checkout in a real browser
	node --test $(wildcard test/browser/*.test.mjs)

browser-postgres: all npm ## those that need a gateway, on PostgreSQL
	test/postgres run node --test test/browser/checkout.test.mjs

screens: npm $(B)/states/.made ## build/screens/index.html: every state in every dress, to be looked at
	node test/browser/screens.mjs

PREFIX ?= /usr/local
install: $(B)/cryptopay ## binary, systemd unit and example settings, below PREFIX (/usr/local) and DESTDIR
	install -D -m 755 $(B)/cryptopay $(DESTDIR)$(PREFIX)/bin/cryptopay
	install -D -m 644 dist/cryptopay.ini $(DESTDIR)$(PREFIX)/share/doc/cryptopay/cryptopay.ini
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/local/bin|$(PREFIX)/bin|' dist/cryptopay.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/cryptopay.service

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-22s %s\n", $$1, $$2 }' Makefile

clean: ## removes build/
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
