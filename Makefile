# Two commands: `make demo` and `make test`. Each does all its own set-up; a machine needs only Python 3.11 and make.

PYTHON ?=
PRESET ?= quick
BIN := .venv/bin
PACKAGES := rftcore $(wildcard plugins/rftcore-*/rftcore_*)
READY := .venv/ready

# Several busy threads on few cores are slower than one; work is spread over processes.
export OMP_NUM_THREADS := 1

# Some containers set it; then each of hundreds of processes would compile torch and its company anew.
unexport PYTHONDONTWRITEBYTECODE

# A virtual environment works only in the folder it was made in.
ifneq ($(shell cat .venv/home 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

.DEFAULT_GOAL := help
.PHONY: help install demo test lint docs wheels chaos soak bench results browser clean

help: ## say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1	\2/' | expand -t 18

$(READY): pyproject.toml constraints.txt scripts/install.sh $(wildcard plugins/rftcore-*/pyproject.toml)
	@PYTHON="$(PYTHON)" sh scripts/install.sh
	@touch $@

install: $(READY) ## make .venv/ with core, plugins and test tools (PYTHON=python3.12 chooses the interpreter)

demo: install ## run the quick study: about 10 minutes on 2 cores (PRESET=smoke: about one)
	@sh scripts/demo.sh $(PRESET)

lint: install ## ruff, mypy --strict, import layers
	$(BIN)/ruff check .
	$(BIN)/mypy --strict $(PACKAGES)
	$(BIN)/lint-imports

browser:
	@sh scripts/browser.sh

java:
	@sh scripts/java.sh

test: install browser java lint ## everything that CI runs: lint, tests, docs, wheels, the demo with a small budget
	$(BIN)/python -m pytest -n auto --dist loadfile
	$(MAKE) docs SITE=$$(mktemp -d)
	$(MAKE) wheels DIST=$$(mktemp -d)
	$(MAKE) demo PRESET=smoke

SITE ?= site
docs: install ## build the documentation into site/, strictly
	$(BIN)/mkdocs build --quiet --strict --site-dir $(SITE)

DIST ?= dist
wheels: install ## build a wheel of every distribution into dist/
	@for folder in . plugins/rftcore-*/; do \
		(cd $$folder && $(CURDIR)/$(BIN)/python -m hatchling build -t wheel -d $(abspath $(DIST))) || exit 1; \
	done

test-vllm: install ## test rftcore-vllm against a real `vllm serve` on the CPU, in an environment of its own
	@sh scripts/vllm.sh

test-bridges: install ## test bridges against the real libraries that they play, in an environment of its own
	@sh scripts/bridges.sh

ACTIONS ?= 100000
fuzz: install ## send every environment 100,000 actions that nobody should send (ACTIONS=1000: a try)
	$(BIN)/python scripts/fuzz.py --actions $(ACTIONS)

GAMES ?= 200
fidelity: install ## compare with the original programs, in an environment of their own (RECORDINGS=DIR: recordings, too)
	@sh scripts/fidelity.sh $(GAMES) $(RECORDINGS)

MINUTES ?= 60
soak: install ## play 2,000 episodes at once in one process for an hour; check threads, files and memory
	@$(BIN)/python scripts/soak.py --minutes $(MINUTES)

KILLS ?= 30
chaos: install ## kill a study at 30 random moments, fill its disk, fail its environments; check that it loses nothing
	@PYTHONPATH=scripts $(BIN)/python -m chaos --kills $(KILLS)

bench: install ## measure against TRL, HF generate and the original environments; print ratios
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

results: install ## run the published studies for their seeds (hours) and write docs/results/
	@$(BIN)/python scripts/learning_curves.py
	@$(BIN)/python scripts/five_environments.py
	@$(BIN)/python scripts/shift.py

clean: ## remove what was made, but the runs
	rm -rf .venv .venv-fidelity .venv-vllm .venv-bridges build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
