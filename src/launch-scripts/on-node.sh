#!/bin/bash
# on-node.sh JOB COMMAND...: one node's part of a job. Preemption sends TERM to a job's steps, not
# to its batch script: the first node passes it on as USR1. What it does to the command itself is
# the command's business.
job=$1
shift
if [ "$SLURM_PROCID" = 0 ]; then
    trap 'scancel --signal=USR1 --batch "$job"' TERM
else
    trap : TERM
fi
"$@" &
while kill -0 $! 2>/dev/null; do wait $!; done # a signal ends `wait` but not the command
wait $!
