# holdfast: make help

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT := mvdan.cc/gofumpt@v0.12.0

# Where make install puts things; systemd looks for units there too.
PREFIX ?= /usr/local
UNITS := $(PREFIX)/lib/systemd/system
MAN := $(PREFIX)/share/man
COMPLETION := $(PREFIX)/share/bash-completion/completions

# What make fuzz runs: PACKAGE:FUZZTEST is found, not listed.
FUZZTIME ?= 10s

.PHONY: help build install uninstall deps test unit sim integration survival demo kernel bench campaign failovers lint fuzz clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14
	@echo
	@echo "test, demo and bench need root; they install missing Debian packages with apt-get."

build: ## the static binary build/holdfast, and build/keepalived, which is the same
	@mkdir -p build
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o build/holdfast ./cmd/holdfast
	@ln -sf holdfast build/keepalived

install: build ## the program, man pages, systemd units and completion, below PREFIX (/usr/local); starts nothing
	install -D -m 0755 build/holdfast $(DESTDIR)$(PREFIX)/sbin/holdfast
	install -D -m 0644 -t $(DESTDIR)$(MAN)/man8 packaging/man/*.8
	install -D -m 0644 -t $(DESTDIR)$(MAN)/man5 packaging/man/*.5
	install -d $(DESTDIR)$(UNITS) $(DESTDIR)$(COMPLETION)
	for u in packaging/*.service; do sed 's,/usr/local/sbin,$(PREFIX)/sbin,' $$u > $(DESTDIR)$(UNITS)/$${u##*/} || exit 1; done
	build/holdfast completion bash > $(DESTDIR)$(COMPLETION)/holdfast

uninstall: ## what make install put there, and nothing else
	rm -f $(DESTDIR)$(PREFIX)/sbin/holdfast $(DESTDIR)$(COMPLETION)/holdfast
	rm -f $(addprefix $(DESTDIR)$(MAN)/man8/,$(notdir $(wildcard packaging/man/*.8)))
	rm -f $(addprefix $(DESTDIR)$(MAN)/man5/,$(notdir $(wildcard packaging/man/*.5)))
	rm -f $(addprefix $(DESTDIR)$(UNITS)/,$(notdir $(wildcard packaging/*.service)))

deps: ## install the programs that tests, demo and bench use (as root)
	@go run ./integration/deps/install

test: deps build ## everything: vet, unit tests with the race detector, labs, interop, the IPVS kernel
	go vet ./...
	@status=0; $(MAKE) unit || status=1; $(MAKE) sim || status=1; $(MAKE) integration || status=1; exit $$status

# The packages below integration start real daemons and measure time: one at a
# time, and without the race detector, whose memory the IPVS kernel cannot give.
unit: ## unit tests and simulation with the race detector
	HOLDFAST_REQUIRE=1 go test -race -timeout 20m $$(go list ./... | grep -v /integration)

sim: ## 10,000 seeds through the protocol core, 2,000 through whole engines; a seed that fails prints its story
	go test -count=1 -run Simulation ./vrrp -lives 10000
	go test -count=1 -run Simulation ./vrrp/engine -sim.time 1m

integration: build ## labs of namespaces, interop with keepalived, the IPVS kernel
	@rm -f build/rounds
	HOLDFAST_REQUIRE=1 HOLDFAST_ROUNDS=$(CURDIR)/build/rounds HOLDFAST_BIN=$(CURDIR)/build/holdfast go test -count=1 -p 1 -parallel 8 -timeout 25m ./integration/...; \
		status=$$?; [ ! -f build/rounds ] || { echo "rounds that were repeated, as the machine stood still in them:"; cat build/rounds; }; exit $$status

survival: deps build ## connections through failover, return and failback, beside keepalived's, in the IPVS kernel
	HOLDFAST_REQUIRE=1 HOLDFAST_SURVIVAL=full HOLDFAST_BIN=$(CURDIR)/build/holdfast go test -count=1 -v -timeout 15m -run '^TestConnectionSync$$' ./integration

demo: build ## watch two directors survive the death of the master (under two minutes)
	@build/holdfast demo

kernel: deps build ## run a program of yours in the IPVS kernel: RUN='bash try.sh' (KERNELFLAGS=-help)
	@go run ./integration/uml/run $(KERNELFLAGS) $(RUN)

bench: deps build ## CPU, memory and takeover time beside keepalived's (BENCHFLAGS=-help)
	@go run ./integration/bench -holdfast build/keepalived $(BENCHFLAGS)

campaign: deps build ## the same faults for pairs of holdfast, keepalived and both (CAMPAIGNFLAGS=-help)
	@go run ./integration/campaign -holdfast build/keepalived $(CAMPAIGNFLAGS)

failovers: deps build ## a client connects through 20 failovers in the IPVS kernel and is never refused
	HOLDFAST_REQUIRE=1 HOLDFAST_FAILOVERS=20 HOLDFAST_BIN=$(CURDIR)/build/holdfast go test -count=1 -v -timeout 20m -run TestIPVSKept ./integration

lint: ## gofumpt, vet, staticcheck
	@out=$$(go run $(GOFUMPT) -l .); if [ -n "$$out" ]; then echo "gofumpt -w:"; echo "$$out"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

fuzz: ## every fuzz test for FUZZTIME (10s)
	@set -e; for f in $$(grep -rl --include=*_test.go '^func Fuzz' .); do \
	  for name in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$f); do \
	    echo "$$(dirname $$f) $$name"; \
	    go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) $$(dirname $$f); \
	  done; \
	done

clean: ## remove what was built
	rm -rf build
	go clean -testcache
