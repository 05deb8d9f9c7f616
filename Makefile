# The tasks of this repository. Start with `make run` and `make test`.
GO ?= go
# The toolchain of go.mod. Another version of the go command downloads it.
export GOTOOLCHAIN := $(shell sed -n "s/^toolchain //p" go.mod)
PACKAGES ?= ./...
FUZZTIME ?= 60s
FUZZPACKAGES ?= ./...
# Modules of their own, for the libraries of others.
CONTRIB = $(patsubst %/go.mod,%,$(wildcard contrib/*/go.mod test/*/go.mod))
CROSS = linux/amd64 linux/arm64 linux/riscv64 linux/386 linux/arm darwin/arm64 freebsd/amd64 windows/amd64

.PHONY: run test contrib announce check build page bench million mutants fuzz peers lint cross vet timing clean

run: build ## an encrypted echo server on loopback, with a new certificate
	./bin/seal listen --keep --echo 127.0.0.1:4433

build: page ## the command, into bin/, with the page of seal relay
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/seal ./cmd/seal

page: ## the program of the relay's page for browsers, which the command embeds
	@GO="$(GO)" scripts/page.sh

# With SEALSOCK_PEERS=require, as in CI, the peers are installed first.
test: $(if $(filter require,$(SEALSOCK_PEERS)),peers) announce ## all tests: units, vectors, fuzz seeds, and foreign programs in both roles
	@$(GO) run ./test/summary -again -timeout 40m $(PACKAGES)
	@$(MAKE) --no-print-directory contrib CONTRIBFLAGS=-again

contrib: ## vets and tests the modules below contrib and test, whose libraries are downloaded
	@$(GO) build -o bin/summary ./test/summary
	@set -e; for m in $(CONTRIB); do (cd $$m && $(GO) vet ./... && \
	  $(CURDIR)/bin/summary $(CONTRIBFLAGS) -timeout 10m ./...); done

announce:
	@echo "make test: about ten minutes on four CPUs. It installs nothing, and uses the foreign"
	@echo "programs that are there: make peers installs them (with apt, as root, about 1 GB)."
	@echo "Skipped and failed tests are printed at the end."

peers: ## installs the programs for the interop tests, if possible
	@scripts/peers.sh
	@SEALSOCK_PEERS=require $(GO) test -run TestLab ./test/kernel || true

check: lint cross ## the checks that each commit must pass
	@$(GO) run ./test/summary -race -short -timeout 20m $(PACKAGES)
	@$(MAKE) --no-print-directory contrib CONTRIBFLAGS="-race -short"

lint: vet
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofmt: $$out"; exit 1; }
	$(GO) tool staticcheck $(PACKAGES)
	@GO="$(GO)" scripts/tidy.sh
	@scripts/vulncheck.sh

vet:
	$(GO) vet $(PACKAGES)

cross: ## builds and vets for every supported system
	@set -e; for p in $(CROSS); do echo "build $$p"; \
	  GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 $(GO) build $(PACKAGES); \
	  GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 $(GO) vet $(PACKAGES); done

bench: ## comparison with crypto/tls, OpenSSL, net, Python, other tunnels and plain event loops; writes docs/performance.*, sockets.md, tunnel.*
	$(GO) run ./bench
	$(GO) run ./bench sockets
	$(GO) run ./bench tunnels
	$(GO) run ./bench loops

million: ## a million idle connections, both ends on this machine: 20 GB of memory and a quarter of an hour; not in CI
	$(GO) build -o bin/bench ./bench
	bin/bench million -out docs/million.json

mutants: ## breaks the code at each requirement and demands that the test beside it fails
	$(GO) run ./test/mutants

fuzz: ## every fuzz target of FUZZPACKAGES for FUZZTIME
	@scripts/fuzz.sh $(FUZZTIME) $(FUZZPACKAGES)

timing: ## dudect-style timing test of the secret comparisons
	$(GO) test -run TestTiming -v ./engine -timing

clean:
	rm -rf bin .cache
