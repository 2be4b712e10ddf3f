# Sourced by scripts/image and scripts/release: how programs are built that run on any Linux, and the list of what is in them.
# shellcheck shell=bash

# Older ones ask for libraries when they resolve a name, even in a static program.
oldest_glibc=2.34

fail() {
    say "$1"
    exit 1
}

# architecture_of TARGET: what images and downloads call it.
architecture_of() {
    case $1 in
        x86_64-*-linux-*) echo amd64 ;;
        aarch64-*-linux-*) echo arm64 ;;
        *) fail "$1 is no target of images. Name one with --target, such as x86_64-unknown-linux-gnu." ;;
    esac
}

host() { rustc -vV | sed -n 's/^host: //p'; }

# version: that of the workspace.
version() { sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1; }

# c_compiler TARGET: as Debian names it.
c_compiler() {
    if [[ $1 == "$(host)" || $1 == *-musl ]]; then
        echo cc
    else
        echo "${1%%-*}-linux-gnu-gcc"
    fi
}

# glibc_of TARGET: its version.
glibc_of() {
    printf '#include <features.h>\n__GLIBC__ __GLIBC_MINOR__\n' | "$(c_compiler "$1")" -E -P - | tail -n 1 | tr ' ' .
}

# need_static TARGET: what building for it takes.
need_static() {
    need_for_build
    [[ $1 == *-gnu ]] || return 0
    local cc glibc
    cc=$(c_compiler "$1")
    need "$cc" "Install it: \`sudo apt-get install gcc\` or, for another processor, \`gcc-${1%%-*}-linux-gnu\`"
    glibc=$(glibc_of "$1")
    [[ $(printf '%s\n' "$oldest_glibc" "$glibc" | sort --version-sort | head -n 1) == "$oldest_glibc" ]] ||
        fail "glibc $glibc is too old for a static program that resolves names: $oldest_glibc is needed"
}

# build_static TARGET PACKAGE: prints the path of the program of that name, as it ships. No folder of this machine is in it.
build_static() {
    local target=$1 name=$2 linker program folder flags=(
        -Ctarget-feature=+crt-static
        "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates"
        "--remap-path-prefix=$PWD=operator"
        "--remap-path-prefix=$(rustc --print sysroot)=rust"
    )
    linker=${target//-/_}
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}") \
        env "CARGO_TARGET_${linker^^}_LINKER=$(c_compiler "$target")" \
        cargo build --locked --release --target "$target" --package "$name" --bin "$name" >&2
    program=${CARGO_TARGET_DIR:-target}/$target/release/$name
    for folder in "$PWD/" "${CARGO_HOME:-$HOME/.cargo}/"; do
        ! grep --quiet --text --fixed-strings "$folder" "$program" || fail "$program names $folder, a folder of this machine"
    done
    echo "$program"
}

# sbom TARGET PACKAGE CREATED FILE: writes the list of what is in a program, in the form of CycloneDX.
sbom() {
    local tree linked
    tree=$(mktemp)
    linked=("--linked=rust-std@$(rustc --version | cut -d ' ' -f 2)=MIT OR Apache-2.0")
    case $1 in
        *-gnu) linked+=("--linked=glibc@$(glibc_of "$1")=LGPL-2.1-or-later") ;;
        *-musl) linked+=("--linked=musl@of-rust-std=MIT") ;;
    esac
    cargo tree --quiet --locked --package "$2" --target "$1" --edges normal,no-proc-macro --prefix none --format '{p}|{l}' >"$tree"
    cargo run --quiet --locked --package image -- sbom --name "$2" --tree "$tree" --lock Cargo.lock "${linked[@]}" \
        --created "$3" --output "$4"
    rm "$tree"
}
