#include "kubectl/help.h"

namespace nsdebug::kubectl {

const std::string_view kHelpFooter = R"(
TARGET is a POD, or TYPE/NAME with the types pod, deploy, rs, sts, ds, job, cronjob, svc and node.
Of a workload or service it is the pod that kubectl exec would take. The command stands behind --;
without one a shell is started, with -i and -t. "~." at the start of a line leaves a session that
hangs.

What listens in it:
  kubectl ns-debug web -- ss -tlnp
  kubectl ns-debug deploy/web -- ss -tunap
What goes over its network, in Wireshark, until Ctrl-C:
  kubectl ns-debug web -- tcpdump -i any -nn -U -w - port 5432 | wireshark -k -i -
How it resolves names:
  kubectl ns-debug web -- cat /etc/resolv.conf
  kubectl ns-debug web -- getent hosts kubernetes.default.svc
Whether it reaches something:
  kubectl ns-debug web -- curl -v http://127.0.0.1:8080/healthz
A pod whose containers crash or wait:
  kubectl ns-debug web --sandbox -- ip address
A shell beside a container that has none; its files are at /target:
  kubectl ns-debug web -c app
As the container itself sees it, with its own programs and user:
  kubectl ns-debug web --view container -- env
What its process waits for:
  kubectl ns-debug web -- strace -f -p 1
Another route or address:
  kubectl ns-debug web --profile netadmin -- ip route add 192.0.2.0/24 dev eth0
Files out of it and into it:
  kubectl ns-debug cp web:/var/log/app.log .
  kubectl ns-debug cp ./fixed.conf web:/tmp
What would be entered, and whether one may:
  kubectl ns-debug explain web
  kubectl ns-debug auth can-i web --profile netadmin
The same in many pods, or on all nodes:
  kubectl ns-debug -l app=web -- ss -tlnp
  kubectl ns-debug deploy/web --all-pods -o json -- cat /etc/resolv.conf
  kubectl ns-debug node --all -- uptime
What runs where, and who is in what:
  kubectl ns-debug ls -A
  kubectl ns-debug sessions
The node itself:
  kubectl ns-debug node/worker-1 -- dmesg

Exit status: the command's own, or 1 usage, 130 interrupted, 240 connection lost, 241 denied,
242 no such target, 243 no agent, 244 the command could not be started, 245 kubeconfig,
credentials or a certificate, 246 a limit of time was reached, 247 of many targets not all succeeded. man kubectl-ns_debug has more.)";

}  // namespace nsdebug::kubectl
