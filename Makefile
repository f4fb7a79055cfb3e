# The front door. `make` alone tells what there is; .ci/run calls the same targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# Everything that is fetched or built for the work lies here, and nothing outside.
TOOLS := $(CURDIR)/.tools
VENV := $(TOOLS)/venv
PINNED := requests==2.32.5 cargo-lambda==1.9.2 typos==1.52.0

.PHONY: help
help: ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

.PHONY: check
check: $(TOOLS)/bin/cargo-deny $(TOOLS)/bin/cargo-machete $(VENV)/ready ## Format, lints, documentation, licences, unused dependencies, spelling
	cargo fmt --check
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --all-features --document-private-items --locked
	$(TOOLS)/bin/cargo-deny --log-level error --all-features --config .deny.toml check bans licenses sources
	$(TOOLS)/bin/cargo-machete
	$(VENV)/bin/typos --config .typos.toml

.PHONY: audit
audit: $(TOOLS)/bin/cargo-deny ## Known vulnerabilities in the dependencies; needs github.com, where their list is kept
	$(TOOLS)/bin/cargo-deny --all-features --config .deny.toml check advisories

.PHONY: test
test: $(VENV)/ready ## Every test, those with Python, curl and cargo-lambda included
	cargo test --workspace --all-features --locked -- --include-ignored

.PHONY: clean
clean: ## Removes what was built and fetched
	rm -rf target $(TOOLS)

$(VENV)/ready: Makefile
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check $(PINNED)
	touch $@

# Both only read; without optimizing they build in half the time.
$(TOOLS)/bin/cargo-deny: Makefile
	cargo install --quiet --locked --root $(TOOLS) --target-dir $(TOOLS)/target --debug cargo-deny@0.20.2

$(TOOLS)/bin/cargo-machete: Makefile
	cargo install --quiet --locked --root $(TOOLS) --target-dir $(TOOLS)/target --debug cargo-machete@0.9.2
