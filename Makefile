# kerascope: make demo | test | tables | lint | bench | diagnosis | clean. Everything is installed into VENV, which is made when missing.

VENV ?= .venv
PYTHON ?= python3
WORKERS ?= 2

# A fixed PyTorch. On Linux PyPI's build of it brings CUDA along (gigabytes); for the small one:
#   make test TORCH="torch --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0

# On Linux and x86-64 the CPU build of TensorFlow is the same code at half the download (274 instead of 572 MB).
# Elsewhere there is no such build.
ifeq ($(shell uname -sm),Linux x86_64)
TENSORFLOW ?= tensorflow-cpu
else
TENSORFLOW ?= tensorflow
endif

BACKENDS = jax tensorflow torch
OLDEST = 3.10.0
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# TensorFlow and XLA talk about oneDNN and instruction sets otherwise.
export TF_CPP_MIN_LOG_LEVEL ?= 3
# One thread for each worker of the tests: PyTorch's wait for one another by spinning.
test tables: export OMP_NUM_THREADS ?= 1
# Hundreds of tests, and the processes that they start, compile the same small programs: most of the time on JAX.
test tables: export JAX_COMPILATION_CACHE_DIR ?= $(abspath $(VENV))/jax-cache
test tables: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0
test tables: export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES ?= -1

.PHONY: demo test tables lint bench diagnosis clean

# A training that does not learn, then the same one mended.
demo: $(VENV)/.demo
	@echo '$$ kerascope run examples/second_order_jax.py'
	@$(BIN)/kerascope run examples/second_order_jax.py
	@echo
	@echo '$$ kerascope run examples/second_order_jax.py normalised'
	@$(BIN)/kerascope run examples/second_order_jax.py normalised

# What needs no backend once, what trains under each, the cases of catalogues in turn; the slow programs of the docs once; the watch and check
# with the oldest Keras that is supported, too.
# Programs that tests start are forks of one that has imported Keras (tests/warm); TRUE_STARTS=1 starts each as a user does.
test: $(VENV)/.test
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n $(WORKERS) -m "not backend and not table"
	set -e; for backend in $(BACKENDS); do \
	  date; KERAS_BACKEND=$$backend $(BIN)/python -m pytest -n $(WORKERS) -m "backend and not slow and not table"; \
	done
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n $(WORKERS) -m "backend and slow"
	set -e; for backend in jax torch; do \
	  PYTHONPATH=$(abspath $(VENV))/keras-$(OLDEST) KERAS_BACKEND=$$backend $(BIN)/python -m pytest -n $(WORKERS) \
	    tests/watch/test_api.py tests/watch/test_nonfinite.py tests/check/test_first_use.py -k "not forward"; \
	done

# Long tables: every class of Keras, all faulty classes, known models against other counters; of the catalogues, whose
# cases take turns in `make test`, every case under the other two backends.
tables: $(VENV)/.test
	set -e; for backend in $(BACKENDS); do \
	  KERAS_BACKEND=$$backend $(BIN)/python -m pytest -n $(WORKERS) -m table; \
	done

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Minutes to hours; writes bench/*.json. Choose: make bench BENCH="--backends jax --models mlp"
bench: $(VENV)/.test
	$(BIN)/python bench/overhead.py $(BENCH)

# How good the diagnoses are, on the half of tests/corpus that is set aside: most of an hour. Writes bench/diagnosis.json.
diagnosis: $(VENV)/.test
	$(BIN)/python bench/diagnosis.py tests/corpus --split aside --backend torch $(BENCH)

clean:
	rm -rf .venv build dist runs .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kerascope needs Python 3.11 or newer; make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	@touch $@

$(VENV)/.demo: $(VENV)/.venv pyproject.toml
	$(PIP) --editable ".[jax]" scikit-learn
	@touch $@

$(VENV)/.dev: $(VENV)/.venv pyproject.toml
	$(PIP) --editable ".[plot]" --group dev
	@touch $@

$(VENV)/.test: $(VENV)/.dev
	$(PIP) $(TORCH)
	$(PIP) jax $(TENSORFLOW)
	$(PIP) --no-deps --target $(VENV)/keras-$(OLDEST) keras==$(OLDEST)
	@touch $@
