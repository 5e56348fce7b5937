#!/bin/sh
# Builds pkg-cache and installs it, or removes it again. See `./install.sh --help`.
set -eu

usage() {
  cat <<'USAGE'
usage: ./install.sh [--prefix DIR] [--store URL] [--cache DIR] [--set KEY=VALUE]…
       ./install.sh --uninstall [--prefix DIR]

  --prefix DIR     where to install (default: ~/.pkg-cache)
  --store URL      where packages are shared: s3://bucket/prefix, or a directory (default: nowhere)
  --cache DIR      the local cache (default: ${XDG_CACHE_HOME:-~/.cache}/pkg-cache)
  --set KEY=VALUE  any other setting: read_only=on, max_size=20G, blocked='evil-*', … `KEY=` takes it out
  --uninstall      remove what this script installed; the local cache is kept

Running it again updates the installation; settings are kept unless given anew.
USAGE
}

fail() {
  echo "install.sh: $1" >&2
  exit "${2:-1}"
}

# absolute PATH: the same path, independent of the working directory
absolute() {
  case $1 in
    /*) printf '%s\n' "$1" ;;
    *)
      here=$(pwd)
      printf '%s\n' "${here%/}/${1#./}"
      ;;
  esac
}

# one_line OPTION VALUE: settings are lines, so a value must be one
one_line() {
  case $2 in
    '') fail "$1 needs a value" 2 ;;
    *'
'*) fail "$1: line breaks are not supported" 2 ;;
  esac
}

# no_credentials URL: they would end up in a file, and in what is printed. An ARN has colons, too.
no_credentials() {
  case ${1#*://} in
    arn:*) ;;
    *) authority=${1#*://}
       case ${authority%%/*} in *[:@]*) fail '--store: credentials do not belong there, but into the AWS settings' 2 ;; esac ;;
  esac
}

parse_arguments() {
  prefix= store= cache= uninstall= settings=
  while [ $# -gt 0 ]; do
    case $1 in
      --prefix=* | --store=* | --cache=* | --set=*)
        option=${1%%=*}
        value=${1#*=}
        shift
        set -- "$option" "$value" "$@"
        ;;
      --prefix | --store | --cache | --set)
        [ $# -ge 2 ] || fail "$1 needs a value" 2
        one_line "$1" "$2"
        case $1 in
          --prefix) prefix=$(absolute "$2") ;;
          --cache) cache=$(absolute "$2") ;;
          --store) case $2 in *://*) no_credentials "$2" && store=$2 ;; *) store=$(absolute "$2") ;; esac ;;
          --set)
            case $2 in *=*) ;; *) fail "--set takes KEY=VALUE, not $2" 2 ;; esac
            settings="$settings$2
"
            ;;
        esac
        shift 2
        ;;
      --uninstall) uninstall=yes; shift ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; fail "unknown argument: $1" 2 ;;
    esac
  done
  if [ -z "$prefix" ]; then
    [ -n "${HOME-}" ] || fail 'HOME is not set; say where to install with --prefix DIR'
    prefix=$HOME/.pkg-cache
  fi
  prefix=${prefix%/}
  marker=$prefix/shims/.pkg-cache-shims
}

# The directory of this script, which is the source tree.
source_tree() {
  case $0 in
    */*) (cd "${0%/*}" && pwd) ;;
    *) pwd ;;
  esac
}

check_tools() {
  command -v node >/dev/null || fail 'node not found; pkg-cache needs Node.js 20.17 or later (https://nodejs.org)'
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 17) ? 0 : 1)' ||
    fail "Node.js 20.17 or later is needed; $(command -v node) is $(node --version)"
  command -v npm >/dev/null || fail 'npm not found; it comes with Node.js, or as a package of that name'
  # A version manager may stand behind `node`; the binary itself starts faster and does not depend on a directory.
  node=$(node -p process.execPath)
}

# The libraries that go into the bundle, and what bundles them.
fetch_dependencies() {
  [ ! node_modules/.package-lock.json -nt package-lock.json ] || [ ! -d node_modules/esbuild ] || return 0
  echo 'Fetching dependencies (npm ci) …'
  npm ci --include=dev --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null ||
    fail 'npm ci failed; its messages are above'
}

# Makes $app, the directory of this build, and names it after its contents (main.cjs says for which Node). Earlier builds stay for a day,
# for the installs that still run from them.
install_app() {
  mkdir -p "$prefix/app" "$prefix/shims"
  : >"$marker"
  staging=$prefix/app/.new.$$
  trap 'rm -rf "$staging"' EXIT
  "$node" scripts/build.mjs "$staging" || fail 'the build failed; its messages are above'
  app=$prefix/app/$(cat "$staging"/*.*js "$staging"/observe/*.py | cksum | tr -s ' ' -)
  app=${app%-}
  if [ -d "$app" ]; then
    touch "$app"
  else
    mv "$staging" "$app"
  fi
  find "$prefix/app" -mindepth 1 -maxdepth 1 -mtime +0 -exec rm -rf {} +
}

# quote STRING: as a word for the shell
quote() {
  printf "'%s'\n" "$(printf '%s\n' "$1" | sed "s/'/'\\\\''/g")"
}

# install_shim NAME: with the paths written in; a rename, because a shell reads its script as it goes
install_shim() {
  while IFS= read -r line; do
    case $line in
      pkgc_node=) line="pkgc_node=$(quote "$node")" ;;
      pkgc_app=) line="pkgc_app=$(quote "$app/main.cjs")" ;;
    esac
    printf '%s\n' "$line"
  done <"shims/$1" >"$prefix/shims/.$1.$$"
  chmod +x "$prefix/shims/.$1.$$"
  mv -f "$prefix/shims/.$1.$$" "$prefix/shims/$1"
}

# npm, pip3, and each pip3.X that there is on PATH, stand for the same file.
link_names() {
  ln -sf pip "$prefix/shims/npm"
  ln -sf pip "$prefix/shims/pip3"
  rest=${PATH-}:
  while [ -n "$rest" ]; do
    directory=${rest%%:*}
    rest=${rest#*:}
    [ ! -e "${directory:-.}/.pkg-cache-shims" ] || continue
    for tool in "${directory:-.}"/pip3.*; do
      case ${tool##*/pip3.} in '' | *[!0-9]*) continue ;; esac
      [ ! -x "$tool" ] || ln -sf pip "$prefix/shims/${tool##*/}"
    done
  done
}

# setting KEY VALUE: the config on standard input, with this setting replaced or added; as it is if VALUE is empty
setting() {
  written=
  [ -n "$2" ] || written=yes
  while IFS= read -r line || [ -n "$line" ]; do
    case $(printf '%s\n' "$line" | sed 's/^[[:space:]]*//; s/[[:space:]]*=.*//') in
      "$1") [ -z "$2" ] || { [ -z "$written" ] || continue; line="$1 = $2" written=yes; } ;;
    esac
    printf '%s\n' "$line"
  done
  [ -n "$written" ] || printf '%s = %s\n' "$1" "$2"
}

install_config() {
  if [ -f "$prefix/config" ]; then
    cp "$prefix/config" "$prefix/.config.old.$$"
  else
    if [ -z "$cache" ]; then
      base=${XDG_CACHE_HOME:-${HOME:?is not set; say where the cache is with --cache DIR}/.cache}
      cache=$(absolute "$base/pkg-cache")
    fi
    cat >"$prefix/.config.old.$$" <<'CONFIG'
# Settings of pkg-cache, one `key = value` a line; docs/configuration.md has all of them.
CONFIG
  fi
  setting cache_dir "$cache" <"$prefix/.config.old.$$" | setting store "$store" >"$prefix/.config.$$"
  rm -f "$prefix/.config.old.$$"
  printf '%s' "$settings" | while IFS= read -r line; do
    case $line in
      *=) without "${line%=}" ;;
      *) setting "${line%%=*}" "${line#*=}" ;;
    esac <"$prefix/.config.$$" >"$prefix/.config.next.$$"
    mv -f "$prefix/.config.next.$$" "$prefix/.config.$$"
  done
  mv -f "$prefix/.config.$$" "$prefix/config"
}

# without KEY: the config on standard input, without this setting
without() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $(printf '%s\n' "$line" | sed 's/^[[:space:]]*//; s/[[:space:]]*=.*//') in
      "$1") ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
}

# A setting that cannot be used costs every install a line, and leaves it to the real tool.
check_config() {
  "$prefix/shims/pkg-cache" config >/dev/null ||
    fail "the messages above are about settings that cannot be used; everything is left to the real tools until that is put right"
}

# Whatever is at the prefix already must be ours.
check_prefix() {
  [ -e "$marker" ] || for name in app shims config; do
    [ ! -e "$prefix/$name" ] || fail "$prefix/$name exists and is not of pkg-cache; choose another --prefix"
  done
}

install() {
  check_tools
  check_prefix
  cd "$tree"
  fetch_dependencies
  echo 'Building …'
  install_app
  install_config
  install_shim pkg-cache
  install_shim pip
  link_names
  [ -z "$settings" ] || check_config
  echo "pkg-cache is installed in $prefix"
  sed -n -e 's/^cache_dir = /  &/p' -e '/^store = .*:\/\/[^/]*[:@]/ s/:\/\/.*/:\/\/…/' -e 's/^store = /  &/p' "$prefix/config"
  echo 'Put it in front of the real tools:'
  echo
  echo "export PATH=\"$(printf '%s\n' "$prefix/shims" | sed 's/[\\"$`]/\\&/g'):\$PATH\""
}

uninstall() {
  [ -e "$marker" ] || fail "pkg-cache is not installed in $prefix"
  kept=$(sed -n 's/^[[:space:]]*cache_dir[[:space:]]*=[[:space:]]*//p' "$prefix/config" 2>/dev/null) || true
  rm -f "$prefix/shims/pip" "$prefix/shims/npm" "$prefix/shims/pip3" "$prefix/shims"/pip3.* "$prefix/shims/pkg-cache" "$prefix/config"
  rm -rf "$prefix/app"
  rm -f "$marker"
  rmdir "$prefix/shims" "$prefix" 2>/dev/null || true
  echo "pkg-cache is removed from $prefix"
  [ -z "$kept" ] || [ ! -d "$kept" ] || echo "The local cache is kept; to remove it: rm -rf $(quote "$kept")"
}

parse_arguments "$@"
tree=$(source_tree)
if [ -n "$uninstall" ]; then uninstall; else install; fi
