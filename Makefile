# What can be done here? `make` lists it. `make run` and `make test` set up what they need.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3.13
BIN := .venv/bin
# A file's tests are one process's: what they share is made once. tests/conftest.py says what starts first.
# One that dies ends the run: those that go on would wait for its share for ever.
SPREAD := -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
# What is installed by hash.
HASHED := src/requirements.txt tools/zigzag_local/requirements.txt tools/pip.txt
export PYTHONPATH := src:tools
# Each file is compiled once, whatever the shell says: a run of the tests has hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

##@ See it
run: setup ## The whole queue on this machine: deploys, sends, shows what becomes of it, cleans up
	@$(BIN)/python -m zigzag_cli local demo

##@ Develop
up: setup ## Starts a local AWS that stays, and deploys to it
	@$(BIN)/python -m zigzag_cli local up
deploy-local: setup ## Deploys again to the local AWS, after a change
	@$(BIN)/python -m zigzag_cli local deploy
logs: setup ## Follows the logs of both functions on the local AWS
	@$(BIN)/python -m zigzag_cli local logs
down: setup ## Ends the local AWS
	@$(BIN)/python -m zigzag_cli local down

##@ Test
test: setup ## Everything that must hold at every commit, end to end on the local AWS included
	@$(BIN)/pytest $(SPREAD) -m "not slow"
test-all: test test-slow ## make test and make test-slow
test-slow: setup ## As well: each permission is needed, processes are killed, `sam local invoke`
	@$(BIN)/pytest $(SPREAD) -m "slow and not nightly"
test-fast: setup ## All but end to end, in some five minutes
	@$(BIN)/pytest $(SPREAD) -m "not slow" --ignore tests/e2e
test-patterns: setup ## Every page of docs/patterns/ as printed, all on one local stack, in some ten minutes
	@$(BIN)/pytest -m nightly -o faulthandler_timeout=1200 tests/e2e/test_patterns.py
test-nightly: setup ## The pages of patterns, and as well: real processes are killed, and calls harmed, for half an hour
	@$(BIN)/pytest -m nightly -o faulthandler_timeout=1200
gameday: setup ## A stack gets into trouble, seven times, and out of it by what its alarms say to type; in some twenty minutes
	@PYTHONPATH=src:tools:. $(BIN)/python -m tests.gameday
soak: setup ## A million messages through hostile worlds, however long a fault lasts, and 100,000 chains that are killed
	@PYTHONPATH=src:tools:. $(BIN)/python -X no_debug_ranges -m tests.promises.hostile.soak
	@PYTHONPATH=src:tools:. $(BIN)/python -m tests.promises.hostile.killed
mutants: setup ## Breaks each mechanism in turn, and writes down who noticed: mutants.md; ONLY="words" for those of that name, QUICK=1 in a quarter of the time
	@PYTHONPATH=src:tools:. $(BIN)/python -m tests.project.mutants $(if $(ONLY),--only "$(ONLY)") $(if $(QUICK),--quick)
corpus: setup ## Writes down the formats of this version, which later ones must read: tests/project/corpus/
	@PYTHONPATH=src:tools:. $(BIN)/python -m tests.project.corpus
verify-aws: setup ## Tries it all on your AWS account, in ten minutes, for cents, and takes it away; PROFILE=, REGION=, BOUNDARY=, SWEEP=1
	@$(BIN)/python -m zigzag_verify $(if $(PROFILE),--profile "$(PROFILE)") $(if $(REGION),--region "$(REGION)") \
	$(if $(ENDPOINT),--endpoint-url "$(ENDPOINT)") $(if $(ACCOUNT),--account "$(ACCOUNT)") $(if $(BOUNDARY),--boundary "$(BOUNDARY)") $(if $(SWEEP),--sweep)
bench: setup ## How fast, how cheap: writes docs/performance.md (on a quiet machine, ten minutes and more)
	@PYTHONPATH=src:tools:. $(BIN)/python -m benchmarks
check: setup ## Style, types, template, undeclared imports, known holes in what we depend on
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/cfn-lint template.yaml
	@$(BIN)/python tools/declared.py .
	@test ! -e messages.jsonl || $(BIN)/python -m zigzag_cli schema --check
	@$(BIN)/python tools/audit.py $(BIN)/pip-audit $(HASHED) constraints.txt
hashes: setup ## Writes the hashes of what is installed by them, after a version was changed
	@$(BIN)/python tools/hashes.py $(HASHED)
format: setup ## Formats the code
	@$(BIN)/ruff check --fix --quiet . && $(BIN)/ruff format .

##@ Start your own
new-project: ## A project of your own, with what you need and nothing else: make new-project DIR=../my-queue
	@$(PYTHON) -B -m zigzag_project new "$(DIR)"

producer: ## The package that producers elsewhere install, in DIST=dist
	@$(PYTHON) -B -m zigzag_project.producer "$(DIST)"

package: setup ## Zips, SBOMs and a template for CDK or Terraform, in dist
	@$(BIN)/python -m zigzag_package dist

##@ Set up
setup: .venv/ready .venv-ministack/ready ## Makes the environments of the tasks, the tools and the local AWS

# The shipped packages are apart from the tools, and in front of them: the tests run on what ships, a new line
# takes seconds, and no tool changes with it.
.venv/ready: .venv-tools/ready src/requirements.txt
	@tools/make-environment "$(PYTHON)" .venv --before .venv-tools src/requirements.txt
.venv-tools/ready: requirements.txt constraints.txt tools/pip.txt
	@tools/make-environment "$(PYTHON)" .venv-tools requirements.txt
.venv-ministack/ready: tools/zigzag_local/requirements.txt tools/pip.txt
	@tools/make-environment "$(PYTHON)" .venv-ministack tools/zigzag_local/requirements.txt

clean: ## Removes the environments and everything that was built
	@test ! -e .zigzag-local/state.json || { echo "A local AWS is running: make down, then make clean." >&2; exit 1; }
	@rm -rf .venv .venv-tools .venv-ministack .aws-sam .pytest_cache .mypy_cache .ruff_cache .hypothesis

help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run up deploy-local logs down test test-slow test-all test-fast test-patterns test-nightly gameday soak mutants corpus bench check hashes format new-project producer setup clean help package verify-aws
