# make run · test · check · bench · bench-smoke · quality · fuzz · soak · clients · screenshots · translations · lock · wheel
PYTHON ?= python3
VENV := .venv
EXTRAS := $(wildcard requirements/*.txt)
# Every provider is tested with its own library.
DEV := -r requirements-dev.txt $(EXTRAS:%=-r %)
BIN := $(VENV)/bin
# Without it every process, and the tests start many, would compile all its modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check bench bench-smoke performance-plot quality quality-page fuzz soak soak-smoke clients screenshots translations lock wheel clean

run: $(VENV)/.runtime
	$(BIN)/python main.py $(ARGS)

# Neighbours stay in one process as long as they can: what a file of tests starts is started once.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2 .
	$(BIN)/python requirements/audit.py

# Everything that is promised about speed, in one table. Single ones: python -m benchmarks.NAME.
bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.bars $(ARGS)

# Ratios only, in less than a minute.
bench-smoke: $(VENV)/.dev
	$(BIN)/python -m benchmarks.smoke

# The picture in docs/performance.md.
performance-plot: $(VENV)/.dev
	$(BIN)/python -m benchmarks.bars --figures docs/performance.json $(ARGS)
	$(BIN)/python -m benchmarks.plot docs/performance.json docs/performance.svg

# How well the configured stack hears and speaks; ARGS="--profile offline" for another one.
quality: $(VENV)/.dev
	$(BIN)/python -m benchmarks.quality $(ARGS)

# docs/quality.md and its picture, from what `make quality ARGS="--record docs/quality.json"` has kept.
quality-page: $(VENV)/.dev
	$(BIN)/python -m benchmarks.quality_report docs/quality.json docs/quality.md

# 100,000 hostile messages; ARGS="--messages 1000000" for more.
fuzz: $(VENV)/.dev
	$(BIN)/python -m benchmarks.fuzz $(ARGS)

# Hours of real turns: ARGS="--minutes 30". The smoke test is what CI has time for: too short for a
# slope, it notices errors, what is left behind, and sessions that are kept as a whole.
soak: $(VENV)/.dev
	$(BIN)/python -m benchmarks.soak $(ARGS)

soak-smoke: $(VENV)/.dev
	$(BIN)/python -m benchmarks.soak --minutes 1 --bar 150

# Other people's clients for tests/foreign_clients, the large ones too (`make test` installs the others).
clients: $(VENV)/.dev
	$(BIN)/python -m tests.foreign_clients.installed

# The pictures of the terminal client in the README.
screenshots: $(VENV)/.runtime
	$(BIN)/python docs/make_screenshots.py

# Texts for people: takes them from the code into the catalogues (settings/localisation.py), where
# they are translated by hand, and compiles what is there. Run it before and after.
CATALOGUES := settings/locale
TEXTS := $(VENV)/texts.pot
translations: $(VENV)/.dev
	$(BIN)/pybabel --quiet extract --no-default-keywords --keyword _ --no-wrap --omit-header \
		--ignore-dirs ".* benchmarks dist docs examples tests" --add-location file -o $(TEXTS) .
	$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
		--domain open_realtime_server --width 100 -i $(TEXTS) -d $(CATALOGUES)
	$(BIN)/pybabel --quiet compile --domain open_realtime_server --statistics -d $(CATALOGUES)

# Every version and hash of what is deployed, for all platforms and Pythons; commit the result.
# Engines and vendors' libraries that you deploy: WITH="whisper kokoro", as requirements/ has them.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-annotate --upgrade --custom-compile-command "make lock" \
		requirements.txt $(WITH:%=requirements/%.txt) -o requirements.lock

# What `pip install .` installs, as one file in dist/. tests/documents/test_wheel.py tries it.
wheel: $(VENV)/.dev
	$(BIN)/uv build --quiet --wheel --out-dir dist

clean:
	rm -rf $(VENV)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

# The libraries of all providers are 1.4 GB: minutes for pip, seconds for uv. But uv knows nothing of
# pip's settings, and where those are needed (a mirror, certificates) pip has the last word.
$(VENV)/.dev: requirements-dev.txt requirements.txt $(EXTRAS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python $(DEV) || \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check $(DEV)
	touch $@ $(VENV)/.runtime
