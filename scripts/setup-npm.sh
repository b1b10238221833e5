# shellcheck shell=bash
# Part of scripts/setup: what package-lock.json pins, and Node 24 with it.

readonly NPM_OPTIONS=(--ignore-scripts --include=dev --include=optional --fetch-retries=1 --fetch-retry-mintimeout=1000
  --fetch-timeout=60000)

# Changes when what is to be installed changes: the lock file, the machine's kind, or how it is done here.
npm_wanted() {
  { uname -m && cat package-lock.json .npmrc scripts/setup-npm.sh; } | sha256sum | cut -d ' ' -f 1
}

npm_is_installed() {
  [ "$(cat node_modules/.shunt-setup 2>/dev/null)" = "$1" ] && [ -e node_modules/koffi/package.json ] &&
    [[ $(node_modules/.bin/node --version 2>/dev/null) == v24.* ]]
}

# npm_get_node DIRECTORY: the Node that the npm package `node` is for, as DIRECTORY/node_modules/node/bin/node. The package
# fetches it in an install script, which some versions of npm refuse to run: run it here.
npm_get_node() {
  local version
  version=$(sed -nE '/^    "node_modules\/node": \{/,/\}/ s/^ +"version": "(.*)",$/\1/p' package-lock.json)
  mkdir "$1"
  (
    cd "$1"
    echo '{}' >package.json
    npm install --no-save "${NPM_OPTIONS[@]}" "node@$version" && cd node_modules/node && node installArchSpecificPackage.js
  ) >>"$LOG" 2>&1 9>&-
}

# npm_get_packages DIRECTORY NODE: npm itself has to run on Node 24 as well, because it silently leaves out every optional
# package (the native parts of tools) that does not support the Node that it runs on; Debian 12 has 18.
npm_get_packages() {
  local node
  node=$(readlink -f "$2")
  (
    cd "$1"
    PATH="$(dirname "$node"):$PATH" npm ci "${NPM_OPTIONS[@]}" && mkdir -p node_modules/node/bin &&
      ln "$node" node_modules/node/bin/node && ln -sf ../node/bin/node node_modules/.bin/node &&
      node_modules/.bin/node -e 'require("koffi"); import("vite")'
  ) >>"$LOG" 2>&1 9>&-
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
  if ! { npm_get_node "$new/bootstrap" && npm_get_packages "$new" "$new/bootstrap/node_modules/node/bin/node"; }; then
    rm -rf "$new"
    fail "cannot install the npm packages: $(reason 'they do not run on this machine' \
      'npm (ERR!|error) .*(network|reason:)' 'npm (ERR!|error) code'); check the network and the registry (log: $LOG)"
  fi
  printf '%s\n' "$wanted" >"$new/node_modules/.shunt-setup"
  if [ -e node_modules ]; then mv node_modules "$new/old"; fi
  mv "$new/node_modules" node_modules
  rm -rf "$new"
  did "installed npm packages and Node $(node_modules/.bin/node --version) ($((SECONDS - start)) s)"
}
