# shellcheck shell=bash
# Part of scripts/setup: what package-lock.json pins, and Node 24 with it.

# Changes when what is to be installed changes: the lock file, or the machine's kind.
npm_wanted() {
  { uname -m && cat package-lock.json .npmrc; } | sha256sum | cut -d ' ' -f 1
}

npm_is_installed() {
  [ "$(cat node_modules/.shunt-setup 2>/dev/null)" = "$1" ] && [ -e node_modules/koffi/package.json ] &&
    [[ $(node_modules/.bin/node --version 2>/dev/null) == v24.* ]]
}

# Installs beside and renames, so that a failure leaves the old packages (or none), never half of them.
npm_install() {
  local wanted new file start=$SECONDS
  wanted=$(npm_wanted)
  npm_is_installed "$wanted" && return
  progress "installing npm packages"
  rm -rf .deps/npm.*
  new=$(mktemp -d .deps/npm.XXXXXX)
  for file in package.json package-lock.json .npmrc filters/*/package.json; do
    if [ -e "$file" ]; then cp --parents "$file" "$new"; fi
  done
  # No package but `node` needs its install script, and some versions of npm refuse to run them: run that one here.
  (
    cd "$new"
    npm ci --ignore-scripts --include=dev --include=optional --fetch-retries=1 \
      --fetch-retry-mintimeout=1000 --fetch-timeout=60000 &&
      cd node_modules/node && node installArchSpecificPackage.js && ln -sf ../node/bin/node ../.bin/node
  ) >>"$LOG" 2>&1 9>&- || {
    rm -rf "$new"
    fail "cannot install the npm packages: $(reason 'npm ci failed' 'npm (ERR!|error) .*(network|reason:)' 'npm (ERR!|error) code'); check the network and the registry (log: $LOG)"
  }
  (cd "$new" && node_modules/.bin/node -e 'require("koffi")') >>"$LOG" 2>&1 || {
    rm -rf "$new"
    fail "Node 24 with koffi does not run on this machine ($(uname -m)): x86_64 or aarch64 with glibc is needed (log: $LOG)"
  }
  printf '%s\n' "$wanted" >"$new/node_modules/.shunt-setup"
  if [ -e node_modules ]; then mv node_modules "$new/old"; fi
  mv "$new/node_modules" node_modules
  rm -rf "$new"
  did "installed npm packages and Node $(node_modules/.bin/node --version) ($((SECONDS - start)) s)"
}
