# Sourced by the run scripts: what they share of installing, building, finding traces and showing progress.
# shellcheck shell=bash

project=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
may_install=yes  # --no-install sets no
launcher=()      # words that run_quietly puts before its command, such as (setarch -R)

# usage_error TEXT: one line, exit 2.
usage_error() {
  echo "${0##*/}: $1; see --help" >&2
  exit 2
}

# ---- Progress ----

is_live() { [[ -t 2 && -z ${CI:-} && ${TERM:-dumb} != dumb ]]; }

without_control_characters() { tr -d '\000-\010\013-\037\177'; }

clear_live_line() { if is_live; then printf '\r\033[K' >&2; fi; }

note() {
  clear_live_line
  printf '[%4d s] %s\n' "$SECONDS" "$*" >&2
}

# follow TEXT LOG: one line, overwritten each second with the last line of LOG, for as long as the script lives.
follow() {
  local line
  while kill -0 $$ 2>/dev/null; do
    line=$(printf '[%4d s] %s  %s' "$SECONDS" "$1" "$(tail -n 1 "$2" | without_control_characters)")
    printf '\r\033[K%s' "${line:0:${COLUMNS:-80}-1}" >&2
    sleep 1
  done
}

running=''  # the process group of the command that runs now

# For a trap: ends what runs.
stop_running() {
  if [[ ! $running ]]; then return; fi
  kill -TERM -- "-$running" 2>/dev/null || true
  wait "$running" 2>/dev/null || true
}

# run_quietly TEXT LOG COMMAND...: runs COMMAND with all its output in LOG; returns its exit code.
run_quietly() {
  local text=$1 log=$2 follower='' status=0
  shift 2
  mkdir -p "$(dirname -- "$log")"
  : >"$log"
  if is_live; then
    follow "$text" "$log" &
    follower=$!
  else
    note "$text"
  fi
  # A process group of its own, and not in the foreground: a trap runs at once, and stop_running ends all of it. A
  # subshell: if COMMAND is a function, a trap of the script must not print into the log.
  set -m
  ("${launcher[@]}" "$@") >"$log" 2>&1 </dev/null &
  running=$!
  set +m
  wait "$running" || status=$?
  running=''
  if [[ $follower ]]; then
    kill "$follower" 2>/dev/null || true
    wait "$follower" 2>/dev/null || true
    clear_live_line
  fi
  return "$status"
}

show_log() {
  echo "the last lines of $1:" >&2
  tail -n 30 -- "$1" | without_control_characters | sed 's/^/    /' >&2
}

# run_logged TEXT LOG COMMAND...: like run_quietly, and shows the end of LOG when COMMAND fails.
run_logged() {
  local status=0
  run_quietly "$@" || status=$?
  if ((status != 0)); then
    note "failed ($status): $1"
    show_log "$2"
  fi
  return "$status"
}

# ---- Packages ----

packages_for() {
  case $1 in
    build) echo g++ cmake ninja-build pkg-config libxxhash-dev libtbb-dev liburing-dev ;;
    bench)
      echo libboost-math-dev libcli11-dev nlohmann-json3-dev libfmt-dev libarchive-dev libpcap-dev libprotobuf-dev \
        protobuf-compiler libbenchmark-dev libmimalloc-dev libflatbuffers-dev flatbuffers-compiler valgrind git gnuplot-nox
      ;;
    tests) echo libgtest-dev xz-utils util-linux ;;
    browser) echo chromium chromium-driver fonts-dejavu-core ;;
    model) echo spin gcc ;;
    headers) echo clang doxygen gcc-mingw-w64-x86-64-win32 ;;
    lint) echo clang-format clang-tidy ;;
    fuzz) echo clang libclang-rt-14-dev llvm-14 ;;
  esac
}

missing_packages() {
  local installed package
  # dpkg-query fails when it does not know one of them; what it does know is still printed.
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "installed $package" <<<"$installed" || echo "$package"
  done
}

is_root() { [[ $(id -u) == 0 ]]; }

# install_line PACKAGE...: what a person runs to install them.
install_line() {
  local line="apt-get update && apt-get install -y --no-install-recommends $*"
  if is_root; then
    echo "$line"
  elif command -v sudo >/dev/null; then
    echo "sudo sh -c '$line'"
  else
    echo "su -c '$line'"
  fi
}

# install_missing PURPOSE...: installs what dpkg-query says is missing. Returns 2 when a person has to do it.
install_missing() {
  local purpose log=$project/build/apt-get
  local -a wanted=() missing=() apt_get=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120)
  for purpose in "$@"; do
    read -ra missing <<<"$(packages_for "$purpose")"
    wanted+=("${missing[@]}")
  done
  if ! command -v dpkg-query >/dev/null; then
    note "not Debian; needed, by their Debian names: ${wanted[*]}"
    return 0
  fi
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  if ((${#missing[@]} == 0)); then return 0; fi

  if ! is_root; then apt_get=(sudo -n "${apt_get[@]}"); fi
  if [[ $may_install == no ]] || ! { is_root || sudo -n true 2>/dev/null; }; then
    echo "packages are missing; to install them: $(install_line "${missing[@]}")" >&2
    return 2
  fi
  # One broken package source fails the update although the packages here can be had: installing decides.
  run_quietly "update package lists" "$log-update.log" "${apt_get[@]}" update ||
    note "apt-get update failed, see $log-update.log; going on"
  run_logged "install ${missing[*]}" "$log-install.log" \
    "${apt_get[@]}" install -y --no-install-recommends "${missing[@]}"
}

# ---- Traces ----

# Where every run and test looks for traces: $VMBSAVE_TRACES, by default ../shared/data beside the project.
default_traces() {
  local traces=${VMBSAVE_TRACES:-$project/../shared/data}
  if [[ -d $traces ]]; then
    VMBSAVE_TRACES=$(CDPATH='' cd -- "$traces" && pwd)  # absolute: tests run in other directories
    export VMBSAVE_TRACES
  fi
}

# ---- Build ----

# Ninja re-runs CMake for changed CMakeLists.txt by itself, but knows nothing of presets and newly installed packages.
needs_configure() {
  local stamp=$project/build/$1/configured input
  for input in "$project/CMakePresets.json" "$project/CMakeUserPresets.json" /var/lib/dpkg/status; do
    [[ $stamp -nt $input ]] || return 0
  done
  return 1
}

# build_preset PRESET [TARGET...]: configures if needed, and builds; everything without a TARGET.
build_preset() {
  local preset=$1 dir=$project/build/$1
  shift
  if needs_configure "$preset"; then
    run_logged "configure $preset" "$dir/configure.log" cmake -S "$project" --preset "$preset" || return
    touch "$dir/configured"
  fi
  run_logged "build $preset" "$dir/build.log" cmake --build "$dir" ${1+--target "$@"}
}
