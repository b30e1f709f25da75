# Vessel. `make` alone lists the commands.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test fuzz bench up down dev dist images generate fmt lint unit

cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/vessel
export CARGO_TARGET_DIR ?= $(cache)/target
# A compiler of Go that is too old fetches the one that it needs.
export GOTOOLCHAIN ?= auto
# No program here links C, so none needs its compiler.
export CGO_ENABLED := 0
# The same for builds, lints and tests: with others everything is compiled again.
export GOFLAGS := -trimpath -buildvcs=false
cluster := .cluster/bin/cluster
# The parts that run in images.
parts := operator transcoder origin

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: up ## from nothing to a playing asset, on a cluster of yours (KUBECONFIG) or a new one on this machine
	@$(cluster) demo

test: $(cluster) ## everything that must hold, with a count at the end; a part of it: make test ONLY=chart
	@go run -C tests/cluster ./cmd/check $(CURDIR) "$(ONLY)"

fuzz: toolchain ## damaged sources through the transcoder, anything through our parsers: make fuzz COUNT=10000 SEED=7 FUZZ_SECONDS=30
	@go run -C tests/cluster ./cmd/fuzz -clone $(CURDIR) $(if $(COUNT),-count $(COUNT)) $(if $(SEED),-seed $(SEED)) $(if $(FUZZ_SECONDS),-seconds $(FUZZ_SECONDS))

bench: up ## measure what the operator costs at rest after 100 assets
	@KUBECONFIG="$${KUBECONFIG:-$(CURDIR)/.cluster/kubeconfig}" PATH="$(CURDIR)/.cluster/bin:$$PATH" VESSEL_E2E_ASSETS=100 \
		cargo test --quiet --locked --package vessel-e2e --test line -- cost_nothing

up: dist ## start the cluster, build the images and install the release; again: bring them up to date
	@$(cluster) up

down: $(cluster) ## end the local cluster and everything that it left on this machine
	@$(cluster) down

dev: ## rebuild one part and restart its pods: make dev PART=operator (or transcoder, origin)
	@$(MAKE) --no-print-directory up parts=$(or $(PART),operator)

dist: toolchain $(cluster) ## compile the binaries of the images into dist/bin
	@tests/dist $(parts)

images: dist ## build the images and hold their sizes against the budgets
	@$(cluster) images

generate: toolchain ## write the CRDs anew from the Rust types, the schema of the chart's values from them, and the tables of docs/media.md
	cargo run --quiet --locked --package vessel-crds --bin crdgen
	go test -C charts/tests ./... -run TestTheSchemaFollowsTheAPI -args -update
	VESSEL_GENERATE=1 cargo test --quiet --locked --package vessel-transcoder --test cases the_page_about_media

fmt: toolchain ## format everything
	cargo fmt --all
	gofmt -w tests/cluster charts/tests

.PHONY: toolchain $(cluster)
toolchain:
	@tests/toolchain

$(cluster): toolchain
	@go build -C tests/cluster -o $(CURDIR)/$(cluster) ./cmd/cluster
