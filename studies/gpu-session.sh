#!/bin/bash
# The model of made-up rooms on a machine that has a GPU for ten minutes, and no network.
#
#     FIRST_STAGE=first-stage.safetensors OUT=results studies/gpu-session.sh
#
# A clone, PyTorch, OpenCV and Pillow are enough; PyAV is not needed. WHEELS is a folder of wheels to
# unpack first, of what else is missing, such as omegaconf. While rooms are rendered, the GPU is
# measured and its tests run. Then the recipe RECIPE (rooms-gpu) is carried out by the clock. OUT
# gets session.log and the weights, in parts of 15 MB. `cat denoiser.safetensors.part-*` joins them.
# WORK is where the model is made; a second call goes on there.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
OUT=${OUT:?give OUT, a folder for the results}
FIRST_STAGE=${FIRST_STAGE:?give FIRST_STAGE, a file of first-stage weights}
WORK=${WORK:-/tmp/photonvs-model}
RECIPE=${RECIPE:-rooms-gpu}
CORES=$(nproc)
BENCH=${BENCH-evaluation evaluation-bfloat16 evaluation-8-bfloat16 training-step training-step-8-bfloat16}

mkdir -p "$OUT" "$WORK/site"
ln -sfn "$PWD/src" "$WORK/site/photonvs"
if [ -n "${WHEELS:-}" ]; then
    "$PYTHON" -m pip install --quiet --no-index --no-deps --upgrade --target "$WORK/site" \
        "$WHEELS"/*.whl
fi
export PYTHONPATH="$WORK/site${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1

measure() {
    timeout 120 "$PYTHON" benchmarks/suite.py $BENCH || echo "the benchmark ended with $?"
    local tests
    tests=$(grep -l 'mark\.gpu' tests/test_*.py || true)
    if [ -n "$tests" ]; then
        timeout 120 "$PYTHON" -m pytest -q -m gpu $tests || echo "the GPU tests ended with $?"
    fi
}

measure > "$WORK/measured.txt" 2>&1 &
measuring=$!
status=0
"$PYTHON" -m photonvs make-model --recipe "$RECIPE" --folder "$WORK/model" \
    --first-stage "$FIRST_STAGE" --workers $((CORES > 4 ? CORES - 3 : 1)) \
    ${DEVICE:+--device "$DEVICE"} || status=$?
wait $measuring || true
cat "$WORK/measured.txt"

{
    cat "$WORK/measured.txt" "$WORK/model/make-model.log" "$WORK/model/made.json"
    tail -n 3 "$WORK"/model/score/logs/stats.jsonl "$WORK"/model/few-step/logs/stats.jsonl || true
} > "$OUT/session.log"
for name in denoiser score; do
    file=$WORK/model/weights/$name.safetensors
    if [ -f "$file" ]; then
        split --bytes=15M --numeric-suffixes "$file" "$OUT/$name.safetensors.part-"
    fi
done
ls -l "$OUT"
exit $status
