# `make` alone lists the commands.
.DEFAULT_GOAL := help
.PHONY: help book test run html pdf slides serve preview reproduce bless doctor gpu-build torch gpu-outputs \
	unit fuzz mutants coverage lint lock bench links sbom processors setup clean gone

# Variables of the outside that would bring other packages into .venv, or have Python compile our
# own at each start.
unexport PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE
# One after the other, but for the forms of the book, which `make` makes in a `make` of its own.
ifndef BOOK_FORMS
.NOTPARALLEL:
endif
# make STRICT=1: every page is read anew.
STRICT ?=
# make PYTHON=python3.12: make .venv with this Python.
PYTHON ?=
# make pdf PAPER=letter: the size of the paper, a4 unless said.
PAPER ?= a4
# make test ARGS="-k vocab": arguments for the program that is run.
ARGS ?=

BIN := .venv/bin
# Where the sample text stands in for the corpus, the runner leaves the book in _build/sample.
SOURCE = $(if $(wildcard _build/sample/_config.yml),_build/sample,.)
SOURCES = _config.yml $(wildcard tools/*.py) requirements/cpu.txt \
	$(wildcard $(SOURCE)/_config.yml $(addprefix $(SOURCE)/book/,* assets/* widgets/*) src/d2l_gru/*.py src/d2l_gru/*/*.py)
# What says that a form of the book is made, of this text.
SLIDES = _build/slides/.done$(subst /,-,$(SOURCE))
PRINTED = _build/.printed-$(PAPER)$(subst /,-,$(SOURCE))
PAGES = $(ASIDE)/.pages$(if $(STRICT),-strict)$(subst /,-,$(SOURCE)-$(BOOK_FORMS))
DONE = _build/html/.done
# Sphinx works aside, since it takes half a page, left by an interruption, for a whole one.
ASIDE = _build/aside
# $(call PUBLISH,slides) takes the place of _build/slides at once.
PUBLISH = rm -rf $(ASIDE)/old-$1 && { test ! -e _build/$1 || mv _build/$1 $(ASIDE)/old-$1; } && \
	mv $(ASIDE)/new-$1 _build/$1 && rm -rf $(ASIDE)/old-$1
# One build at a time, with the lock of tools/run_chapters.py.
ALONE = mkdir -p _build && { flock -n _build/.lock true || \
	echo 'Another build is at work here: waiting for it.'; } && flock _build/.lock
# Ctrl-C ends a renderer without a traceback, from its start on: -S, and the part of signal in C,
# since the rest of it takes a while to import.
RENDER = $(BIN)/python -S -c 'import _signal; _signal.signal(_signal.SIGINT, _signal.SIG_DFL); \
	import runpy, site, sys; site.main(); \
	del sys.argv[0]; runpy.run_path(sys.argv[0], run_name="__main__")'
SPHINX = BOOK_SOURCE=$(SOURCE) $(RENDER) $(BIN)/sphinx-build -c tools $(SOURCE)/book -q -n
# Nothing is published with a warning.
STRICTLY = -W --keep-going
CHECK = $(BIN)/python tools/check_chapters.py $(SOURCE)

PIN = $(BIN)/uv pip compile -q --generate-hashes --no-emit-index-url --no-header --no-annotate

# Tests of one file, and cells of one notebook, stay together.
SIDE_BY_SIDE = -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
QUICK = not (slow or pages or processes)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'Variables: STRICT=1 (read every page anew), PYTHON=python3.12, ARGS="..."'

book: setup ## make the book: set up, run what is stale, render pages, slides and PDF
	@$(BIN)/python tools/run_chapters.py $(ARGS)
	@if $(BIN)/python tools/debian.py tex; then $(MAKE) -s html PRINT=1; else $(MAKE) -s html; fi
	@said=$$($(BIN)/python tools/debian.py --say tex); \
		test -z "$$said" || echo "The PDF was left out. $$said"

test: setup ## run the unit tests, and every chapter against its stored outputs
	@$(BIN)/python -m d2l_gru.corpus
	@$(BIN)/python tools/debian.py tex browser || echo 'Tests that need it are skipped.'
	$(BIN)/pytest --nbval $(SIDE_BY_SIDE) $(ARGS)

run: setup ## run the chapters whose outputs are stale (ARGS="--force", or a chapter's name)
	@$(BIN)/python tools/run_chapters.py $(ARGS)

html: setup ## render the stored notebooks as pages and slides, without running any
	@$(CHECK)
	@$(ALONE) $(MAKE) -s -j BOOK_FORMS=slides$(if $(PRINT)$(wildcard _build/book.pdf),/book.pdf) $(DONE)
	@echo 'The book: _build/html/index.html'
	@test ! -e _build/book.pdf || $(MAKE) -sq $(PRINTED) || \
		echo 'The PDF there is an earlier one, or on other paper; `make pdf` prints it anew.'

$(DONE): $(PAGES) $(SLIDES) $(if $(PRINT),$(PRINTED),$(wildcard _build/book.pdf))
	@rm -rf $(ASIDE)/new-html && cp -r $(ASIDE)/_build/html $(ASIDE)/new-html
	@cp -r _build/slides $(if $(findstring book.pdf,$(BOOK_FORMS)),_build/book.pdf) $(ASIDE)/new-html
	@touch $(ASIDE)/new-html/$(@F) && $(call PUBLISH,html)

$(PAGES): $(SOURCES)
	@rm $(ASIDE)/.pages* 2>/dev/null || rm -rf $(ASIDE)/_build
	@$(RENDER) $(BIN)/jupyter-book build $(SOURCE)/book --config $(SOURCE)/_config.yml \
		--path-output $(ASIDE) -q -n $(STRICTLY) $(if $(STRICT),--all) >/dev/null
	@touch $@

slides: setup ## make a deck of slides for each chapter, in _build/slides
	@$(CHECK)
	@$(ALONE) $(MAKE) -s $(SLIDES)
	@echo 'The slides:' _build/slides/*.html

$(SLIDES): $(SOURCES)
	@rm $(ASIDE)/.slides 2>/dev/null || rm -rf $(ASIDE)/slides $(ASIDE)/doctrees-slides
	@$(SPHINX) $(STRICTLY) -b slides $(ASIDE)/slides -d $(ASIDE)/doctrees-slides
	@rm -rf $(ASIDE)/new-slides && cp -r $(ASIDE)/slides $(ASIDE)/new-slides
	@touch $(ASIDE)/.slides $(ASIDE)/new-slides/$(@F) && $(call PUBLISH,slides)

pdf: setup ## print the stored notebooks, _build/book.pdf (PAPER=letter)
	@$(CHECK)
	@$(BIN)/python tools/debian.py tex
	@$(ALONE) $(MAKE) -s $(PRINTED)
	@echo 'The PDF: _build/book.pdf'

$(PRINTED): $(SOURCES) $(if $(wildcard _build/book.pdf),,gone)
	@rm _build/.printed-* 2>/dev/null || rm -rf _build/doctrees-latex
	@rm -rf _build/latex
	@PAPER=$(PAPER) $(SPHINX) $(STRICTLY) -b latex _build/latex -d _build/doctrees-latex
	@cd _build/latex && latexmk -xelatex -halt-on-error -interaction=nonstopmode -silent book.tex \
		>latexmk.log 2>&1 || { grep -A9 '^!' book.log; echo 'See _build/latex/book.log'; exit 1; }
	@mv _build/latex/book.pdf _build/book.pdf && touch $@

serve: setup ## show the book at http://127.0.0.1:8000, and every edit as soon as it is saved
	-@$(BIN)/python tools/run_chapters.py
	@$(MAKE) --no-print-directory preview

preview:
	@BOOK_SOURCE=$(SOURCE) $(BIN)/python tools/preview.py -c tools $(SOURCE)/book _build/serve -q -n \
		--watch chapters --watch src --watch _config.yml --re-ignore '\.ipynb(\.tmp)?$$' $(ARGS)

reproduce: setup ## run CHAPTER=gates aside: do its stored outputs come out again?
	@$(BIN)/python tools/reproduce.py $(CHAPTER)

bless: setup ## run CHAPTER=gates, show what changed in its outputs, and ask before they are taken
	@YES=$(YES) $(BIN)/python tools/reproduce.py --bless $(CHAPTER)

doctor: setup ## say what this machine has and lacks for training
	@$(BIN)/python -m d2l_gru doctor $(ARGS)

gpu-build: setup ## install MXNet's GPU build aside, 5 GB, and test it with a stand-in for the driver
	test -x _build/gpu-build/bin/python || $(BIN)/python -m venv _build/gpu-build
	_build/gpu-build/bin/python -m pip install -q --no-deps --require-hashes -r requirements/gpu.txt
	D2L_GRU_GPU_BUILD=_build/gpu-build/bin/python $(BIN)/pytest -m gpu_build $(ARGS)

torch: setup ## install PyTorch, where the set-up could not
	@$(BIN)/python tools/setup.py --torch

gpu-outputs: setup ## run what the chapters have for PyTorch on a GPU, and record what it prints
	@$(BIN)/python tools/gpu_outputs.py $(ARGS)

unit: setup ## run the quick unit tests: no pages, kernels or long trainings
	$(BIN)/pytest tests $(SIDE_BY_SIDE) -m "$(QUICK)" $(ARGS)

fuzz: setup ## give thirty thousand damaged files to all that reads files
	D2L_GRU_FUZZ=25 $(BIN)/pytest tests/package/test_fuzz.py $(ARGS)

mutants: setup ## change the package in six thousand small ways: does a quick test notice each?
	OMP_NUM_THREADS=1 $(BIN)/pytest tests -p mutants -p no:terminal -p no:xdist \
		-m "$(QUICK)" $(ARGS)

processors: setup ## check the notebooks as older, smaller and busier machines would (ARGS="gates")
	@$(BIN)/python tools/processors.py $(ARGS)

coverage: setup ## say which lines and branches of the package no test reaches; fail under 98 %
	@rm -rf _build/coverage && mkdir -p _build/coverage
	$(BIN)/coverage run -m pytest tests -q -m "not (slow or pages)" $(ARGS)
	$(BIN)/coverage run -m pytest tests/jobs/test_launch.py -q -m slow
	@$(BIN)/coverage combine -q && $(BIN)/coverage report

lint: setup ## check the style of the code
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lock: setup ## pin requirements/*.txt anew from pyproject.toml (ARGS=--upgrade for newer versions)
	for kind in cpu gpu; do $(PIN) --universal --python-version 3.10 $(ARGS) \
		pyproject.toml --extra $$kind --group book -o requirements/$$kind.txt || exit 1; done
	for peers in d2l xla; do $(PIN) --python-version 3.11 $(ARGS) \
		--group bench-$$peers -o requirements/bench-$$peers.txt || exit 1; done
	echo d2l==0.17.6 | $(PIN) --no-deps - >> requirements/bench-d2l.txt

bench: setup ## measure the speed of training side by side with others, book/records/speed.json
	@$(BIN)/python benchmarks/bench.py $(ARGS)

links: setup ## ask every address that the pages name whether it answers
	@$(SPHINX) -b linkcheck _build/links -d _build/doctrees-links >/dev/null 2>&1 || true
	@grep -v '\[\(unchecked\|local\)\]' _build/links/output.txt || echo 'All addresses answer.'

sbom: setup ## list all that the book is built with, as a bill of materials: _build/sbom.json
	@mkdir -p _build
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml -o _build/sbom.json $(BIN)/python
	@echo 'The bill of materials (CycloneDX): _build/sbom.json'

setup: ## make .venv, if need be
	@command -v $(or $(PYTHON),python3) >/dev/null || \
		{ echo "$(or $(PYTHON),python3) is not installed; the book needs Python 3.10 to 3.12"; exit 1; }
	@$(or $(PYTHON),python3) tools/setup.py $(if $(PYTHON),--this-python)

clean: ## remove what was rendered (_build); .venv stays
	rm -rf _build
