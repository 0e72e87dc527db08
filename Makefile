# Everything that is done with opentop's sources. `make help` lists it; that list is made from the lines below.

PREFIX  ?= /usr/local
TARGET  := $(or $(CARGO_TARGET_DIR),target)
BIN     := $(TARGET)/release/opentop
# The tests that need root get it for themselves; what is built stays the user's own.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,--config 'target."cfg(unix)".runner=["sudo","-E"]')

.PHONY: build run test lint bench kernels static install clean help

build: ## build the release binary (the default)
	@scripts/install-deps.sh build
	cargo build --release

run: build ## build and start it, with ARGS="-o json -d 5"; a recorded demo where the host forbids BPF
	@scripts/run.sh $(ARGS)

test: ## all tests, those on the real kernel included: they need root and fail where they cannot run
	@scripts/install-deps.sh build
	cargo test $(AS_ROOT)

lint: ## rustfmt, clippy, clang-format, and shellcheck where it is installed
	@scripts/install-deps.sh build lint
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	clang-format --dry-run -Werror $(filter-out %/vmlinux.h,$(wildcard src/bpf/*.[ch] src/bpf/hooks/*.h))
	if command -v shellcheck; then shellcheck scripts/*.sh .ci/run; fi

clean: ## remove what was built
	cargo clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
