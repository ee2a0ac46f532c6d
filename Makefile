# The verbs of the course. `make lab` and `make test` make the same environment first, once.
PYTHON ?= python3
LESSON ?= 00_tools
NOTEBOOK := notebooks/$(LESSON)/$(LESSON).ipynb
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: lab test seconds install notebooks check-notebooks grade bench leaderboard danet bench-grading format

lab: install  ## open JupyterLab at the first lesson (another: make lab LESSON=NAME)
	@test -f $(NOTEBOOK) || { echo "no lesson $(LESSON); there are: $(notdir $(wildcard notebooks/*))"; exit 2; }
	jupyter lab $(ROOT_FLAG) --LabApp.default_url=/lab/tree/$(NOTEBOOK)

test: install check-notebooks  ## every test: library, notebooks, grading, browser
	ruff check .
	ruff format --check .
	pytest --numprocesses logical --dist loadfile

seconds:  ## keep what the last `make test` took: the longest files are started first
	cp build/seconds.csv tests/seconds.csv

notebooks: install  ## build, execute and release every lesson from its text
	python -m course_lib.authoring build

check-notebooks: install  ## fail where a derived notebook differs from its text
	python -m course_lib.authoring check

grade: install  ## autograde submitted/ in sandboxes, write feedback/ and grades.csv
	course-grade

bench: install  ## time and memory of every mechanism against its straightforward form
	python -m course_lib.benchmarks.attention

danet: install  ## DANet on drawn pictures with and without attention, three seeds, as one table
	python -m course_lib.train compare --data scenes --data cue --data legend \
		--folder runs/compare --table measurements/danet.csv

leaderboard: install  ## accuracy of every mechanism on every probe; goes on where it was stopped
	python -m course_lib.benchmarks.leaderboard

bench-grading: install  ## grading beside nbgrader's own: seconds and memory per submission
	python -m course_lib.grading.benchmark --table measurements/grading.csv

format: install
	ruff check --fix .
	ruff format .

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml $(shell find course_lib/labextension -type f)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[course]'
	touch $@
