.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: bench-serving audit learn-portfolio bench-portfolio bench-validation bench-scoring bench-threads bench-quality bench-suite bench-profile bench-tables help install check lock schema docs test soak year demo bench-gate bench-overhead bench-growth bench-monitor-rules bench-monitor

help: ## say what each target does
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 30

install: $(VENV)/.installed ## install everything from the lock into .venv

$(VENV)/.installed: requirements.lock pyproject.toml
	@echo "installing into $(VENV) from requirements.lock ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@# Bytecode is made once, here: where PYTHONDONTWRITEBYTECODE is set, each process would make its own, for seconds.
	@$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@$(BIN)/python -m compileall -q evergreen flows tasks
	@touch $@

check: install ## ruff, mypy strict, import contracts, lock and schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_packaging.py
	$(BIN)/evergreen check

audit: install ## look up known vulnerabilities of the lock in a public database
	@$(BIN)/uv tool run --from 'pip-audit>=2.9,<3' pip-audit --requirement requirements.lock --no-deps --disable-pip \
	  --progress-spinner off --format json 2>/dev/null | $(BIN)/python infra/audit.py

lock: ## resolve the dependencies anew into requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra demo --extra dev --extra serve --universal --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --custom-compile-command "make lock" --quiet --output-file requirements.lock

schema: install ## write the JSON Schema of a model's file for editors
	$(BIN)/python -c "import json, evergreen.spec as s; print(json.dumps(s.json_schema(), indent=1, sort_keys=True))" > deployments/model.schema.json

docs: install ## write docs/spec.md, the reference of a model's file
	$(BIN)/python -c "from evergreen.spec.reference import reference; print(reference(), end='')" > docs/spec.md

test: install ## run the whole test suite, in two processes
	$(BIN)/python -m pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder --durations 10

soak: install ## kill runs at random moments for MINUTES=10 a test; SEED= repeats what failed
	$(BIN)/python -m pytest -m soak --timeout 0 --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

demo: install ## validate, train, judge and promote models of real flight delays
	@$(BIN)/evergreen demo

year: install ## let the demonstration's champion live through the rest of 2013 (after make demo)
	@$(BIN)/evergreen year

bench-gate: install ## how often the gate promotes equal, worse and better models, beside a plain >= gate
	$(BIN)/python -m benchmarks.gate

bench-overhead: install ## what the platform costs beside a plain script that does the same work, and where it goes
	$(BIN)/python -m benchmarks.overhead

bench-growth: install ## time and peak memory of a training on 1, 2, 4 million flights and 1 to 8 million rows by 30 (TABLE=wide MILLIONS=4)
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.growth $(if $(TABLE),--table $(TABLE)) $(if $(MILLIONS),--millions $(MILLIONS))

bench-monitor-rules: install ## how often the watching rule fires falsely, and how late it finds a fall, beside other rules
	$(BIN)/python -m benchmarks.monitor_rules

bench-monitor: install ## what monitoring a million rows costs beside pandas and Evidently; errors without labels
	$(BIN)/python -m benchmarks.monitor

bench-suite: install ## does an inferred suite let a clean month pass and see 20 kinds of planted damage
	$(BIN)/python -m benchmarks.suite

bench-profile: install ## the profile of 1,000,000 rows by 30 beside one pandas pass
	$(BIN)/python -m benchmarks.profile

bench-tables: install ## init and train on real tables that no one prepared (TABLES=DIR: with a manifest.csv of yours; BUDGET=20s)
	$(BIN)/python -m benchmarks.tables $(TABLES) $(if $(BUDGET),--budget $(BUDGET))

bench-year: install ## what the year costs beside its bare work (after make demo year)
	$(BIN)/python -m benchmarks.year

bench-validation: install ## forty rules on 1,000,000 rows by 20 beside one pandas pass by hand
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.validation

bench-scoring: install ## predicting a Parquet file of 1,000,000 rows beside the bare booster
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.scoring

bench-threads: install ## two candidates at once with a thread each, beside one after the other with two
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.threads

bench-quality: install ## the best model in equal time beside FLAML, AutoGluon, Optuna and others (TABLES=DIR BUDGET=30,60,120 KEEP=DIR SEEDS=3)
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.quality $(TABLES) --budget $(or $(BUDGET),60) $(if $(KEEP),--keep $(KEEP)) $(if $(SEEDS),--seeds $(SEEDS))

bench-serving: install ## what a row costs compiled, by batch and over HTTP, beside the bare booster
	$(BIN)/python -m benchmarks.serving

learn-portfolio: install ## the order of the portfolio from benchmarks/portfolio.csv, judged on tables left out
	$(BIN)/python -m benchmarks.portfolio_order learn

bench-portfolio: install ## what more families, folds and ensembles each bring to our own search (TABLES=DIR)
	OMP_WAIT_POLICY=passive $(BIN)/python -m benchmarks.portfolio $(TABLES)
