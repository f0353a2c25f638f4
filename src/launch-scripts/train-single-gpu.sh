#!/bin/bash
# Train on one GPU. At the time limit, and after preemption or a node's failure, the job goes on by
# itself.
#   sbatch --cpus-per-gpu=8 --time=24:00:00 train-single-gpu.sh [OPTION...]
# OPTION: of train.py.
#SBATCH --job-name=photonvs-train
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --nodes=1
#SBATCH --gpus=1
#SBATCH --requeue
#SBATCH --signal=B:USR1@120

# Slurm runs a copy of this file: what was submitted, and where, tells where common.sh is.
: "${SLURM_JOB_ID:?submit this script with sbatch}"
submitted=$(scontrol show job "$SLURM_JOB_ID" | sed -n '/Command=/{s/.*Command=//p;q}')
for repository in "${submitted%%/src/launch-scripts/*}" "$SLURM_SUBMIT_DIR"{,/..,/../..}; do
    [ -f "$repository/src/launch-scripts/common.sh" ] && break
done
source "$repository/src/launch-scripts/common.sh" || {
    echo "no photonvs clone around $SLURM_SUBMIT_DIR:" \
        "submit src/launch-scripts/train-single-gpu.sh of yours" >&2
    exit 1
}

checkpoints=$(instance_data "$@")/checkpoints || exit 1
train "$python" "$repository/src/scripts/train.py" "$@"
