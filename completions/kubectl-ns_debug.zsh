#compdef kubectl-ns_debug
# zsh completion of kubectl-ns_debug: source <(kubectl ns-debug completion zsh)
# That of `kubectl ns-debug` is kubectl's own, which runs kubectl_complete-ns_debug.
_kubectl_ns_debug() {
  local -a choices
  choices=(${(f)"$(kubectl-ns_debug __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"})
  choices=(${choices:#:*})
  if (( $#choices )); then
    compadd -a choices
  else
    _files
  fi
}
compdef _kubectl_ns_debug kubectl-ns_debug
