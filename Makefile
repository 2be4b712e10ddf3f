.DEFAULT_GOAL := help
.PHONY: help check test lint format generate demo demo-down image docs bench fuzz mutants audit test-upgrade test-matrix

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: ## Check what needs no control plane: format, lints, most tests (at most 90 s on a warm tree)
	@scripts/check

test: ## Check and test everything, from a bare checkout
	@scripts/test

test-upgrade: ## Upgrade from the latest tag and back, with both versions running (FROM=COMMIT for another one)
	@scripts/test-upgrade $(FROM)

test-matrix: ## Run the tests on a cluster with other Kubernetes versions (hours; VERSIONS="1.34 1.37" for some)
	@scripts/test-matrix $(VERSIONS)

lint: ## Lint the Rust code as `make test` does
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --workspace -- -D warnings

format: ## Format all code
	cargo fmt --all
	gofmt -w tests/control-plane tests/ops-tools tests/signer

generate: ## Write anew what is generated from the code: CRD, docs
	@scripts/generate

demo: ## Show it all on this machine: a control plane, a simulated Salesforce, the operator, examples
	@scripts/demo

demo-down: ## End what `make demo` left running
	@scripts/demo-down

image: ## Build the image of the operator, as an archive, without a container engine
	@scripts/image

docs: ## Make a site of the pages under docs/, and check its links (needs the network once)
	@scripts/docs

bench: ## Measure what the README's table says (not a test; about ten minutes, besides the build)
	@scripts/bench

fuzz: ## Feed each parser of foreign input with mutated ones, for a minute each; installs what it needs (needs the network once)
	@scripts/fuzz

mutants: ## Break each rule of the redeem protocol, and say which tests notice (about an hour)
	@scripts/mutants

audit: ## Look for known vulnerabilities in dependencies (needs the network)
	@"$$(scripts/install-cargo-deny)/bin/cargo-deny" --locked check advisories
