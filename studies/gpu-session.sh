#!/bin/bash
# The model of made-up rooms on a machine that has a GPU for ten minutes, and no network.
#
#     FIRST_STAGE=first-stage.safetensors OUT=results studies/gpu-session.sh
#     RECIPE= OUT=results studies/gpu-session.sh
#
# While rooms are rendered, the GPU is measured (the rows BENCH of `make bench`) and its tests run.
# Then the recipe RECIPE (rooms-gpu) is carried out by the clock. An empty RECIPE leaves it out, and
# all takes some three minutes.
#
# A clone, PyTorch with torchvision, OpenCV and Pillow have to be there. WHEELS is a folder of wheels
# to unpack first, of what else is missing: omegaconf, pyyaml, safetensors, tensorboard, tqdm. For
# the tests these are pytest, iniconfig, packaging, pluggy and pygments, and hypothesis with
# sortedcontainers. PyAV is not needed.
#
# OUT gets session.log and the weights, in parts of 15 MB. `cat denoiser.safetensors.part-*` joins
# them. WORK is where the model is made; a second call goes on there.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
OUT=${OUT:?give OUT, a folder for the results}
RECIPE=${RECIPE-rooms-gpu}
[ -z "$RECIPE" ] || : "${FIRST_STAGE:?give FIRST_STAGE, a file of first-stage weights}"
WORK=${WORK:-/tmp/photonvs-model}
CORES=$(nproc)
BENCH=${BENCH-evaluation evaluation-8-bfloat16 training-step-8-bfloat16}
TESTS=${TESTS-$(grep -l 'mark\.gpu' tests/test_*.py)}

mkdir -p "$OUT" "$WORK/site"
ln -sfn "$PWD/src" "$WORK/site/photonvs"
if [ -n "${WHEELS:-}" ]; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --upgrade --target "$WORK/site" \
        "$WHEELS"/*.whl
fi
export PYTHONPATH="$WORK/site${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1

measure() {
    timeout 80 "$PYTHON" benchmarks/suite.py $BENCH ${DEVICE:+--device "$DEVICE"} ||
        echo "the benchmark ended with $?"
    timeout 240 "$PYTHON" -m pytest -m gpu --durations=5 --continue-on-collection-errors \
        ${DEVICE:+--device "$DEVICE"} $TESTS ||
        echo "the GPU tests ended with $?"
}

make_model() {
    "$PYTHON" -m photonvs make-model --recipe "$RECIPE" --folder "$WORK/model" \
        --first-stage "$FIRST_STAGE" --workers $((CORES > 4 ? CORES - 3 : 1)) \
        ${DEVICE:+--device "$DEVICE"}
}

measure > "$OUT/session.log" 2>&1 &
measuring=$!
status=0
[ -z "$RECIPE" ] || make_model || status=$?
wait $measuring || true
cat "$OUT/session.log"

if [ -n "$RECIPE" ]; then
    {
        cat "$WORK/model/make-model.log" "$WORK/model/made.json"
        tail -n 3 "$WORK"/model/score/logs/stats.jsonl "$WORK"/model/few-step/logs/stats.jsonl ||
            true
    } >> "$OUT/session.log"
    for name in denoiser score; do
        file=$WORK/model/weights/$name.safetensors
        if [ -f "$file" ]; then
            split --bytes=15M --numeric-suffixes "$file" "$OUT/$name.safetensors.part-"
        fi
    done
fi
ls -l "$OUT"
exit $status
