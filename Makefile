# Every target installs what is missing first. make demo: the main job; make test: all tests; make docs: the pages as a site.

BIN := .venv/bin
PYTEST_FLAGS ?=
OUTPUT ?= demo-output

# Qt needs a real screen; a Linux machine without one gets a virtual one with software OpenGL.
HEADLESS := $(if $(filter Linux,$(shell uname -s)),$(if $(DISPLAY),,yes))
SCREEN := env -u QT_QPA_PLATFORM $(if $(HEADLESS),LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a -s "-screen 0 1280x1024x24")
# pytest opens screens itself, one a process; a process keeps to one thread, also so that figures depend on no machine
ALONE := env -u QT_QPA_PLATFORM LIBGL_ALWAYS_SOFTWARE=1 OMP_NUM_THREADS=1
# three also where there are two cores: tests of the window mostly wait
WORKERS ?= -n 3 --dist loadfile

.PHONY: setup demo test bench starter lint docs clean

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt scripts/setup.sh
	@sh scripts/setup.sh test
	@touch $@

.venv/.ready-to-lint: .venv/.ready
	@sh scripts/setup.sh dev
	@touch $@

demo: setup
	@$(BIN)/progseg demo --output $(OUTPUT)

test: setup
	@$(ALONE) $(BIN)/python -m pytest $(WORKERS) $(PYTEST_FLAGS)

bench: setup
	@$(BIN)/python benchmarks/efficiency.py
	@$(SCREEN) $(BIN)/python benchmarks/click_latency.py
	@$(SCREEN) $(BIN)/python benchmarks/event_loop.py

# goes on with the training of the starter, on the GPU where there is one: make starter MINUTES=10 SHAPES=FOLDER
MINUTES ?= 10
starter: setup
	@$(BIN)/python scripts/train_starter.py --minutes $(MINUTES) $(if $(SHAPES),--shapes $(SHAPES))

lint: .venv/.ready-to-lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/npe2 validate src/napari_progseg/napari.yaml

.venv/.ready-to-publish: .venv/.ready
	@sh scripts/setup.sh docs
	@touch $@

docs: .venv/.ready-to-publish
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "open site/index.html"

clean:
	rm -rf .venv build dist site demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
