# Sourced by the scripts of the demo: where its things are, and how they are ended.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
demo=$PWD/.demo
operator=salesforce-connector-operator

# end NAME: ends the process that .demo/NAME.pid names, if it still is that program.
end() {
    local pid_file=$demo/$1.pid pid
    [[ -e $pid_file ]] || return 0
    pid=$(<"$pid_file")
    if [[ $(ps -o command= -p "$pid") == *"$1"* ]]; then
        kill "$pid"
        while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
    fi
    rm -f "$pid_file"
}

# end_everything: the operator first, so that it doesn't complain about the others.
end_everything() {
    end "$operator"
    end salesforce-sim
    if [[ -e $demo/cluster/pid ]]; then
        "$demo/bin/control-plane" down --dir "$demo/cluster"
    fi
    rm -rf "$demo"
}
