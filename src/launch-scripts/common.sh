# shellcheck shell=bash
# What the launch scripts share. They set `repository` and source this file, which sets `python` and
# `job`.

fail() {
    echo "${SLURM_JOB_NAME:-launch script}: error: $*" >&2
    exit 1
}

repository=$(realpath "$repository")
python=${PHOTONVS_PYTHON:-$repository/.venv/bin/python}
[ -n "${PHOTONVS_PYTHON:-}" ] || [ -x "$python" ] || python=python3
"$python" -c 'import photonvs' ||
    fail "$python cannot import photonvs: set .venv up (make .venv/installed in $repository)," \
        "or name a Python that has it, PHOTONVS_PYTHON=/path/to/python"

# Of an array's tasks, one has the array's own number as SLURM_JOB_ID, which would mean all of them.
job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
job=${job:-$SLURM_JOB_ID}
start=$((${SLURM_RESTART_COUNT:-0} + 1))
echo "$(date '+%F %T') job $job, start $start, on $SLURM_JOB_NODELIST, $(type -P "$python")"

instance_data() { # ARGUMENT...: the folder of the option --instance-data, or the commands' default
    local folder=$repository/instance-data
    while [ $# -gt 0 ]; do
        case $1 in
        --instance-data=*) folder=${1#*=} ;;
        --instance-data) folder=${2-} ;;
        --i | --in*) fail "$1: write --instance-data in full" ;;
        esac
        shift
    done
    echo "$folder"
}

# run_step COMMAND...: run it on every node, on all that the job has there; its status.
# A warning (USR1: the time limit is near, or preemption) calls ask_to_stop and sets `warned`. TERM
# means that Slurm is ending the job already: scancel, or the warning came too late.
run_step() {
    warned=
    trap 'warned=yes; ask_to_stop' USR1
    trap ask_to_stop TERM
    srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 \
        --cpu-bind=none --kill-on-bad-exit=1 \
        bash "$repository/src/launch-scripts/on-node.sh" "$job" "$@" &
    step=$!
    while kill -0 "$step" 2>/dev/null; do wait "$step"; done # a signal ends `wait` but not the step
    wait "$step"
}

# end_job STATUS: requeue a job that was warned, or end it with this status.
end_job() {
    [ "$warned" ] || exit "$1"
    scontrol --oneliner show job "$job" | grep -q ' JobState=RUNNING ' ||
        fail "Slurm has ended the job: submit it again to go on"
    echo "$(date '+%F %T') job $job was stopped early (status $1): requeueing it"
    scontrol requeue "$job" || fail "it could not be requeued: submit it again to go on"
}

# train COMMAND...: run a training until it is done, through as many requeues as that takes.
# The trainer looks for the stop file every few seconds. It saves, and exits with status 0, as it
# does when it is done.
train() {
    mkdir -p "$checkpoints" || fail "$checkpoints cannot be made"
    ask_to_stop() { touch "$checkpoints/stop"; }
    rm -f "$checkpoints/stop" # an earlier start's
    run_step "$@"
    local status=$?
    rm -f "$checkpoints/stop" # else a training started by hand would stop at once
    end_job "$status"
}
