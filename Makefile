# Everything that is done with opentop's sources. `make help` lists it; that list is made from the lines below.

PREFIX  ?= /usr/local
TARGET  := $(or $(CARGO_TARGET_DIR),target)
BIN     := $(TARGET)/release/opentop
# Naming the target keeps flags for the program away from what only builds it.
HOST     = $(shell rustc -vV | sed -n 's/^host: //p')
# The tests that need root get it for themselves; what is built stays the user's own.
AS_ROOT := $(if $(filter 0,$(shell id -u)),,--config 'target."cfg(unix)".runner=["sudo","-E"]')

.PHONY: build run test lint bench screen jobs picture fuzz attack kernels static dist image deploy-test install clean help

build: ## build the release binary (the default)
	@scripts/install-deps.sh build
	cargo build --release

run: build ## build and start it, with ARGS="-o json -d 5"; a recorded demo where the host forbids BPF
	@scripts/run.sh $(ARGS)

test: ## all tests, those on the real kernel included: they need root and fail where they cannot run
	@scripts/install-deps.sh build test
	cargo test $(AS_ROOT) -- --include-ignored --skip measurement_ --skip panicking_screen
	cargo test $(AS_ROOT) --test attack --test goals --test jobs
	@scripts/kernels.sh --short

lint: ## rustfmt, clippy, rustdoc, clang-format; cargo-deny and shellcheck where they are installed
	@scripts/install-deps.sh build lint
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --test attack --test goals --test jobs --test guest -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --document-private-items
	clang-format --dry-run -Werror $(wildcard src/bpf/*.[ch] src/bpf/*/*.h benches/*/*.bpf.c)
	if command -v cargo-deny >/dev/null; then cargo deny --log-level error check licenses bans sources; fi
	if command -v shellcheck >/dev/null; then shellcheck -x scripts/*.sh scripts/dist/*.sh .ci/run; fi

bench: build ## what tracing costs, beside a floor and its peers; takes minutes, wants a quiet machine and root
	@scripts/install-deps.sh bench
	cargo build --examples
	@$(if $(filter 0,$(shell id -u)),,sudo -E) scripts/bench.sh $(ARGS)

screen: build ## what the screen is held to, measured: a table; takes minutes, wants a quiet machine and root
	cargo build --examples
	OPENTOP=$(BIN) cargo test $(AS_ROOT) --test goals -- --full

jobs: ## what people come for, done by keys on the real kernel; writes docs/jobs.md; needs root
	@scripts/install-deps.sh build test
	cargo build --examples
	cargo test $(AS_ROOT) --test jobs -- --write

picture: build ## the pictures of the README, made anew from the recorded demo; needs tmux and python3
	scripts/picture.sh

fuzz: ## search for inputs that break a promise, by coverage; ARGS="filter 600": this target, for so many seconds
	@scripts/fuzz.sh $(ARGS)

attack: build ## floods of all kinds against memory and counts: a table; ARGS="300 long": seconds on the screen, floods
	cargo build --examples
	OPENTOP=$(BIN) cargo test $(AS_ROOT) --test attack -- --full $(ARGS)

kernels: ## opentop on other kernels, in virtual machines made from Debian's packages; ARGS="6.12 7" or "arm64" chooses
	@scripts/install-deps.sh build static
	@scripts/kernels.sh $(ARGS)

static: ## a fully static binary, target/static/opentop, that runs on any Linux of this architecture
	@scripts/install-deps.sh build static
	RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --target $(HOST) --target-dir $(TARGET)/static
	cp $(TARGET)/static/$(HOST)/release/opentop $(TARGET)/static/opentop

dist: ## tarball, .deb, .rpm, SBOM and sums of a static binary, in target/dist; ARGS=arm64 for the other architecture
	@scripts/install-deps.sh build static dist
	@scripts/dist.sh $(ARGS)

image: static ## an OCI image of the static binary, opentop:VERSION, by buildah
	@scripts/install-deps.sh build deploy
	install -D $(TARGET)/static/opentop $(TARGET)/image/opentop
	buildah build -t opentop:$$(cargo pkgid | sed 's/.*[#@]//') -f deploy/Containerfile $(TARGET)/image

deploy-test: static ## the manifests and the image of deploy/, for real: kubernetes-validate, buildah, podman, runc; needs root
	@scripts/install-deps.sh build deploy
	@$(if $(filter 0,$(shell id -u)),,sudo) scripts/deploy-test.sh $(TARGET)/static/opentop

install: ## install what `make build` built, the man page and the completions below PREFIX (/usr/local); DESTDIR works
	@test -x $(BIN) || { echo "$(BIN) is not there: run make build first, as yourself" >&2; exit 1; }
	install -Dm755 $(BIN) $(DESTDIR)$(PREFIX)/bin/opentop
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m644 assets/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -Dm644 assets/opentop.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/opentop
	install -Dm644 assets/_opentop $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_opentop
	install -Dm644 assets/opentop.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/opentop.fish

clean: ## remove what was built
	cargo clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
