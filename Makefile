# `make demo` shows it, `make test` proves it. Both install what they need first (scripts/setup.sh).

export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: demo test build e2e bench bench-peers lint fuzz clean-demo setup setup-tests

demo: setup ## real functions through the vendors' SDKs, cold and warm
	cargo build --release --locked --bin sluice
	SLUICE_BIN=$(CURDIR)/target/release/sluice .venv/bin/python scripts/demo.py

# One profile for unit tests and for the binary under test, so that nothing is built twice.
test: setup-tests ## everything: Rust tests, bootstraps, end-to-end suites
	@if cargo nextest --version >/dev/null 2>&1; then set -x; cargo nextest run --workspace --locked; \
	else set -x; cargo test --workspace --locked; fi
	python3 -m unittest discover -s tests/contract -t tests/contract
	$(MAKE) e2e

build: ## the release binary
	cargo build --release --locked --bin sluice

e2e: setup-tests ## the end-to-end suites alone; pass pytest arguments in ARGS
	cargo build --locked --bin sluice
	SLUICE_BIN=$(CURDIR)/target/debug/sluice scripts/e2e.sh $(ARGS)

bench: setup ## the promises of SPECIFICATION.md, measured
	cargo build --release --locked --bin sluice --bin sluice-bench
	target/release/sluice-bench all $(ARGS)

bench-peers: setup ## the same beside other platforms, from their registries
	cargo build --release --locked --bin sluice --bin sluice-bench
	target/release/sluice-bench peers $(ARGS)

lint: ## formatting, clippy, layer rule, sizes, coverage of the specification
	cargo fmt --all -- --check
	rustfmt --check --edition 2024 adapters/sandbox/template/lib.rs
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo xtask tidy
	cargo xtask coverage --check

# FUZZ_SECONDS per target; needs cargo-fuzz and a nightly toolchain.
FUZZ_SECONDS ?= 60
fuzz: ## every fuzz target for a while
	cd fuzz && for target in $$(cargo +nightly fuzz list); do cargo +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; done

clean-demo: ## what setup.sh put into the checkout
	rm -rf .venv tests/e2e/node/node_modules

setup:
	scripts/setup.sh

setup-tests:
	scripts/setup.sh --tests
