# Two commands: `make demo` sets everything up and shows recommendations; `make test` sets everything up and tests.
PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
# Where a CPU build of torch is looked for first; set it empty to skip the probe.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
DEMO ?= demo
BIN := $(VENV)/bin
WORKERS ?= 2
export CUVEE_DATA ?= $(abspath ../shared/data)
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: demo test test-all check audit bench bench-serve lock clean system-packages

$(VENV)/.run: requirements.lock pyproject.toml
	$(PYTHON) scripts/install.py --venv $(VENV) --torch "$(TORCH)" --torch-index "$(TORCH_INDEX)" requirements.lock
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(PYTHON) scripts/install.py --venv $(VENV) --torch "$(TORCH)" --torch-index "$(TORCH_INDEX)" requirements.lock requirements-dev.lock
	@touch $@

demo: $(VENV)/.run
	$(BIN)/cuvee demo $(DEMO)/shop
	$(BIN)/cuvee init $(DEMO)/shop --out $(DEMO)/recipe.yaml --force
	$(BIN)/cuvee run $(DEMO)/recipe.yaml --out $(DEMO)/run
	$(BIN)/cuvee recommend $(DEMO)/run --user u0043 -k 10
	@echo; echo "Open $(DEMO)/run/report.html in a browser."

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n $(WORKERS) -m "not data and not weights and not browser and not slow and not drill"

test: $(VENV)/.dev system-packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n $(WORKERS) --dist loadscope -m "not drill"

test-all: $(VENV)/.dev system-packages
	$(BIN)/pytest -q -n $(WORKERS) --dist loadscope --hypothesis-profile thorough

# Known weaknesses of the locked packages; a warning where their database cannot be reached. No part of the tests.
audit: $(VENV)/.dev
	$(PYTHON) scripts/audit.py requirements.lock --command $(BIN)/uv tool run pip-audit

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run.py

bench-serve: $(VENV)/.dev
	$(BIN)/python benchmarks/serve.py

# On Debian as root the missing system packages are installed; elsewhere the tests that need them skip with a reason.
system-packages:
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  missing=; \
	  command -v chromium >/dev/null || missing="$$missing chromium fonts-noto-cjk"; \
	  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	  command -v redis-server >/dev/null || missing="$$missing redis-server"; \
	  test -x /usr/sbin/nginx || missing="$$missing nginx"; \
	  [ -z "$$missing" ] || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }; fi

lock:
	$(PYTHON) scripts/lock.py --uv $(BIN)/uv

clean:
	rm -rf $(VENV) $(DEMO) runs build dist
