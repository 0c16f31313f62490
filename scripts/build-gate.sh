#!/usr/bin/env bash
# Compiles the gate's eBPF program: build-gate.sh [OUTPUT]. Does nothing where the object is newer
# than its sources. Needs clang and the kernel's headers (Debian: clang linux-libc-dev).
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
sources=$root/src/datapath/gate/bpf
output=${1:-$root/dist/src/datapath/gate/bpf/gate.bpf.o}

is_fresh() {
  [[ -f $output ]] || return 1
  [[ -z $(find "$sources" "${BASH_SOURCE[0]}" -type f -newer "$output" -print -quit) ]]
}

if is_fresh; then exit 0; fi
if ! command -v clang >/dev/null; then
  printf 'build-gate: clang is missing (Debian: apt-get install clang linux-libc-dev)\n' >&2
  exit 1
fi
mkdir -p "$(dirname "$output")"
partial=$output.$$
trap 'rm -f "$partial"' EXIT
# No -g: the loader needs no BTF. v3: 32-bit arithmetic and comparisons, which every Linux from 5.1 on has.
options=(-O2 -target bpf -mcpu=v3 -Wall -Werror -I "/usr/include/$(uname -m)-linux-gnu")
clang "${options[@]}" -c "$sources/gate.bpf.c" -o "$partial"
# In one step: a reader never sees half of it.
mv "$partial" "$output"
