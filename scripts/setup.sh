#!/usr/bin/env bash
# Prepares a checkout: Debian packages, npm packages, compiled code. Safe to run again at any time;
# it does only what is still missing. Progress goes to stderr.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/setup.sh [--no-lab]

Installs what Pinhole needs on a Debian-like machine, then builds it:
  1. Debian packages that are missing (needs root and apt-get); FTP programs that conflict with
     each other are unpacked below .out/ftp-programs instead,
  2. the npm packages of package-lock.json (npm ci),
  3. dist/ (npm run build), and the gate's eBPF program in it (clang).

  --no-lab   leave out the packages that only the laboratory and the live tests need
  --help     this text

Exit codes: 0 ready, 1 something is missing or failed, 2 wrong usage.
TEXT
}

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
  say "$@"
  exit 1
}

with_lab=yes
for argument in "$@"; do
  case "$argument" in
    --no-lab) with_lab=no ;;
    --help | -h)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
done

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
cd "$root"
# Tools such as iptables live in sbin, which the PATH of an ordinary user lacks.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

# One setup at a time in one checkout: two compilers writing the same dist/ would clash.
exec 9<"$root"
flock 9

# Each line: Debian package, then what proves that it is there (a command, or a header file).
# Asking for the thing itself and not for the package lets a compiler or a Python that came from
# elsewhere count, and gives a list of names on systems without dpkg.
base_needs='
g++ g++
make make
python3 python3
libpcap-dev pcap.h
clang clang
linux-libc-dev linux/bpf.h
iproute2 ip
iproute2 tc
ethtool ethtool'
lab_needs='
iptables iptables-legacy-restore
iptables ip6tables-legacy-restore
conntrack conntrack
ipset ipset
tcpdump tcpdump
procps ps
vsftpd vsftpd
curl curl
wget wget
lftp lftp
tnftp tnftp'

present() {
  case "$1" in
    *.h) [[ -e /usr/include/$1 || -e /usr/local/include/$1 ]] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

missing_packages() {
  local package proof seen=' '
  while read -r package proof; do
    [[ -n $package && $seen != *" $package "* ]] || continue
    present "$proof" && continue
    seen+="$package "
    printf '%s\n' "$package"
  done <<<"$1"
}

install_packages() {
  local -a packages=("$@")
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null 2>&1; then
    say "missing: ${packages[*]}"
    die "install these first (root and apt-get are needed to do it from here), or use --no-lab where the lab is not wanted"
  fi
  say "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update
  without_services apt-get -qq install -y --no-install-recommends "${packages[@]}" >&2 9<&-
  # Installed is also enabled: without this an FTP server would listen after the next boot.
  if [[ " ${packages[*]} " == *' vsftpd '* && -d /run/systemd/system ]]; then
    systemctl --quiet disable --now vsftpd >&2
  fi
}

# Debian starts a daemon as soon as its package is installed. policy-rc.d is Debian's way to forbid
# it; one that the machine already has is left as it is.
without_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [[ -e $policy ]]; then
    "$@"
    return
  fi
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  "$@" || status=$?
  rm -f "$policy"
  trap - EXIT
  return "$status"
}

check_node() {
  command -v node >/dev/null 2>&1 || die 'Node.js 20.19 or later is needed; there is no node in PATH'
  command -v npm >/dev/null 2>&1 || die 'npm is needed; there is no npm in PATH'
  local major minor
  read -r node_abi major minor < <(node -p \
    '[process.arch + "-" + process.versions.modules, ...process.versions.node.split(".")].join(" ")')
  ((major > 20 || (major == 20 && ${minor%% *} >= 19))) ||
    die "Node.js 20.19 or later is needed; found $(node --version)"
}

# These are optional for npm, which leaves them out without an error if they do not compile. The live
# datapaths need them (the gate koffi, capture the others), so their absence is said here.
report_addons() {
  local addon
  for addon in cap raw-socket koffi; do
    node -e "require('$addon')" 2>/dev/null ||
      say "warning: the npm package $addon cannot be loaded; 'pinhole doctor' says what does not work without it"
  done
}

install_npm_packages() {
  local stamp=node_modules/.pinhole-stamp wanted
  # The addons are compiled for one Node ABI, so another Node means another installation.
  wanted="$(sha256sum <package-lock.json | cut -d' ' -f1) $node_abi"
  [[ -f $stamp && $(<"$stamp") == "$wanted" ]] && return
  # A tree that somebody installed by hand and that matches the lock file is taken as it is.
  if [[ ! -f $stamp && -f node_modules/.package-lock.json ]] && npm ls --all --loglevel=error >/dev/null 2>&1; then
    say 'npm packages are there already'
  else
    say 'installing npm packages (npm ci)'
    CXXFLAGS="-DNDEBUG ${CXXFLAGS:-}" npm ci --no-audit --no-fund --loglevel=error >&2 9<&-
  fi
  report_addons
  printf '%s\n' "$wanted" >"$stamp"
}

# tsc leaves the output of a deleted source behind, and a test that is gone must not run.
remove_stale_output() {
  local script source
  while IFS= read -r script; do
    source=${script#dist/}
    [[ -e ${source%.js}.ts ]] || rm -f "$script" "$script.map"
  done < <(find dist/src dist/test -name '*.js' 2>/dev/null)
}

build() {
  local stamp=dist/.pinhole-stamp
  if [[ -f $stamp ]] &&
    [[ -z $(find src test tsconfig.json package.json node_modules/.pinhole-stamp -newer "$stamp" -print -quit) ]]; then
    return
  fi
  say 'building (npm run build)'
  mkdir -p dist
  # Dated before the build, so that a file edited while it runs is compiled next time.
  touch "$stamp.new"
  npm run --silent build >&2 || die 'the build failed'
  remove_stale_output
  mv "$stamp.new" "$stamp"
}

# It looks by itself whether anything has changed.
build_gate() {
  scripts/build-gate.sh || say "warning: the gate's program was not compiled; 'pinhole run' will use the capture datapath"
}

needs=$base_needs
[[ $with_lab == yes ]] && needs+=$lab_needs
mapfile -t missing < <(missing_packages "$needs")
((${#missing[@]} == 0)) || install_packages "${missing[@]}"
if [[ $with_lab == yes ]]; then
  scripts/interop/programs || say 'warning: interoperability tests will skip the FTP programs that are missing'
fi
check_node
install_npm_packages
build
build_gate
say 'ready'
