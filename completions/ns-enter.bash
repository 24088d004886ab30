# shellcheck shell=bash
# bash completion for ns-enter(8). Needs nothing of the bash-completion package, but hands the
# command behind the options over to it where it is loaded.

_ns_enter_options=(
  --all --target --mount --uts --ipc --net --net-socket --pid --cgroup --user --user-parent --time
  --setuid --setgid --preserve-credentials --keep-caps --root --wd --wdns --env --no-fork
  --join-cgroup --follow-context --help --version
  --pod --sandbox --container --docker --node --runtime-endpoint --docker-host --quiet
  --new --explain --output
  --view --profile --cap-add --cap-drop --toolbox --setenv --tty --timeout --memory --pids --cpus
  --cgroup-parent --starter-fd --plan-fd
)

_ns_enter_short=(-a -t -m -u -i -n -N -p -C -U -T -S -G -r -w -W -e -F -Z -c -o -q -h -V)

_ns_enter_capabilities() {
  # The names are in the order of their numbers in linux/capability.h.
  printf '%s\n' all CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP \
    LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER \
    SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE \
    SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP \
    MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF \
    CHECKPOINT_RESTORE
}

_ns_enter_pids() {
  local directory
  for directory in /proc/[0-9]*; do
    printf '%s\n' "${directory#/proc/}"
  done
}

# Whether the option's argument is the next word. Behind --pod, -c takes one too.
_ns_enter_takes_argument() { # OPTION POD_GIVEN
  case $1 in
    -t | --target | -N | --net-socket | -S | --setuid | -G | --setgid | -o | --output | --pod | \
      --container | --docker | --runtime-endpoint | --docker-host | --new | --view | --profile | \
      --cap-add | --cap-drop | --toolbox | --setenv | --timeout | --memory | --pids | --cpus | \
      --cgroup-parent | --starter-fd | --plan-fd)
      return 0
      ;;
    -c) [[ $2 == yes ]] ;;
    *) return 1 ;;
  esac
}

_ns_enter_words() { # CURRENT WORD...
  mapfile -t COMPREPLY < <(compgen -W "${*:2}" -- "$1")
}

_ns_enter_files() { # CURRENT, -f or -d
  # Has readline escape blanks and add slashes; fails outside of a completion.
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$2" -- "$1")
}

# Completes the last part of a list, with the kinds that are not in it yet.
_ns_enter_list() { # CURRENT
  local given="" kind
  local -a lists=()
  [[ $1 == *,* ]] && given=${1%,*},
  for kind in user cgroup ipc uts net pid mnt time; do
    [[ ,$given == *,$kind,* ]] || lists+=("$given$kind")
  done
  compopt -o nospace 2>/dev/null
  _ns_enter_words "$1" "${lists[@]}"
}

_ns_enter_argument() { # OPTION CURRENT
  case $1 in
    -t | --target) _ns_enter_words "$2" "$(_ns_enter_pids)" ;;
    -S | --setuid | -G | --setgid) _ns_enter_words "$2" follow ;;
    -o | --output) _ns_enter_words "$2" text json ;;
    --new) _ns_enter_list "$2" ;;
    --view) _ns_enter_words "$2" toolbox container host ;;
    --profile) _ns_enter_words "$2" general baseline restricted netadmin sysadmin ;;
    --cap-add | --cap-drop) _ns_enter_words "$2" "$(_ns_enter_capabilities)" ;;
    --cgroup-parent) _ns_enter_words "$2" /ns-debug none ;;
    -[rwW] | --root | --wd | --wdns | --toolbox) _ns_enter_files "$2" -d ;;
    -[muinpCUT] | --mount | --uts | --ipc | --net | --pid | --cgroup | --user | --time | \
      --runtime-endpoint | --docker-host)
      _ns_enter_files "$2" -f
      ;;
  esac
}

# The command behind the options starts at the word INDEX.
_ns_enter_command() { # INDEX CURRENT
  if declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  elif ((COMP_CWORD == $1)); then
    mapfile -t COMPREPLY < <(compgen -c -- "$2")
  else
    _ns_enter_files "$2" -f
  fi
}

_ns_enter() {
  local current=${COMP_WORDS[COMP_CWORD]} pod=no index=1 word
  COMPREPLY=()
  while ((index < COMP_CWORD)); do
    word=${COMP_WORDS[index]}
    case $word in
      --) _ns_enter_command $((index + 1)) "$current"; return ;;
      -*) ;;
      *) _ns_enter_command "$index" "$current"; return ;;
    esac
    [[ $word == --pod || $word == --pod=* ]] && pod=yes
    # readline has "--net=FILE" as three words, as long as = is in COMP_WORDBREAKS.
    if [[ ${COMP_WORDS[index + 1]} == = ]]; then
      if ((index + 1 == COMP_CWORD)); then
        _ns_enter_argument "$word" ""
        return
      fi
      ((index += 1))
    elif ! _ns_enter_takes_argument "$word" "$pod"; then
      ((index += 1))
      continue
    fi
    if ((index + 1 == COMP_CWORD)); then
      _ns_enter_argument "$word" "$current"
      return
    fi
    ((index += 2))
  done
  case $current in
    --*=*)
      _ns_enter_argument "${current%%=*}" "${current#*=}"
      COMPREPLY=("${COMPREPLY[@]/#/${current%%=*}=}")
      ;;
    --*) _ns_enter_words "$current" "${_ns_enter_options[@]}" ;;
    -*) _ns_enter_words "$current" "${_ns_enter_short[@]}" "${_ns_enter_options[@]}" ;;
    *) _ns_enter_command "$index" "$current" ;;
  esac
}

complete -F _ns_enter ns-enter
