# make demo and make test do all the set-up on a fresh clone. They need Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DEMO := $(CURDIR)/instance-data/demo
TRAIN_DEMO := $(CURDIR)/instance-data/train-demo
MODEL := $(CURDIR)/instance-data/model
# Of `make model`: rooms for CPU cores, rooms-gpu for a GPU; MINUTES for each stage, if given.
RECIPE ?= rooms
STUDY := $(CURDIR)/instance-data/studies
# `make study STUDY_DOCS=docs` renews the documents instead. It takes the numbers beside them, and
# measures only those that are not there yet. CHECKPOINT and FEW_STEP are weights other than the
# shipped ones, and their few-step form.
STUDY_DOCS ?= $(STUDY)/docs
SHIPPED := $(CURDIR)/src/shipped/rooms-denoiser.safetensors
DEMO_MINUTES ?= 6
# Threads that wait shall sleep. Spinning ones make a small network's training several times slower
# where other programs run too.
export OMP_WAIT_POLICY ?= PASSIVE
# Clips of make-rooms.py, which are the same on every machine.
DEMO_SEQUENCE := 9fa0b3010fc5b322
DEMO_VIDEO := rmf3qsXYfTX
TRAIN_DEMO_SEQUENCE := 606e74efe6f4341f
TRAIN_DEMO_VIDEO := rmk-mz-79dJ

.PHONY: demo view train-demo model study test test-all test-slow test-faults test-gpu test-slurm \
	lint format bench bench-details trajectories

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "photonvs needs Python 3.11 or newer; $(PYTHON) is older:" \
			"run make PYTHON=/path/to/python3.11"; \
		exit 1; \
	}
	$(PYTHON) -m venv .venv
	$(PIP_INSTALL) -e .
	@touch $@

# taming-transformers declares dependencies that the modules used by a test don't need.
.venv/installed-test: .venv/installed
	$(PIP_INSTALL) -e ".[test]"
	$(PIP_INSTALL) --no-deps taming-transformers
	@touch $@

# Frames along two paths through a room that the shipped model never saw, beside the true ones.
demo: .venv/installed
	$(BIN)/python dataset-data/make-rooms.py test --clips 1 --rooms 4 --frames 20 --fps 5 \
		--data $(DEMO)/data
	$(BIN)/python src/scripts/make-trajectory.py realestate10k \
		--sequence $(DEMO)/data/RealEstate10K-original/test/$(DEMO_SEQUENCE).txt \
		--video $(DEMO)/data/test/videos/$(DEMO_VIDEO).mp4 \
		-o samples/walk --instance-data $(DEMO)
	$(BIN)/python src/scripts/make-trajectory.py matrices custom-trajectories/pan.json \
		--image $(DEMO)/samples/walk/init-ims/0000.png -o samples/pan --instance-data $(DEMO)
	$(BIN)/python src/scripts/sample-trajectory.py -o samples/walk samples/pan \
		--checkpoint $(SHIPPED) --instance-data $(DEMO)
	$(BIN)/python src/scripts/evaluate.py -o samples/walk --instance-data $(DEMO)
	$(BIN)/python src/scripts/compute-tsed.py -o samples/walk --instance-data $(DEMO)
	@echo
	@echo "A walk:  $(DEMO)/samples/walk/samples/00000000/: images, video.mp4, contact-sheet.png"
	@echo "A pan:   $(DEMO)/samples/pan/samples/00000000/: the same"
	@echo "Report:  $(DEMO)/samples/walk/evaluation/00000000/report.html"

# The page in the browser; make view PHOTO=my-photo.jpg begins with a photo.
view: .venv/installed-view
	$(BIN)/photonvs view $(PHOTO)

.venv/installed-view: .venv/installed
	$(PIP_INSTALL) -e ".[view]"
	@touch $@

# Footage of rooms, a small model trained on it, and the frames that it makes along a path.
# Run again, it trains on.
train-demo: .venv/installed
	$(BIN)/python dataset-data/make-rooms.py train --clips 2 --frames 61 --pose-every 6 \
		--data $(TRAIN_DEMO)/data
	$(BIN)/python dataset-data/extract-poses.py train --data $(TRAIN_DEMO)/data
	$(BIN)/python src/scripts/encode-latents.py --config demo --latents $(TRAIN_DEMO)/latents \
		--instance-data $(TRAIN_DEMO)
	$(BIN)/python src/scripts/train.py --config demo --instance-data $(TRAIN_DEMO) \
		training.minutes=$(DEMO_MINUTES)
	rm -rf $(TRAIN_DEMO)/samples
	$(BIN)/python src/scripts/make-trajectory.py realestate10k \
		--sequence $(TRAIN_DEMO)/data/RealEstate10K-original/train/$(TRAIN_DEMO_SEQUENCE).txt \
		--video $(TRAIN_DEMO)/data/train/videos/$(TRAIN_DEMO_VIDEO).mp4 \
		--frames 10 -o samples/room --instance-data $(TRAIN_DEMO)
	$(BIN)/python src/scripts/sample-trajectory.py -o samples/room --instance-data $(TRAIN_DEMO)
	$(BIN)/python src/scripts/evaluate.py -o samples/room --instance-data $(TRAIN_DEMO)
	$(BIN)/python src/scripts/compute-tsed.py -o samples/room --instance-data $(TRAIN_DEMO)
	@echo
	@echo "Frames: $(TRAIN_DEMO)/samples/room/samples/00000000/: images, video.mp4, contact-sheet.png"
	@echo "Report: $(TRAIN_DEMO)/samples/room/evaluation/00000000/report.html"

# A whole model of made-up rooms, from rendering to weights. A stopped run goes on.
model: .venv/installed
	$(BIN)/photonvs make-model --recipe $(RECIPE) --folder $(MODEL) \
		$(if $(MINUTES),--minutes $(MINUTES))

# The measurements behind docs/samplers.md and docs/conditioning.md, all anew. They take many hours,
# and a stopped study goes on.
study: .venv/installed-test
	$(BIN)/python dataset-data/make-rooms.py train --clips 8 --first 128 --rooms 4 \
		--frames 40 --fps 5 --data $(STUDY)/data
	$(BIN)/python dataset-data/make-rooms.py test --clips 8 --rooms 4 --frames 40 --fps 5 \
		--data $(STUDY)/data
	$(BIN)/python dataset-data/make-rooms.py test --clips 8 --rooms 4 --frames 60 --fps 5 \
		--data $(STUDY)/long
	$(BIN)/python dataset-data/extract-poses.py train --data $(STUDY)/data
	$(BIN)/python dataset-data/extract-poses.py test --data $(STUDY)/data
	$(BIN)/python dataset-data/extract-poses.py test --data $(STUDY)/long
	$(BIN)/python studies/samplers.py --train $(STUDY)/data/train --test $(STUDY)/data/test \
		--long $(STUDY)/long/test $(if $(FEW_STEP),--few-step $(FEW_STEP)) \
		$(if $(CHECKPOINT),--checkpoint $(CHECKPOINT)) --docs $(STUDY_DOCS)
	$(BIN)/python studies/conditioning.py --data $(STUDY)/long/test \
		$(if $(CHECKPOINT),--checkpoint $(CHECKPOINT)) --docs $(STUDY_DOCS)

test: .venv/installed-test
	$(BIN)/python -m pytest -m "not slow and not faults and not gpu and not slurm"

test-all: .venv/installed-test
	$(BIN)/python -m pytest

test-slow: .venv/installed-test
	$(BIN)/python -m pytest -m slow

# SEED=7 chooses other random numbers.
test-faults: .venv/installed-test
	$(BIN)/python -m pytest -m faults

# Without CUDA they are skipped; DEVICE=cpu runs them there, as far as they mean anything.
test-gpu: .venv/installed-test
	$(BIN)/python -m pytest -m gpu $(if $(DEVICE),--device $(DEVICE))

test-slurm: .venv/installed-test
	$(BIN)/python -m pytest -m slurm

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache

format: .venv/installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The camera paths that the repository ships: the paper's orbit, spin and hop, and others as wide.
trajectories: .venv/installed
	set -e; \
	make_one() { \
		$(BIN)/photonvs make-trajectory $$* --frames 10 \
			--force --json custom-trajectories/$$1.json; \
	}; \
	make_one orbit --radius 2 --angle 90; \
	make_one spin --radius 0.5 --distance 2; \
	make_one hop --radius 1 --distance 2; \
	make_one dolly --distance 2; \
	make_one truck --distance 2; \
	make_one pedestal --distance 1; \
	make_one spiral --radius 0.5 --distance 1; \
	make_one pan; \
	make_one tilt

# One table: what users wait for, beside references. BENCH chooses rows and options.
bench: .venv/installed-test
	$(BIN)/python benchmarks/suite.py $(BENCH)

# The measurements behind single claims of the documents, each by itself.
bench-details: .venv/installed-test
	for benchmark in arithmetic data matchers rooms training tsed video viewer; do \
		$(BIN)/python benchmarks/$$benchmark.py || exit 1; \
	done
