# make run · try · talk · setup · test · long-tests · check · bench · bench-smoke · quality · listen · fuzz · soak · soak-calls · clients
#      screenshots · translations · lock · wheel · start-check · container · cluster · ray-check
VENV := .venv
BIN := $(VENV)/bin
# The first Python that runs, however old: it finds one that fits, or says why there is none.
SOME_PYTHON = $(shell for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; \
	do "$$python" -c "" 2>/dev/null && echo "$$python" && exit; done; \
	command -v uv >/dev/null && echo uv run --no-project python)
export PYTHON
SET_UP = $(or $(SOME_PYTHON),$(error Python 3.11 or newer is needed and none is here: \
	sudo apt install python3 python3-venv, or install uv: https://docs.astral.sh/uv/)) \
	requirements/set_up.py
# Without it every process, and the tests start many, would compile all its modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run try talk setup dev start-check container cluster ray-check test long-tests check bench bench-smoke performance-plot quality \
	quality-page listen listening-page scaling-page fuzz soak soak-smoke soak-calls clients screenshots translations lock wheel clean

# The server, and what it needs: PROFILE=local for a ready-made stack, YES=1 not to be asked,
# WITH=webrtc for what requirements/ has besides.
run:
	@$(SET_UP) --start $(WITH:%=--with %) $(PROFILE:%=--profile %) $(YES:%=--yes) -- $(ARGS)

# In a second terminal, while the server runs: a test of it, and a conversation with it.
try: $(BIN)/python
	@$(BIN)/python test_client.py $(ARGS)

talk: $(BIN)/python
	@$(BIN)/python push_to_talk_app.py $(ARGS)

# Installs again, what failed the last time too.
setup:
	@$(SET_UP) --again $(WITH:%=--with %)

# For the tests: every provider is tested with its own library.
dev:
	@$(SET_UP) --dev

# Neighbours stay in one process as long as they can: what a file of tests starts is started once.
test: dev
	$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

# Tests that take long; CI runs those whose subject has changed.
long-tests: dev
	$(BIN)/python -m tests.long_tests $(ARGS)

check: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2 .
	$(BIN)/python requirements/audit.py
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m tests.container.compositions
	$(BIN)/python -m tests.deploy.compositions

# Everything that is promised about speed, in one table. Single ones: python -m benchmarks.NAME.
bench: dev
	$(BIN)/python -m benchmarks.bars $(ARGS)

# Ratios and counts only, in three minutes.
bench-smoke: dev
	$(BIN)/python -m benchmarks.smoke
	$(BIN)/python -m benchmarks.listen --counts

# The picture in docs/performance.md.
performance-plot: dev
	$(BIN)/python -m benchmarks.bars --figures docs/performance.json $(ARGS)
	$(BIN)/python -m benchmarks.plot docs/performance.json docs/performance.svg

# How well the configured stack hears and speaks; ARGS="--profile offline" for another one.
quality: dev
	$(BIN)/python -m benchmarks.quality $(ARGS)

# docs/quality.md and its picture, from what `make quality ARGS="--record docs/quality.json"` has kept.
quality-page: dev
	$(BIN)/python -m benchmarks.quality_report docs/quality.json docs/quality.md

# How well the server listens: interruptions, echo, noise, ends of turns, what was heard.
# ARGS="--only floor,echo --scale 0.3" for some of it, --record docs/listening.json to keep it.
listen: dev
	$(BIN)/python -m benchmarks.listen $(ARGS)

# docs/listening.md, from what has been kept.
listening-page: dev
	$(BIN)/python -m benchmarks.listen.page docs/listening.json docs/listening.md

# The tables of docs/scaling.md: how many machines, and what happens when some of them go.
scaling-page: dev
	$(BIN)/python -m benchmarks.fleet --page docs/scaling.md

# 100,000 hostile messages, and as many datagrams and offers against calls; ARGS="--messages 1000000" for more.
fuzz: dev
	$(BIN)/python -m benchmarks.fuzz $(ARGS)
	$(BIN)/python -m benchmarks.fuzz_calls $(ARGS)

# Hours of real turns: ARGS="--minutes 30". The smoke test is what CI has time for: too short for a
# slope, it notices errors, what is left behind, and sessions that are kept as a whole.
soak: dev
	$(BIN)/python -m benchmarks.soak $(ARGS)

soak-smoke: dev
	$(BIN)/python -m benchmarks.soak --minutes 1 --bar 150

# The same for WebRTC calls: 200 made and dropped, then 8 callers at once, for 10 minutes.
soak-calls: dev
	$(BIN)/python -m benchmarks.soak_calls $(ARGS)

# Other people's clients for tests/foreign_clients, the large ones too (`make test` installs the others).
clients: dev
	$(BIN)/python -m tests.foreign_clients.installed

# The pictures of the terminal client in the README, and of the console, which need Chromium.
screenshots: dev
	$(BIN)/python docs/make_screenshots.py
	$(BIN)/python docs/make_console_screenshots.py

# Texts for people: takes them from the code into the catalogues (settings/localisation.py), where
# they are translated by hand, and compiles what is there. Run it before and after.
CATALOGUES := settings/locale
TEXTS := $(VENV)/texts.pot
translations: dev
	$(BIN)/pybabel --quiet extract --no-default-keywords --keyword _ --no-wrap --omit-header \
		--ignore-dirs ".* benchmarks dist docs examples tests" --add-location file -o $(TEXTS) .
	$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date \
		--domain open_realtime_server --width 100 -i $(TEXTS) -d $(CATALOGUES)
	$(BIN)/pybabel --quiet compile --domain open_realtime_server --statistics -d $(CATALOGUES)

# Every version and hash of what is deployed, for all platforms and Pythons; commit the result.
# Engines and vendors' libraries that you deploy: WITH="whisper kokoro", as requirements/ has them.
lock: dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-annotate --upgrade --custom-compile-command "make lock" \
		requirements.txt $(WITH:%=requirements/%.txt) -o requirements.lock
	$(BIN)/python -m requirements.lock_extras
	$(BIN)/python -m requirements.measure_downloads

# The first start in a root of Debian's, as root: minutes, and it needs the network and debootstrap.
start-check: dev
	$(BIN)/python -m tests.requirements.debian_root $(ARGS)

# The image of Dockerfile, built and tried without a registry, as root: minutes, and it needs the
# network, buildah, podman and debootstrap.
container: dev
	$(BIN)/python -m tests.container.image $(ARGS)

# Replicas behind HAProxy in network namespaces, as root: what callers lose when one of them goes.
cluster: dev
	$(BIN)/python -m tests.cluster $(ARGS)

# Models on Ray, on three machines of which one thing after the other fails, as root: minutes, and it
# needs iproute2 and a server of Redis' protocol. ARGS="--only head_lost" for one failure.
ray-check: dev
	$(BIN)/python -m tests.ray_cluster $(ARGS)

# What `pip install .` installs, as one file in dist/. tests/documents/test_wheel.py tries it.
wheel: dev
	$(BIN)/uv build --quiet --wheel --out-dir dist

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@echo "Nothing is set up yet: 'make run', in another terminal, does that and starts the server." >&2
	@exit 1
