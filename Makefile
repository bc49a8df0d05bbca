# `make` alone lists the commands.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book test nightly chapter run html pdf slides serve reproduce doctor records \
	processors gpu-build torch fuzz mutants coverage lint lock bench links sbom setup clean gone

# Environment variables that would bring other packages into .venv or ours elsewhere, run other
# kernels, or make Python compile ours at each start.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER \
	UV_TARGET UV_PREFIX UV_SYSTEM_PYTHON JUPYTER_PATH
# make STRICT=1: read every page again.
STRICT ?=
# make PYTHON=python3.12: make .venv with this Python; the first of these that fits by default.
PYTHON ?= $(if $(wildcard .venv/.d2l_gru),.venv/bin/python) python3 python3.11 python3.12 python3.10
# make pdf PAPER=letter: the size of the paper, a4 by default.
PAPER ?= a4
# make test ARGS="-k vocab": arguments for the program that is run.
ARGS ?=

BIN := .venv/bin
DEBIAN = $(BIN)/python -m tools.debian
# What all pages are made with, and their contents.
COMMON = _config.yml book/conf.py tools/notebook.py $(wildcard tools/ext/* book/assets/*) requirements/cpu.txt
SOURCES = $(COMMON) $(wildcard book/* book/widgets/* src/d2l_gru/*.py src/d2l_gru/*/*.py)
SPHINX = $(BIN)/python -m sphinx book -q -n
# Nothing is published with a warning.
STRICTLY = -W --keep-going $(if $(STRICT)$(filter $(COMMON),$?),-E -a)
# One build at a time.
ALONE = mkdir -p _build && { flock -n _build/.lock true || \
	echo 'Another build is running here: waiting for it.'; } && flock _build/.lock
# $(call RENDER,html): Sphinx works in a separate folder, from the start if it was interrupted,
# because it takes half a page for a whole one; then all new pages replace the old.
RENDER = rm _build/aside/$1.done 2>/dev/null || rm -rf _build/aside/$1 _build/aside/$1.doctrees; \
	$(SPHINX) $(STRICTLY) -b $1 -d _build/aside/$1.doctrees _build/aside/$1 && \
	rm -rf _build/aside/new && cp -r _build/aside/$1 _build/aside/new && \
	rm -rf _build/$1 && mv _build/aside/new _build/$1 && touch _build/aside/$1.done _build/$1/.done

PIN = $(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-header --no-annotate

# Tests of one file, and cells of one notebook, stay together.
SIDE_BY_SIDE = -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'Variables: STRICT=1, PYTHON=python3.12, ARGS="..."'

book: setup ## build the book: set up, run what is stale, render pages, slides and PDF
	@$(ALONE) $(BIN)/python -m tools.run $(ARGS)
	@if $(DEBIAN) tex; then $(MAKE) -s html PRINT=1; else $(MAKE) -s html; fi

test: setup ## run the unit tests, and every chapter against its stored outputs
	@$(BIN)/python -m d2l_gru.corpus
	@$(DEBIAN) tex browser || true
	@$(BIN)/pytest --nbval $(SIDE_BY_SIDE) $(TESTS) $(ARGS)

nightly: ## run that and the longer tests: tests/nightly, mutants, damaged files, other processors
	@$(MAKE) -k TESTS="book tests" test mutants coverage fuzz links processors

chapter: ## start a page with one of everything that a page can have: NAME=my-page
	@echo '$(NAME)' | grep -qE '^[[:alnum:]_-]+$$' || \
		{ echo 'make chapter NAME=my-page: letters, digits, - and _'; exit 1; }
	@test ! -e chapters/$(NAME).md || { echo 'chapters/$(NAME).md already exists'; exit 1; }
	@sed 's/NAME/$(NAME)/g' tools/chapter.md > chapters/$(NAME).md
	@awk '/- caption:/ && ++part == 2 {print "      - file: $(NAME)"} 1' book/_toc.yml \
		> book/_toc.new && mv book/_toc.new book/_toc.yml
	@echo 'Edit chapters/$(NAME).md; `make serve` shows it. book/_toc.yml sets its place in the book.'

run: setup ## run the chapters whose outputs are stale (ARGS="--force", or a chapter's name)
	@$(ALONE) $(BIN)/python -m tools.run $(ARGS)

html: setup ## render the stored notebooks as pages and slides, without running any
	@$(BIN)/python -m tools.check
	@$(ALONE) $(MAKE) -s $(if $(PRINT),_build/latex/.done) _build/html/.done
	@echo 'The book: _build/html/index.html'
	@test ! -e _build/book.pdf || $(MAKE) -sq STRICT= _build/latex/.done || \
		echo 'The PDF there is an earlier one; `make pdf` typesets it again.'

_build/html/.done: _build/slides/.done $(wildcard _build/book.pdf)
_build/html/.done _build/slides/.done: _build/%/.done: $(SOURCES) $(if $(STRICT),gone)
	@$(call RENDER,$*)

slides: setup ## make a deck of slides for each chapter, in _build/slides
	@$(BIN)/python -m tools.check
	@$(ALONE) $(MAKE) -s _build/slides/.done
	@echo 'The slides:' _build/slides/*.html

pdf: setup ## typeset the stored notebooks as _build/book.pdf (PAPER=letter)
	@$(if $(filter a4 letter,$(PAPER)),,$(error PAPER is a4 or letter, not $(PAPER)))
	@$(BIN)/python -m tools.check
	@$(DEBIAN) tex
	@rm -f _build/latex/.done  # which may have been on other paper
	@$(ALONE) $(MAKE) -s _build/latex/.done
	@echo 'The PDF: _build/book.pdf'

_build/latex/.done: $(SOURCES) $(if $(STRICT),gone)
	@rm -rf _build/latex
	@$(SPHINX) $(STRICTLY) -D latex_elements.papersize=$(PAPER)paper \
		-b latex -d _build/aside/latex.doctrees _build/latex
	@cd _build/latex && latexmk -xelatex -halt-on-error -interaction=nonstopmode -silent book.tex \
		>latexmk.log 2>&1 || { grep -A9 '^!' book.log; echo 'See _build/latex/book.log'; exit 1; }
	@mv _build/latex/book.pdf _build/book.pdf && touch $@

serve: setup ## show the book at http://127.0.0.1:8000, and every edit as soon as it is saved
	@$(BIN)/python -m tools.preview book _build/serve -q -n \
		--watch chapters --watch src --watch _config.yml --re-ignore '\.ipynb(\.tmp)?$$' $(ARGS)

reproduce: setup ## rerun CHAPTER=gates and compare its outputs with the stored ones
	@$(BIN)/pytest --nbval -q book/$(CHAPTER).ipynb $(wildcard book/$(CHAPTER)-torch.ipynb) $(ARGS)

doctor: setup ## report what this machine has and lacks for training, the PDF and the tests of pages
	@$(DEBIAN) --say tex browser || true
	@$(BIN)/python -m d2l_gru doctor $(ARGS)

records: bench ## repeat all long runs that pages show, book/records and book/widgets, in some hours
	$(BIN)/python benchmarks/seeds.py
	$(BIN)/python benchmarks/after.py
	$(BIN)/python benchmarks/novel.py
	$(BIN)/python benchmarks/export_weights.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/tasks.py
	@if command -v nvidia-smi >/dev/null; then $(BIN)/python -m benchmarks.gpu_outputs; \
		else echo 'No GPU here: book/records/gpu-torch.json stays as it is.'; fi

gpu-build: setup ## install MXNet's GPU build separately, 5 GB, and test it with a stand-in for the driver
	test -x _build/gpu-build/bin/python || $(BIN)/python -m venv _build/gpu-build
	_build/gpu-build/bin/python -m pip install -q --no-deps --require-hashes -r requirements/gpu.txt
	D2L_GRU_GPU_BUILD=_build/gpu-build/bin/python $(BIN)/pytest -m gpu_build $(ARGS)

torch: setup ## install PyTorch, if the set-up could not
	@echo >> .venv/.d2l_gru  # which is another stamp then
	@$(MAKE) -s setup

fuzz: setup ## load seventeen thousand damaged checkpoints
	D2L_GRU_FUZZ=25 $(BIN)/pytest tests/nightly/test_fuzz.py $(ARGS)

mutants: setup ## make six thousand small changes to the package; a quick test must detect each
	OMP_NUM_THREADS=1 $(BIN)/pytest tests/package tests/jobs -p mutants -p no:terminal -p no:xdist $(ARGS)

processors: setup ## check the notebooks as older, smaller and busier machines would (ARGS="-k gates")
	$(BIN)/pytest tests/processors.py -v $(ARGS)

coverage: setup ## report which lines and branches of the package no test reaches; fail under 98 %
	@rm -rf _build/coverage && mkdir -p _build/coverage
	$(BIN)/coverage run -m pytest tests/package tests/jobs tests/nightly -q \
		--ignore tests/nightly/test_guard.py $(ARGS)
	@$(BIN)/coverage combine -q && $(BIN)/coverage report

lint: setup ## check the style of the code, and the types of the package
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

lock: setup ## pin requirements/*.txt again from pyproject.toml (ARGS=--upgrade for newer versions)
	for kind in cpu gpu; do $(PIN) --universal --python-version 3.10 $(ARGS) \
		pyproject.toml --extra $$kind --group book -o requirements/$$kind.txt || exit 1; done
	for peers in d2l xla; do $(PIN) --python-version 3.11 $(ARGS) \
		--group bench-$$peers -o requirements/bench-$$peers.txt || exit 1; done
	echo d2l==0.17.6 | $(PIN) --no-deps - >> requirements/bench-d2l.txt

bench: setup ## measure training speed side by side with other programs, book/records/speed.json
	@$(BIN)/python benchmarks/bench.py $(ARGS)

links: setup ## check that every address on the pages answers
	@$(SPHINX) -b linkcheck _build/links -d _build/links.doctrees >/dev/null 2>&1 || true
	@grep -v '\[\(unchecked\|local\)\]' _build/links/output.txt || echo 'All addresses answer.'

sbom: setup ## write a bill of materials of all that the book is built with: _build/sbom.json
	@mkdir -p _build
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml -o _build/sbom.json $(BIN)/python
	@echo 'The bill of materials (CycloneDX): _build/sbom.json'

setup: ## create .venv, if necessary
	@for python in $(PYTHON); do \
		$$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null && \
		exec $$python -m tools.setup; done; \
	echo 'The book needs Python 3.10, 3.11 or 3.12, which is none of: $(strip $(PYTHON)).'; \
	echo 'Install one of them, or name it: make PYTHON=/path/to/python ...'; exit 1

clean: ## remove rendered pages, so that every page is read again
	rm -rf $(addprefix _build/,aside html slides latex serve book.pdf)
