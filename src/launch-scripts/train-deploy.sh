#!/bin/bash
# Train on any number of nodes and GPUs. At the time limit, and after preemption or a node's fault,
# the job goes on by itself.
#   sbatch --nodes=2 --gpus-per-node=8 --cpus-per-gpu=8 --time=24:00:00 train-deploy.sh [OPTION...]
# OPTION: of train.py.
#SBATCH --job-name=photonvs-train
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
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
        "submit src/launch-scripts/train-deploy.sh of yours" >&2
    exit 1
}

checkpoints=$(instance_data "$@")/checkpoints || exit 1
gpus=${SLURM_GPUS_ON_NODE:-0}
first_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head --lines=1)

# torchrun answers TERM by ending its processes 30 seconds later: it shall ignore it, and the
# trainer end by itself.
export PET_SIGNALS_TO_HANDLE=SIGINT,SIGHUP,SIGQUIT
# shellcheck disable=SC2016 # each node fills in its own number
torchrun='trap "" TERM; exec "$0" -m torch.distributed.run --node-rank="$SLURM_NODEID" "$@"'
train bash -c "$torchrun" "$python" \
    --nnodes="$SLURM_JOB_NUM_NODES" \
    --nproc-per-node="$((gpus > 0 ? gpus : 1))" \
    --master-addr="$first_node" \
    --master-port="$((15000 + SLURM_JOB_ID % 15000))" \
    --rdzv-id="$SLURM_JOB_ID-${SLURM_RESTART_COUNT:-0}" \
    "$repository/src/scripts/train.py" "$@"
