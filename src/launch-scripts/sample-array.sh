#!/bin/bash
# Sample and score many sequences with the tasks of an array job; of n tasks each takes every n-th
# folder.
#   sbatch --array=0-15 --gpus=1 sample-array.sh [OPTION...] -- samples/a samples/b ... | LIST.txt
# With several GPUs (--gpus-per-node=8) a task's processes share its folders.
# OPTION: of sample-trajectory.py. LIST.txt: a file with a folder a line. Folders are relative to
# --instance-data. Submitted again, it makes what is missing.
#SBATCH --job-name=photonvs-sample
#SBATCH --output=%x-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --nodes=1
#SBATCH --requeue
#SBATCH --signal=B:USR1@60

# Slurm runs a copy of this file: what was submitted, and where, tells where common.sh is.
: "${SLURM_JOB_ID:?submit this script with sbatch}"
submitted=$(scontrol show job "$SLURM_JOB_ID" | sed -n '/Command=/{s/.*Command=//p;q}')
for repository in "${submitted%%/src/launch-scripts/*}" "$SLURM_SUBMIT_DIR"{,/..,/../..}; do
    [ -f "$repository/src/launch-scripts/common.sh" ] && break
done
source "$repository/src/launch-scripts/common.sh" || {
    echo "no photonvs clone around $SLURM_SUBMIT_DIR:" \
        "submit src/launch-scripts/sample-array.sh of yours" >&2
    exit 1
}

usage="expected: sbatch --array=0-15 sample-array.sh [OPTION...] -- samples/a ... | LIST.txt"
[ "${SLURM_ARRAY_TASK_COUNT:-}" ] || fail "not an array job; $usage"
without_gaps=$(((SLURM_ARRAY_TASK_MAX - SLURM_ARRAY_TASK_MIN) / SLURM_ARRAY_TASK_STEP + 1))
[ $without_gaps = "$SLURM_ARRAY_TASK_COUNT" ] ||
    fail "an array with gaps would leave folders out: use one like --array=0-15"

options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    options+=("$1")
    shift
done
[ $# -gt 1 ] || fail "no folders after --; $usage"
shift
instance_data=$(instance_data "${options[@]}") || exit 1
folders=()
for folder in "$@"; do
    if [ -f "$folder" ]; then
        mapfile -t -O ${#folders[@]} folders < <(
            grep --invert-match --extended-regexp '^[[:space:]]*(#|$)' "$folder"
        )
    else
        folders+=("$folder")
    fi
done

mine=()
position=$(((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN) / SLURM_ARRAY_TASK_STEP))
for ((index = position; index < ${#folders[@]}; index += SLURM_ARRAY_TASK_COUNT)); do
    mine+=("${folders[index]}")
done
echo "${#mine[@]} of ${#folders[@]} folders: ${mine[*]}"
[ ${#mine[@]} -gt 0 ] || exit 0

ask_to_stop() { kill -TERM "$step"; } # frames that are done are kept
scripts=$repository/src/scripts
launcher=("$python")
gpus=${SLURM_GPUS_ON_NODE:-0}
[ "$gpus" -le 1 ] || launcher+=(-m torch.distributed.run --standalone --nproc-per-node="$gpus")
run_step "${launcher[@]}" "$scripts/sample-trajectory.py" "${options[@]}" -o "${mine[@]}"
status=$?
if [ $status = 0 ] && [ -z "$warned" ]; then
    run_step "$python" "$scripts/compute-tsed.py" --instance-data "$instance_data" \
        --workers "$SLURM_CPUS_ON_NODE" -o "${mine[@]}"
    status=$?
fi
end_job "$status"
