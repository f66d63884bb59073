# make demo: check BPF's recursion guards.  make test: all tests.  Both set everything up; all they need is Python.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
READY := $(VENV)/.ready
PYTEST_FLAGS ?=
FUZZ_FLAGS ?=
KERNELS ?= $(HOME)/.cache/ctxrace-kernels

.PHONY: demo test lint slow kernels kernel-tree golden docs man benchmarks soak fuzz fuzz-bpf bpf-objects mutants clean

demo: $(INSTALLED)
	@$(BIN)/ctxrace bpf; status=$$?; test $$status -le 1  # 1: something is violated, as it should be
	@printf '%s\n' '' \
		'What you see: BPF recursion guards, which hold and which do not. The tables are above, and below them each' \
		'violation with its shortest interleaving. Next, type:' \
		'  export PATH="$$PWD/$(BIN):$$PATH"' \
		'  ctxrace check examples/recursion_counter.c      # one file: the interleaving that breaks it' \
		'  ctxrace test examples                           # eight more, right and wrong' \
		'and follow docs/tutorial.md, which takes ten minutes.'

test: lint
	$(BIN)/pytest -n auto -m "not slow and not kernels" $(PYTEST_FLAGS)

slow: $(READY)
	$(BIN)/pytest -n auto -m slow $(PYTEST_FLAGS)

# Debian's kernels with debug symbols: 1 GB through apt, the first time. What was fetched before: make kernels KERNELS=DIR
kernels: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[image]'
	$(BIN)/python -m tests.kernels.fetch $(KERNELS)
	CTXRACE_KERNELS=$(KERNELS) $(BIN)/pytest -m kernels $(PYTEST_FLAGS) tests/kernels

# An object of a kernel's build tree: Debian's sources, configured and built for arm64 there, about 2 GB.
kernel-tree: $(READY)
	$(BIN)/python -m tests.kernels.fetch_tree $(KERNELS)
	CTXRACE_KERNELS=$(KERNELS) $(BIN)/pytest -m kernels $(PYTEST_FLAGS) tests/kernels/test_build_tree.py

lint: $(READY)
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy

golden: $(READY)
	$(BIN)/pytest -n auto --regenerate-golden tests

docs: $(READY)
	$(BIN)/sphinx-build -q -W -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

man: $(READY)
	$(BIN)/python -m ctxrace.cli.man > ctxrace.1
	@echo "man ./ctxrace.1"

benchmarks: $(READY)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/claims.py
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.hangs
	$(BIN)/python -m benchmarks.spin
	$(BIN)/python -m benchmarks.agent

soak: $(READY)
	$(BIN)/python -m tests.kernel.agreement 3600
	$(BIN)/python -m tests.claims.agreement 900
	CTXRACE_RANDOM=1 $(BIN)/pytest -n auto tests/bpf/programs/test_values.py tests/kernel/test_bad_input.py tests/report

# One kind: make fuzz FUZZ_FLAGS='--only claim'; another seed: FUZZ_FLAGS='--seed 11'
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz.run 10000 $(FUZZ_FLAGS)

fuzz-bpf: $(READY)
	$(BIN)/python -m tests.bpf.programs.fuzz 10000

# One file: make mutants SOURCES=machine/memory.py
mutants: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutants]'
	$(BIN)/python tests/mutation/run.py $(SOURCES)

bpf-objects: $(READY)  # FOLDER: of compiled objects, such as those of tools/testing/selftests/bpf
	$(BIN)/python -m tests.bpf.programs.real_objects $(FOLDER)

clean:
	rm -rf $(VENV)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ctxrace needs Python 3.11 or later; name one: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(READY): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@
