#!/usr/bin/env bash
# Benchmarks: they print figures and assert nothing. npm run bench [-- NAME [ARGUMENT...]]
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

name=${1:-engine}
# The one benchmark that builds a lab needs what a lab needs.
if [[ $name == gateway ]]; then
  scripts/setup.sh
else
  scripts/setup.sh --no-lab
fi

file=dist/test/bench/$name-bench.js
if [[ ! -f $file ]]; then
  printf 'bench: there is no benchmark "%s"; there are: %s\n' "$name" \
    "$(find dist/test/bench -name '*-bench.js' -printf '%f\n' | sed 's/-bench.js$//' | sort | tr '\n' ' ')" >&2
  exit 2
fi
exec node "$file" "${@:2}"
