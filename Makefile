# Bursar's tasks. `make` alone lists them; .ci/run calls `make ci`.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

# DuckDB is linked as a static C++ library: without a C++ compiler nothing builds, and says so.
export CGO_ENABLED := 1

# Real sample data. Tests that want it are skipped when the folder is not there.
BURSAR_DATA ?= ../shared/data
override BURSAR_DATA := $(abspath $(BURSAR_DATA))
ifneq ($(wildcard $(BURSAR_DATA)/.),)
export BURSAR_DATA
else
unexport BURSAR_DATA
endif

# Small inputs with the right results. Tests that want them are skipped when the folder is not there.
BURSAR_CASES ?= ../shared/cases
override BURSAR_CASES := $(abspath $(BURSAR_CASES))
ifneq ($(wildcard $(BURSAR_CASES)/.),)
export BURSAR_CASES
else
unexport BURSAR_CASES
endif

TESTFLAGS ?=
# In runs, not seconds: a worker that is at work when the time is up fails its target now and then.
FUZZTIME ?= 20000x
# Readers of statement files get more: PARSERSECONDS says for how long each, and this how many runs that is on two cores.
PARSERSECONDS ?= 1
PARSERRATES := [format/camt]=35000 [format/csvfile]=3000 [format/mt940]=35000 [format/ofx]=15000
# Making inputs that reach new code smaller is bounded, as it otherwise takes a minute for each and runs nothing meanwhile.
FUZZFLAGS := -fuzzminimizetime 20x
FUZZIN := cmd internal
BENCH ?= .

# Left out of the race detector: these start a whole Temporal server, whose races are not ours to find and which is too
# slow under it for the deadlines of its own start; and the auditor, which takes long.
NO_RACE := bursar/internal/temporal bursar/internal/tools/auditor bursar/internal/app \
	bursar/internal/tools/demo bursar/internal/tools/bench bursar/cmd/bursar

# Linters are pinned in their own module, so that their dependencies never meet the product's.
LINT := go tool -modfile=.tools/go.mod golangci-lint

# $(call having,Fuzz,cmd internal) lists the packages with such a test: only theirs are built and linked.
having = { grep -rlE --include='*_test.go' '^func $(1)' $(2) || true; } | sed 's|^|./|; s|/[^/]*$$||' | sort -u

.PHONY: help build demo test race lint fmt bench fuzz soak ci clean

help: ## List the targets.
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name what; do printf '  %-7s %s\n' "$$name" "$$what"; done

build: ## Build bin/bursar.
	go build -o bin/bursar ./cmd/bursar

demo: build ## Build, then run the demonstration on generated data.
	bin/bursar demo

# Test programs without symbol tables for debuggers: they are linked in half the time, and each has DuckDB in it.
STRIPPED := -ldflags='-s -w'

# Tests keep their folders in memory where there is room: none of them proves anything of a disk.
INMEMORY := $(shell [ "$$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 6000000 ] 2>/dev/null && echo TMPDIR=/dev/shm)

# Many tests wait for servers, and leave the processors to others.
PARALLEL := -parallel $(shell echo $$((2 * $$(nproc))))

test: ## Run all tests; TESTFLAGS are passed on.
	$(INMEMORY) go test -timeout 30m $(PARALLEL) $(STRIPPED) $(TESTFLAGS) ./...

race: ## Run the tests under the race detector, but for those that start a Temporal server.
	$(INMEMORY) go test -race -short -timeout 30m $(STRIPPED) $(TESTFLAGS) $$(go list ./... | grep -vxF $(NO_RACE:%=-e %))

lint: ## Check format, vet, linters and dependencies between packages.
	@unformatted=$$(gofmt -s -l cmd internal); \
	if [ -n "$$unformatted" ]; then printf 'not formatted, run make fmt:\n%s\n' "$$unformatted"; exit 1; fi
	go vet ./...
	$(LINT) run ./...

fmt: ## Format all code as lint wants it.
	$(LINT) fmt

bench: ## Run the Go benchmarks that match BENCH; `bin/bursar bench` measures the product.
	go test -run '^$$' -bench '$(BENCH)' -benchmem $$($(call having,Benchmark,cmd internal))

fuzz: ## Run each fuzz target FUZZTIME (20000x) times, readers of statements as often as PARSERSECONDS (1) say.
	@declare -A rates=($(PARSERRATES)); \
	packages=$$($(call having,Fuzz,$(FUZZIN))); [ -n "$$packages" ] || { echo 'no fuzz targets'; exit 0; }; \
	go test -list '^Fuzz' $$packages \
	| awk '/^Fuzz/ { names[n++] = $$1 } $$1 == "ok" { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' \
	| while read -r package name; do \
		runs=$(FUZZTIME); folder=$${package%/*}; rate=$${rates[$${folder##*/}/$${package##*/}]:-}; \
		if [ -n "$$rate" ]; then runs=$$((rate * $(PARSERSECONDS)))x; fi; \
		echo "go test -run '^$$' -fuzz '^$$name$$' -fuzztime $$runs $(FUZZFLAGS) $$package"; \
		go test -run '^$$' -fuzz "^$$name$$" -fuzztime "$$runs" $(FUZZFLAGS) -timeout 0 "$$package" < /dev/null; \
	done

soak: export SEEDS ?= 200
soak: ## Run all tests whole, the long seeded ones with SEEDS seeds each, without a time limit; then fuzz readers of statements, an hour each.
	go test $(TESTFLAGS) ./... -count 1 -timeout 0
	$(MAKE) fuzz FUZZIN=internal/aggregate PARSERSECONDS=3600

ci: FUZZTIME := 10000x
ci: PARSERSECONDS := 60
ci: lint test race fuzz demo ## Everything that must pass before a change is taken.

clean: ## Remove what was built; go's caches stay.
	rm -rf bin
