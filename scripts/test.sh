#!/usr/bin/env bash
# Sets the checkout up, then runs all tests in one run of Node's test runner, so that its summary
# at the end counts everything.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/test.sh [--] [SUBSTRING...]

Without arguments, every test. With arguments, only the test files whose path contains one of the
substrings: scripts/test.sh -- conntrack live/

Live tests need root (network namespaces); without it they are skipped and say so.
Most live tests run twice: with the capture datapath, and through the gate (test/live/through-gate/).
PINHOLE_TEST_GATEWAY=kernel runs the live tests against the kernel's own FTP helper.
TEXT
}

filters=()
for argument in "$@"; do
  case "$argument" in
    --) ;;
    --help | -h)
      usage
      exit 0
      ;;
    -*)
      usage >&2
      exit 2
      ;;
    *) filters+=("$argument") ;;
  esac
done

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
cd "$root"

# The lab's packages are of use to root only: nobody else can make a network namespace.
if [[ $(id -u) == 0 ]]; then
  scripts/setup.sh
else
  scripts/setup.sh --no-lab
fi

wanted() {
  local filter
  ((${#filters[@]} > 0)) || return 0
  for filter in "${filters[@]}"; do
    [[ $1 == *"$filter"* ]] && return 0
  done
  return 1
}

files=()
while IFS= read -r file; do
  if wanted "$file"; then files+=("$file"); fi
done < <(find dist/test -name '*.test.js' | sort)

if ((${#files[@]} == 0)); then
  printf 'test: no test file matches %s\n' "${filters[*]:-(anything)}" >&2
  exit 2
fi

exec node --test --test-reporter=spec --test-concurrency=2 "${files[@]}"
