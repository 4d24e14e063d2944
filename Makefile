# What people and CI call. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:
# What a failed recipe left is no result.
.DELETE_ON_ERROR:
.PHONY: help up test test-full check fmt gen bench fmt-check clippy build tidy deny advisories doc web test-web test-rust test-e2e packages-up packages-test

TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
DENY_VERSION := 0.20.2
DENY := $(TARGET)/tools/bin/cargo-deny
VENV := $(TARGET)/venv
VENV_READY := $(VENV)/.ready
NODE_READY := tests/e2e/node_modules/.package-lock.json
WEB_NODE_READY := web/node_modules/.package-lock.json
# The dashboard that the binary takes in.
WEB_READY := web/dist/index.html.gz
WEB_SOURCES := $(shell find web/src web/public web/dev/compress.mjs -type f) web/index.html web/package.json web/vite.config.ts \
  web/tsconfig.json web/tsconfig.app.json web/tsconfig.node.json

# A machine that builds once gains nothing from what speeds the second build up.
ifdef CI
export CARGO_INCREMENTAL := 0
endif
export PYTHONDONTWRITEBYTECODE := 1

comma := ,
say = @echo "== $(1) ($$(date +%T))"

help:
	@echo 'make up         build llmg and its dashboard and run them on http://127.0.0.1:4000, all in one process, nothing to configure'
	@echo 'make test       what CI checks'
	@echo 'make test-full  the same with long random tests and large loads'
	@echo 'make check      format, lints, rules, documentation, licences, advisories; runs no tests'
	@echo 'make web        build the dashboard only, into web/dist; builds of llmg take it in'
	@echo 'make fmt        format the code'
	@echo 'make gen        make generated files anew: catalog data, snapshots'
	@echo 'make bench      measure beside other gateways; see tests/bench/run.sh'

up: packages-up $(WEB_READY)
	cargo build --locked --release -p llmg
	exec $(TARGET)/release/llmg up

# From the cheapest to the dearest; one build serves the rules, the Rust tests and the end-to-end tests.
test: packages-test fmt-check test-web clippy build tidy deny test-rust test-e2e

# Tests that can be long look at TEST_FULL; random ones take their number of cases from PROPTEST_CASES.
test-full:
	TEST_FULL=1 PROPTEST_CASES=$${PROPTEST_CASES:-5000} $(MAKE) test

check: packages-test fmt-check web clippy doc build tidy deny advisories

fmt: $(WEB_NODE_READY)
	cargo fmt --all
	npm run --prefix web --silent fmt

gen: $(WEB_NODE_READY)
	cargo run --locked -p xtask -- catalog
	INSTA_UPDATE=always INSTA_FORCE_PASS=1 cargo test --locked -p llm --quiet
	npm run --prefix web --silent gen

# BENCH (a folder with bench.sh) and MOCK (its mock_upstream) come from the caller.
bench: packages-up $(WEB_READY)
	cargo build --locked --profile dist -p llmg
	LLMG_BIN=$(TARGET)/dist/llmg bash tests/bench/run.sh

packages-up:
	@bash .ci/packages up

packages-test:
	@bash .ci/packages test

fmt-check:
	$(call say,format)
	cargo fmt --all --check

web: $(WEB_READY)

test-web: $(WEB_READY)
	$(call say,dashboard: types$(comma) lints$(comma) tests$(comma) size)
	npm run --prefix web --silent check

# What is built of Rust takes the dashboard in, so it is built first.
clippy: $(WEB_READY)
	$(call say,lints)
	cargo clippy --locked --workspace --all-targets -- -D warnings

build: $(WEB_READY)
	$(call say,build)
	cargo build --locked --workspace --all-targets

tidy: build
	$(call say,rules of this repository)
	$(TARGET)/debug/xtask tidy

deny: $(DENY)
	$(call say,outside crates)
	$(DENY) --log-level error --locked check --allow unused-wrapper bans licenses sources

# The database of advisories is the one thing here that only the open network has.
advisories: $(DENY)
	$(call say,advisories)
	@if $(DENY) --log-level off fetch db; then \
	  $(DENY) --log-level warn --locked check --disable-fetch advisories; \
	else \
	  echo 'advisories: SKIPPED, the advisory database cannot be reached'; \
	fi

$(DENY):
	$(call say,install cargo-deny $(DENY_VERSION))
	cargo install --quiet --locked --debug --version $(DENY_VERSION) --root $(TARGET)/tools cargo-deny

doc:
	$(call say,documentation)
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps --document-private-items

test-rust:
	$(call say,Rust tests)
	cargo test --locked --workspace --no-fail-fast

test-e2e: build $(VENV_READY) $(NODE_READY)
	$(call say,end-to-end tests)
	LLMG_BIN=$(TARGET)/debug/llmg LLMG_DIALECTS_BIN=$(TARGET)/debug/examples/dialects \
	  $(VENV)/bin/python -m pytest tests -o cache_dir=$(TARGET)/pytest

$(VENV_READY): tests/sdk/requirements.txt
	$(call say,Python packages)
	rm -rf $(VENV)
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/sdk/requirements.txt
	touch $@

$(WEB_NODE_READY): web/package.json web/package-lock.json
	$(call say,Node packages of the dashboard)
	npm ci --prefix web --no-audit --no-fund --loglevel error
	touch $@

$(WEB_READY): $(WEB_NODE_READY) $(WEB_SOURCES)
	$(call say,dashboard)
	npm run --prefix web --silent build
	touch $@

$(NODE_READY): tests/e2e/package.json tests/e2e/package-lock.json
	$(call say,Node packages)
	npm ci --prefix tests/e2e --no-audit --no-fund --loglevel error
	touch $@
