# Sourced by scripts/test and scripts/check: what a stage prints, how test programs run, and the stages that both have.
# shellcheck shell=bash
# shellcheck disable=SC2329 # stages are called by name

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
me=${0##*/}
logs=${CARGO_TARGET_DIR:-target}/$me-logs
rm -rf "$logs"
mkdir -p "$logs"
export CARGO_TERM_COLOR=never
failed_stages=0
retry="Then run \`make $me\` again."
one_test="One test alone: \`cargo test -p PACKAGE NAME -- --nocapture\`. Generated files that differ: \`make generate\`."

# finish: the last line, and the exit code that fits it.
finish() {
    local passed=0 failed=0
    count_tests
    echo "$((passed)) passed, $((failed + failed_stages)) failed"
    exit $((failed + failed_stages > 0))
}

# report NAME LOG REMEDY: says of something that failed what it wrote, and what helps.
report() {
    # The whole log where a screen or two can show it, else the end, which has the summary.
    tail -n 300 "$2" | sed 's/^/    /'
    printf '\n%s failed; its whole output is in %s\n%s\n\n' "$1" "$2" "$3"
}

# stage NAME REMEDY COMMAND...: one line with the time it took; what it wrote only where it failed.
stage() {
    local name=$1 remedy=$2 log started=$SECONDS
    shift 2
    log=$logs/${name//[^a-z0-9]/-}.log
    printf '%-28s ' "$name"
    if "$@" >"$log" 2>&1 </dev/null; then
        echo "ok      $((SECONDS - started)) s"
        return 0
    fi
    echo "FAILED  $((SECONDS - started)) s"
    report "$name" "$log" "$remedy"
    return 1
}

# required NAME REMEDY COMMAND...: a stage without which the others say nothing.
required() {
    stage "$@" || {
        failed_stages=$((failed_stages + 1))
        finish
    }
}

# check NAME REMEDY COMMAND...: a stage that stands for itself.
check() { stage "$@" || failed_stages=$((failed_stages + 1)); }

# missing COMMAND REMEDY: says what installs COMMAND; true where it is not there.
missing() {
    command -v "$1" >/dev/null && return 1
    echo "\`$1\` is missing. $2"
}

# tools_of_rust: what it takes to build, to format and to lint.
tools_of_rust() {
    local lacking=0
    missing cargo "Install Rust: https://rustup.rs, then \`rustup toolchain install stable\`" && lacking=1
    missing rustfmt "Install it: \`rustup component add rustfmt\`" && lacking=1
    missing cargo-clippy "Install it: \`rustup component add clippy\`" && lacking=1
    missing cc "Install a C compiler: \`sudo apt-get install build-essential\`" && lacking=1
    missing gofmt "It comes with Go: https://go.dev/dl/" && lacking=1
    missing flock "Install it: \`sudo apt-get install util-linux\`" && lacking=1
    return "$lacking"
}

format() {
    cargo fmt --all --check || return 1
    local unformatted
    unformatted=$(gofmt -l tests/control-plane tests/ops-tools tests/signer)
    [[ -z $unformatted ]] || { echo "gofmt would change: $unformatted" && return 1; }
}

# lints: both of the program with the switches of tests, which every test target brings in, and of the one without.
lints() {
    cargo clippy --locked --workspace --all-targets -- -D warnings &&
        cargo clippy --locked --workspace -- -D warnings
}

check_format() { check "format" "\`make format\` puts it right. $retry" format; }
check_lints() { check "lints" "Change the lines that it names; \`make lint\` runs this stage alone." lints; }

# build_tests ARGUMENT...: builds the test programs that `cargo test ARGUMENT...` would run, and notes them in
# $logs/programs: name, kind, folder of the package, executable.
build_tests() {
    cargo test --locked --workspace --no-run --message-format=json-render-diagnostics "$@" >"$logs/build.json" || return 1
    grep -E '"profile":\{[^}]*"test":true\}' "$logs/build.json" | sed -nE \
        's#.*"manifest_path":"([^"]+)/Cargo.toml","target":\{"kind":\["([a-z-]+)"\],[^{]*"name":"([^"]+)".*"executable":"([^"]+)".*#\3 \2 \1 \4#p' |
        sort >"$logs/programs"
    # A program that this can't read would be one that nobody runs.
    [[ $(wc -l <"$logs/programs") -eq $(grep -cE '"profile":\{[^}]*"test":true\}' "$logs/build.json") ]] ||
        { echo "Cargo describes its test programs in another form than build_tests knows" && return 1; }
}

# run NAME LOG COMMAND...: a test program, of several that run at once; prints its line when it has ended.
run() {
    local name=$1 log=$2 started=$SECONDS result=ok
    shift 2
    "$@" >"$log" 2>&1 </dev/null || result=FAILED
    {
        flock 9
        printf '%-28s %-7s %s s\n' "$name" "$result" $((SECONDS - started))
        [[ $result == ok ]] || { echo "$name" >>"$logs/failed" && report "$name" "$log" "$one_test"; }
    } 9>"$logs/lock"
}

# within FOLDER COMMAND...: where Cargo runs a test of the package in that folder.
within() { (cd "$1" && shift && exec "$@"); }

# program NAME KIND FOLDER EXECUTABLE ARGUMENT...: runs a test program of $logs/programs.
program() {
    local name=$1 kind=$2 folder=$3 executable=$4 log=$logs/tests-$2-$1.log
    shift 4
    [[ $kind == test ]] || name="$name ($kind)"
    run "$name" "$log" within "$folder" "$executable" "$@"
}

# alone NAME KIND FOLDER EXECUTABLE: runs the tests of a program once more that failed beside others, one at a time. They have
# deadlines, which a machine that does something else can make them miss; what fails alone too has failed.
alone() {
    local name=$1 kind=$2 log=$logs/tests-$2-$1.log tests
    grep -qx "$name" "$logs/failed" 2>/dev/null || return 0
    mapfile -t tests < <(sed -nE 's/^test ([^ ]+)( - should panic)? \.\.\. FAILED$/\1/p' "$log")
    ((${#tests[@]} > 0 && ${#tests[@]} <= 5)) || return 0
    sed -i "/^$name\$/d" "$logs/failed"
    run "$name, ${#tests[@]} alone" "${log%.log}-alone.log" within "$3" "$4" --exact --test-threads=1 "${tests[@]}"
}

# count_tests: adds up what the test programs said. One that ended without a word counts as a failure.
count_tests() {
    local log p f
    for log in "$logs"/tests-*.log; do
        [[ -e $log && $log != *-alone.log ]] || continue
        read -r p f < <(awk '/^test result: / { p += $4; f += $6 } END { print p + 0, f + 0 }' "$log")
        passed=$((passed + p))
        # Of those that failed, what counts is how they ended alone.
        [[ ! -e ${log%.log}-alone.log ]] ||
            read -r p f < <(awk '/^test result: / { p += $4; f += $6 } END { print p + 0, f + 0 }' "${log%.log}-alone.log")
        [[ ! -e ${log%.log}-alone.log ]] || passed=$((passed + p))
        failed=$((failed + f))
    done
    if [[ -s $logs/failed && $failed -eq 0 ]]; then failed=$(wc -l <"$logs/failed"); fi
}
