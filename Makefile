# make demo and make test do all the set-up on a fresh clone; they assume Python 3.11 or newer, and make.
PYTHON ?= python3
BIN := .venv/bin
DEMO := $(CURDIR)/instance-data/demo
DEMO_MINUTES ?= 6
# Threads that wait sleep: where other programs run too, spinning ones make a small network's training several times slower.
export OMP_WAIT_POLICY ?= PASSIVE
# One of the clips that make-rooms.py makes, the same on every machine.
DEMO_SEQUENCE := 606e74efe6f4341f
DEMO_VIDEO := rmk-mz-79dJ

.PHONY: demo test test-all test-slow test-slurm lint format bench trajectories

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "photonvs needs Python 3.11 or newer; $(PYTHON) is older: run make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# taming-transformers declares dependencies that its tested modules don't need.
.venv/installed-test: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps taming-transformers
	@touch $@

# Footage of rooms, a small model trained on it, and the frames that it makes along a path. Run again, it trains on.
demo: .venv/installed
	$(BIN)/python dataset-data/make-rooms.py train --clips 2 --frames 61 --pose-every 6 --data $(DEMO)/data
	$(BIN)/python dataset-data/extract-poses.py train --data $(DEMO)/data
	$(BIN)/python src/scripts/encode-latents.py --config demo --latents $(DEMO)/latents --instance-data $(DEMO)
	$(BIN)/python src/scripts/train.py --config demo --instance-data $(DEMO) training.minutes=$(DEMO_MINUTES)
	rm -rf $(DEMO)/samples
	$(BIN)/python src/scripts/make-trajectory.py realestate10k --sequence $(DEMO)/data/RealEstate10K-original/train/$(DEMO_SEQUENCE).txt \
		--video $(DEMO)/data/train/videos/$(DEMO_VIDEO).mp4 --frames 10 -o samples/room --instance-data $(DEMO)
	$(BIN)/python src/scripts/sample-trajectory.py -o samples/room --instance-data $(DEMO)
	$(BIN)/python src/scripts/evaluate.py -o samples/room --instance-data $(DEMO)
	$(BIN)/python src/scripts/compute-tsed.py -o samples/room --instance-data $(DEMO)
	@echo
	@echo "Frames:        $(DEMO)/samples/room/samples/00000000/images"
	@echo "Video:         $(DEMO)/samples/room/samples/00000000/video.mp4"
	@echo "Contact sheet: $(DEMO)/samples/room/samples/00000000/contact-sheet.png"
	@echo "Report:        $(DEMO)/samples/room/evaluation/00000000/report.html"

test: .venv/installed-test
	$(BIN)/python -m pytest -m "not slow and not slurm"

test-all: .venv/installed-test
	$(BIN)/python -m pytest

test-slow: .venv/installed-test
	$(BIN)/python -m pytest -m slow

test-slurm: .venv/installed-test
	$(BIN)/python -m pytest -m slurm

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The camera paths that the repository ships.
trajectories: .venv/installed
	for path in orbit spin hop dolly truck pedestal spiral pan tilt; do \
		$(BIN)/python src/scripts/make-trajectory.py $$path --force --json custom-trajectories/$$path.json || exit 1; \
	done

bench: .venv/installed
	for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done
