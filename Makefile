# Everything goes through make; 'make' alone lists the targets. Needs Go and make, nothing else: the tools that a target
# needs are built from the versions pinned under .ci/tools.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LISTEN ?= 127.0.0.1:8080
ADMIN ?= 127.0.0.1:9080
FUZZTIME ?= 5s
BENCH ?= .
BENCHCOUNT ?= 6
TESTFLAGS ?=
# The longest package starts the SDKs of three languages; go's own ten minutes are tight for that on two busy cores.
TEST_TIMEOUT ?= 15m

# Without this tag the firewall's library writes a file when its rules are built, which a read-only machine refuses.
export GOFLAGS += -tags=no_fs_access

TOOLS := .ci/bin
LINT := $(TOOLS)/golangci-lint
BENCHSTAT := $(TOOLS)/benchstat

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/weir
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/weir ./cmd/weir

.PHONY: run
run: build ## start the demo: gateway on 127.0.0.1:8080, admin on 127.0.0.1:9080, simulated providers
	bin/weir serve --demo --listen $(LISTEN) --admin $(ADMIN)

.PHONY: test
test: ## run every test: packages, examples, documents, SDKs ('make sdk' first)
	go test -timeout $(TEST_TIMEOUT) $(TESTFLAGS) ./...

# The tests of SDKs and of whole gateways are left to 'test': they exercise the weir binary in another process, which this
# flag cannot see.
.PHONY: race
race: ## run the tests of our own packages with the race detector, in random order
	go test -race -shuffle=on -timeout $(TEST_TIMEOUT) $(TESTFLAGS) $$(go list ./... | grep -v -e '/test/sdk' -e '/test/access')

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (5s)
	@.ci/fuzz $(FUZZTIME)

.PHONY: sdk
sdk: ## install the official SDKs that test/sdk drives (needs node, npm and python3)
	@if [[ -x test/sdk/install.sh ]]; then test/sdk/install.sh; else echo "sdk: there is no test/sdk/install.sh"; fi

.PHONY: golangci-lint
golangci-lint: ## build the pinned linter, if it is not there
	@.ci/tool golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: benchstat
benchstat: ## build the pinned benchstat, if it is not there
	@.ci/tool benchstat golang.org/x/perf/cmd/benchstat

.PHONY: lint
lint: golangci-lint ## check style, imports and common mistakes
	$(LINT) run ./...

.PHONY: fmt
fmt: golangci-lint ## format the Go sources
	$(LINT) fmt ./...

.PHONY: bench
bench: benchstat ## run the benchmarks into bench/out/new.txt, compare with bench/baseline.txt
	@mkdir -p bench/out
	go test -run='^$$' -bench='$(BENCH)' -benchmem -count=$(BENCHCOUNT) ./... | tee bench/out/new.txt
	@if [[ -f bench/baseline.txt ]]; then $(BENCHSTAT) bench/baseline.txt bench/out/new.txt; else $(BENCHSTAT) bench/out/new.txt; fi

.PHONY: bench-peers
bench-peers: build ## measure against other proxies, where they are installed
	@bench/peers.sh

.PHONY: docs
docs: build ## write the generated reference under docs/
	bin/weir docs

.PHONY: check
check: ## what CI asks: lint, generated docs, race tests, short fuzz, build
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory build
	@MAKE="$(MAKE)" .ci/generated
	@$(MAKE) --no-print-directory race
	@$(MAKE) --no-print-directory fuzz

.PHONY: clean
clean: ## remove what the targets made, except the tools of .ci/bin
	rm -rf bin bench/out coverage.out
