# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Martlet authors

# Each target calls one script or one swift command; the scripts say at their head what they do and what they take.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test arm64 guest arm-host bench bindings boards host-module generate docs mutate-release format lint clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

demo: ## boot a Linux guest with a passed-through RTC and check what it did (DEVICE=NAME on an arm64 machine)
	@guest-images/demo.sh

test: ## unit tests here, integration tests on an ARM host, emulated if this isn't one, and the documentation's commands
	@guest-images/test.sh

arm64: ## the static, stripped arm64 binary: .build/arm64/martlet
	@guest-images/toolchain/martlet.sh

guest: ## what guests boot: guest-images/build/Image, initramfs.cpio.gz, flat/
	@guest-images/build.sh

arm-host: ## a shell in the emulated ARM host (RUN=FILE runs that instead; VARIANT, PAGES=16|64, LIMIT, DEVICES=1, MACHINE_ARGS, KERNEL_ARGS)
	@guest-images/arm-host/shell.sh

bench: ## the README's figures, counted in instructions by the emulated host
	@guest-images/bench.sh

bindings: ## read the kernel's devicetree bindings anew: which properties refer to nodes, and what each device needs
	@guest-images/bindings/build.sh --install

boards: ## the trees of all arm64 boards of Debian's kernel source through the node generator: a table (BOARDS_ONLY, BOARDS_DETAILS)
	@guest-images/boards/run.sh

host-module: ## host-module/ against the kernel headers of Debian bookworm, trixie and sid, to see that it compiles
	@guest-images/modules/debian.sh

generate: ## configs/schema.json, docs/configuration.md and Tests/MessagesTests/messages.txt, from what the sources say
	swift run --quiet generate .
	MARTLET_GENERATE=1 swift test --quiet --filter '^MessagesTests\.'

docs: ## the documentation of the modules, by DocC (in .build/documentation), from what make test has built
	@lint/documentation.sh

mutate-release: ## change each order of release in turn, and show that a unit test notices (about a minute each)
	@Tests/mutate-release.sh

format: ## format the Swift sources
	swift format --in-place --parallel --recursive Package.swift Sources Tests

lint: ## check the Swift sources' format, operators, imports and dependencies, and the shell scripts
	swift format lint --strict --parallel --recursive Package.swift Sources Tests
	@lint/mixed-operators.sh
	@lint/imports.sh
	@lint/dependencies.sh
	@lint/scripts.sh

clean: ## remove what was built in this clone (the cache is ~/.cache/martlet)
	rm -rf .build guest-images/build
