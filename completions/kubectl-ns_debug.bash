# bash completion of kubectl-ns_debug: source <(kubectl ns-debug completion bash)
# That of `kubectl ns-debug` is kubectl's own, which runs kubectl_complete-ns_debug.
_kubectl_ns_debug() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ $line == :* ]] || COMPREPLY+=("$line")
  done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _kubectl_ns_debug kubectl-ns_debug
