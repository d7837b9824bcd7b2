# Everything that one does with a checkout. Plain `make` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# What is built stands outside the checkout, and is shared by every target below.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(or $(HOME),/var/tmp)/.cache)/nexora-target
# Found at once where `make` itself had to install Rust.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

# --workspace throughout: the features of a shared dependency are then the same in every target, and
# nothing is built twice. --locked: what is built is what Cargo.lock pins.
BUILD := cargo build --workspace --locked --bin nexora
TEST := cargo test --workspace --locked --no-fail-fast
# The second build: with the feature that the default build leaves out, for it pulls another crypto stack.
SECOND := cargo test --locked --no-fail-fast -p nexora-fields -p nexora-datasets \
	--features nexora-fields/parquet-encryption,nexora-datasets/parquet-encryption --test it
# What checks a ledger also runs in a browser.
WASM := cargo build --locked -p nexora-verify --target wasm32-unknown-unknown --lib --example browser
NEXORA := $(CARGO_TARGET_DIR)/debug/nexora
SHARED := ../shared/data

.PHONY: help demo up test test-shared bench bench-detect fuzz lint

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: ## Run the whole loop on the bundled scenario, or on your own CloudTrail logs (EVENTS=FILE)
	@.ci/tools cargo cc
	@$(BUILD)
	@$(NEXORA) demo $(if $(EVENTS),--events '$(EVENTS)')

up: ## Start the server on an empty or existing data directory (DATA=DIR, LISTEN=ADDR:PORT)
	@.ci/tools cargo cc
	@$(BUILD)
	@exec $(NEXORA) serve $(if $(DATA),--data '$(DATA)') $(if $(LISTEN),--listen '$(LISTEN)')

test: ## Run every test but those of test-shared
	@.ci/tools cargo cc python foreign wasm
	$(WASM)
	$(TEST) -- --skip shared::
	$(SECOND) -- encrypted::

test-shared: ## Run the tests that need ../shared/data
	@[ -d $(SHARED) ] || { echo "missing folder: $(SHARED) (the tests named shared:: read it)" >&2; exit 1; }
	@.ci/tools cargo cc python foreign
	$(TEST) --tests -- shared::

bench: ## Run every benchmark beside its peer, in release mode
	@.ci/tools cargo cc python models
	cargo build --release --workspace --locked --bin nexora --bin bench
	$(CARGO_TARGET_DIR)/release/bench all

bench-detect: ## Measure detection: false alarms, and attacks found, on simulated organizations (minutes)
	@.ci/tools cargo cc
	cargo build --release --workspace --locked --bin bench
	$(CARGO_TARGET_DIR)/release/bench detect

fuzz: ## Fuzz every parser of untrusted bytes, a minute each (FOR=SECONDS)
	@.ci/tools cargo cc c++
	@tests/fuzz/run $(or $(FOR),60)

lint: ## Check the formatting and every lint
	@.ci/tools cargo cc
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
