#!/bin/bash
# A Slurm cluster on one machine that lives as long as this script's standard input is open.
#   unshare --mount --uts --net --ipc --pid --fork --kill-child --mount-proc cluster.sh FOLDER NODES
# Needs root, slurmctld, slurmd, munged, iproute2. As process 1 of its own namespaces, all that it
# started ends with it.
# The controller is host `head`; `node1`, `node2`, … have their own host names, networks and
# processes. Lines read:
#   start NAME    a node comes up        crash NAME    all of a node's processes end at once
set -u
folder=$1 nodes=$2
mkdir -p "$folder"/{state,logs}
munge=/run/munge # of this namespace; munged wants a path that every user can enter
declare -A holder # the process that holds each node's namespaces
export SLURM_CONF=$folder/slurm.conf

wait_for() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    until "${@:2}" &>/dev/null; do
        [ $SECONDS -lt $end ] || { echo "waited $1 seconds for ${*:2}" && exit 1; }
        sleep 0.05
    done
}

name_hosts() { # the network, and names without a name server
    hostname head
    ip link set lo up
    ip link add switch type bridge
    ip address add 10.9.0.1/24 dev switch
    ip link set switch up
    printf '127.0.0.1 localhost\n10.9.0.1 head\n' >"$folder/hosts"
    for number in $(seq "$nodes"); do
        echo "10.9.0.$((100 + number)) node$number" >>"$folder/hosts"
    done
    echo 'hosts: files' | cat <(grep -v '^hosts:' /etc/nsswitch.conf) - >"$folder/nsswitch.conf"
    mount --bind "$folder/hosts" /etc/hosts
    mount --bind "$folder/nsswitch.conf" /etc/nsswitch.conf
}

configure() { # a low partition that gives way to an urgent one; times are short so that tests are
    cat >"$SLURM_CONF" <<END
ClusterName=throwaway
SlurmctldHost=head(10.9.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$munge/socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmctldPidFile=$folder/slurmctld.pid
SlurmctldLogFile=$folder/logs/slurmctld.log
SlurmdSpoolDir=$folder/spool.%n
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmdLogFile=$folder/logs/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
ReturnToService=2
SlurmdTimeout=5
KillWait=3
OverTimeLimit=0
MinJobAge=900
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=node[1-$nodes] CPUs=1 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=60 GraceTime=20 PriorityTier=1 State=UP
PartitionName=urgent Nodes=ALL MaxTime=60 PriorityTier=2 PreemptMode=OFF State=UP
END
}

start_daemons() {
    mount -t tmpfs none /run
    mkdir --mode=755 "$munge"
    (umask 077 && head -c 128 /dev/urandom >"$munge/key")
    munged --foreground --key-file "$munge/key" --socket "$munge/socket" --pid-file "$munge/pid" \
        --log-file "$munge/log" --seed-file "$munge/seed" </dev/null &>"$folder/logs/munged.log" &
    wait_for 10 munge --no-input --socket "$munge/socket"
    slurmctld -D -c </dev/null &>"$folder/logs/slurmctld.out" &
}

own_network() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; } # PROCESS

start() { # NAME
    local name=$1 address
    address=$(awk -v name="$name" '$2 == name { print $1 }' "$folder/hosts")
    mkdir -p "$folder/spool.$name"
    # shellcheck disable=SC2016 # the inner shell fills in its own arguments
    unshare --mount --uts --net --pid --fork --kill-child --mount-proc -- bash -c '
        hostname "$1"
        until ip link show eth0 &>/dev/null; do sleep 0.02; done
        ip address add "$2/24" dev eth0
        ip link set lo up
        ip link set eth0 up
        ip route add default via 10.9.0.1
        slurmd -D -c
        true # slurmd is not the last command: the shell stays as process 1 and collects orphans
    ' node "$name" "$address" </dev/null &>"$folder/logs/$name.out" &
    holder[$name]=$!
    wait_for 10 own_network "$!"
    ip link add "to-$name" type veth peer name eth0 netns "$!"
    ip link set "to-$name" master switch up
}

crash() { # NAME
    kill -9 "${holder[$1]}"
    wait "${holder[$1]}" 2>/dev/null
}

name_hosts
configure
start_daemons
for number in $(seq "$nodes"); do start "node$number"; done
all_idle() {
    local idle
    idle=$(sinfo --noheader --Node --partition=main --states=idle --format=%N | wc -l)
    [ "$idle" = "$nodes" ]
}
wait_for 30 all_idle
echo ready
while read -r verb name; do
    case $verb in
    start | crash) "$verb" "$name"; echo "$verb $name" ;;
    *) echo "unknown: $verb" ;;
    esac
done
