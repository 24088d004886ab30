# fish completion of kubectl-ns_debug: kubectl ns-debug completion fish | source
# That of `kubectl ns-debug` is kubectl's own, which runs kubectl_complete-ns_debug.
function __kubectl_ns_debug
    set -l words (commandline -opc)
    kubectl-ns_debug __complete $words[2..] "$(commandline -ct)" 2>/dev/null | string match -v ':*'
end
complete -c kubectl-ns_debug -f -a '(__kubectl_ns_debug)'
