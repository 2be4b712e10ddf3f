# Sourced by the scripts that install what tests use: each thing once per user, outside the checkout.
# shellcheck shell=bash

cache="${SFC_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/salesforce-connector-operator}"

# say TEXT: to standard error, because standard output is the folder.
say() { echo "${0##*/}: $1" >&2; }

# need COMMAND REMEDY: ends with the remedy where the command is missing.
need() {
    if ! command -v "$1" >/dev/null; then
        say "needs \`$1\`, which is not in PATH. $2"
        exit 1
    fi
}

# need_for_build: what building takes, and what these scripts do; names all that is missing, not the first alone.
need_for_build() {
    local lacking=0
    (need cargo "Install Rust: https://rustup.rs") || lacking=1
    (need cc "Install a C compiler: \`sudo apt-get install build-essential\`, or \`xcode-select --install\`") || lacking=1
    (need flock "Install it: \`sudo apt-get install util-linux\`, or \`brew install flock\`") || lacking=1
    (need sha256sum "Install it: \`sudo apt-get install coreutils\`, or \`brew install coreutils\`") || lacking=1
    ((lacking == 0)) || exit 1
}

# key FILE...: what changes when one of the files does.
key() { cat "$@" | sha256sum | cut -c1-16; }

# install_once NAME FUNCTION: prints the folder of NAME in the cache, after calling FUNCTION with the folder if
# it is not complete yet. Of several at once, one installs and the others wait.
install_once() {
    local dir=$cache/$1
    if [[ ! -e $dir/.complete ]]; then
        mkdir -p "$dir"
        exec 9>"$dir.lock"
        if ! flock --nonblock 9; then
            say "waiting for another installation"
            flock 9
        fi
        if [[ ! -e $dir/.complete ]]; then
            local started=$SECONDS
            "$2" "$dir" >&2
            touch "$dir/.complete"
            say "done in $((SECONDS - started)) s: $dir"
        fi
        exec 9>&-
    fi
    echo "$dir"
}
