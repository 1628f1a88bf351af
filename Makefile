# SPDX-License-Identifier: Apache-2.0
# The front door for people; CMake does the work (see CMakePresets.json).
# Variables: DURATION, KAFKA, ROUNDS, ONLY, UPDATE, PYTEST_ARGS, ARCH, DIST.
DURATION ?= 60
KAFKA ?= mock
DIST ?= bookworm
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build cross deb test test-cross test-package test-nightly test-flink demo bench bench-downsampling lint clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install missing Debian packages (root or sudo)
	@scripts/setup.sh

build: ## release build into build/release/bin
	@scripts/setup.sh build
	@scripts/build.sh release

cross: ## build for another machine (ARCH=arm64|armhf|riscv64, DIST=bookworm|trixie) into build/ARCH or build/ARCH-trixie
	@scripts/cross.sh $(or $(ARCH),arm64) $(DIST) tributary

test: ## what CI runs: builds, unit tests, sanitizers, system tests with a real mosquitto and Kafka
	@scripts/test.sh

test-nightly: ## the long and the root-only tests, and the thread sanitizer
	@scripts/test.sh nightly

test-cross: ## ARM builds under qemu: unit tests, and records compared with amd64's (ARCH="arm64 armhf", DIST=bookworm)
	@scripts/test_cross.sh $(DIST) $(or $(ARCH),arm64 armhf)

test-flink: ## our windows against a real Apache Flink (UPDATE=1 stores its results for `make test`)
	@scripts/setup.sh build flink
	@scripts/build.sh release tributary
	@scripts/flink.sh $(if $(UPDATE),--update)

deb: ## the Debian package in build/deb/DIST (ARCH=amd64 | arm64 | armhf, DIST=bookworm | trixie; root)
	@scripts/setup.sh package
	@ARCH=$(ARCH) DIST=$(DIST) packaging/build_deb.sh

test-package: ## the package: lintian, hardening, two builds alike, piuparts, a real boot (root; DIST, ONLY=stage)
	@scripts/setup.sh package test
	@DIST=$(or $(DIST),bookworm) ONLY="$(ONLY)" packaging/test/package.sh

demo: ## simulated factory -> mosquitto -> gateway -> Kafka, live (DURATION=seconds, KAFKA=real)
	@scripts/setup.sh build demo $(if $(filter real,$(KAFKA)),test)
	@scripts/build.sh release tributary
	@DURATION=$(DURATION) KAFKA=$(KAFKA) python3 demo/demo.py

bench: ## cost per message against the floor, in one run (ROUNDS=3, ONLY=name)
	@scripts/setup.sh build test bench
	@scripts/build.sh release tributary window_bench detect_bench drain_floor
	@build/release/bin/window_bench
	@build/release/bin/detect_bench
	@scripts/kafka.sh install
	@/usr/bin/python3 tests/bench/bench.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY))
	@$(if $(ONLY),,/usr/bin/python3 tests/bench/drain.py)

bench-downsampling: ## reduction and error of the downsamplers on public series, into docs/downsampling.md
	@scripts/setup.sh build
	@scripts/build.sh release downsample_tool
	@/usr/bin/python3 tests/bench/downsampling.py --write

lint: ## clang-format (check only) and clang-tidy
	@scripts/setup.sh build lint
	@scripts/lint.sh

clean: ## remove everything that was built
	rm -rf build
