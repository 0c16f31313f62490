#!/usr/bin/env bash
# The main job, shown on a network of its own: three namespaces, a real FTP server, real transfers.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
cd "$root"
if [[ $(id -u) != 0 ]]; then
  printf 'demo: network namespaces need root: sudo npm run demo\n' >&2
  exit 1
fi
scripts/setup.sh

lab=demo-$$
work=$(mktemp -d)
socket=$work/pinhole.sock
rules=rules/lab-gateway.rules
server=203.0.113.21
gateway_pid=

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
in_client() { scripts/lab exec "$lab" client "$@"; }
pinhole() { scripts/pinhole "$@" --socket "$socket"; }
show() {
  printf '\033[2m$ pinhole %s\033[0m\n' "$*"
  pinhole "$@" 2>&1 || true
}

stop_gateway() {
  [[ -n $gateway_pid ]] || return 0
  kill -TERM "$gateway_pid" 2>/dev/null || true
  wait "$gateway_pid" 2>/dev/null || true
  gateway_pid=
}
finish() {
  local code=$?
  trap - EXIT INT TERM
  stop_gateway
  scripts/lab down "$lab" >/dev/null 2>&1 || true
  if ((code != 0)) && [[ -s $work/gateway.log ]]; then
    printf '\ndemo: failed; the gateway said:\n' >&2
    cat "$work/gateway.log" >&2
  fi
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_gateway() {
  # exec: the pid is the gateway's own, and gets the signal that ends it.
  ip netns exec "ph-$lab-gateway" \
    node dist/src/cli/main.js run --rules "$rules" --interface lan0 --interface wan0 \
    --socket "$socket" >"$work/gateway.log" 2>&1 &
  gateway_pid=$!
  for _ in $(seq 100); do
    grep -qs ' ready: ' "$work/gateway.log" && return 0
    kill -0 "$gateway_pid" 2>/dev/null || break
    sleep 0.1
  done
  printf 'demo: the gateway did not start\n' >&2
  return 1
}

# One step of the FTP session that stays open: printed as it happens.
step() {
  local line
  printf '%s\n' "$*" >&"${session[1]}"
  while IFS= read -r -t 20 -u "${session[0]}" line; do
    [[ $line != . ]] || return 0
    printf '   %s\n' "$line"
  done
  printf 'demo: the FTP session ended early\n' >&2
  return 1
}

checksum() { sha256sum "$1" | cut -c1-16; }

# One download by curl: MODE [CURL OPTION...]; what arrives must be what the server has.
fetch() {
  local file=$work/$1.bin
  in_client curl -sS "${@:2}" -o "$file" "ftp://$server/pub/big.bin"
  printf 'curl %s: %s bytes, sha256 %s\n' "$1" "$(stat -c %s "$file")" "$(checksum "$file")"
  cmp "$file" "${TMPDIR:-/tmp}/pinhole-lab-$lab/big.bin"
}

title "The network: client 192.168.77.10 -- gateway -- server $server"
scripts/lab up "$lab" >/dev/null
start_gateway
printf 'gateway: pinhole run --rules %s --interface lan0 --interface wan0\n' "$rules"
show iptables -S FORWARD

title 'Downloads by curl through MASQUERADE: passive, then active'
fetch passive
fetch active --ftp-port -

title 'The same step by step: active'
coproc session { in_client python3 scripts/demo-session.py "$server"; }
step login
step active
printf 'The pinhole, before the data connection comes; it leads to the address the server was told:\n'
show conntrack -L expect
step open pub/big.bin
printf 'While it runs: the control connection (helper=ftp, use=2: it is the master of one other),\n'
printf 'and the data connection, which was let in as RELATED; the expectation is used up:\n'
show conntrack -L -p tcp --state ESTABLISHED
show conntrack -L expect
printf 'The same, as FTP:\n'
show ftp list
step finish

title 'A bounce: PORT with the address of somebody else'
step raw 'PORT 198,51,100,66,0,25'
printf 'The server itself refuses the command; no pinhole was opened:\n'
show conntrack -L expect
show ftp counters
grep 'refused' "$work/gateway.log" | sed 's/^/gateway log: /'
printf 'The session goes on:\n'
step passive
step open pub/hello.txt
step finish
step raw QUIT
exec {session[1]}>&-
wait "$session_PID"

title 'The totals'
show conntrack -L
show iptables -L FORWARD -n -v
show conntrack -S

stop_gateway
printf '\n'
tail -n 1 "$work/gateway.log" | sed 's/^/gateway log: /'
title 'Done: everything that the demo built is removed'
