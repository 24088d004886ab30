#include "nsenter/help.h"

namespace nsdebug {

std::string HelpText() {
  return R"(Usage: ns-enter [options] [--] [command [argument...]]

Runs a command in the namespaces of a process, container or pod; without a command, a shell.

Target, one of:
 -t, --target PID[:INODE]      a process; with the inode of its pidfd no other can be meant
     --pod NAMESPACE/NAME      a pod of this node; with -c NAME behind it that container
     --sandbox                 with --pod: the pod's own namespaces, for pods whose containers fail
     --container ID            a container of this node; a unique prefix will do
     --docker NAME             a container of Docker or Podman
     --node                    this node: process 1, all namespaces
     --runtime-endpoint SOCKET container runtime (default: $CONTAINER_RUNTIME_ENDPOINT, else probed)
     --docker-host SOCKET      Docker Engine (default: $DOCKER_HOST, else probed)
 -q, --quiet                   do not say which container of the pod was chosen

Namespaces, each the target's, or that of a file, or that with an id (Linux 6.19):
 -a, --all                     all of them
 -m, --mount[=FILE|=:NSID]     mount
 -u, --uts[=FILE|=:NSID]       host name
 -i, --ipc[=FILE|=:NSID]       System V IPC and POSIX message queues
 -n, --net[=FILE|=:NSID]       network
 -N, --net-socket FD           network of the target's socket FD
 -p, --pid[=FILE|=:NSID]       PID
 -C, --cgroup[=FILE|=:NSID]    cgroup
 -U, --user[=FILE|=:NSID]      user
     --user-parent             parent of the target's user namespace
 -T, --time[=FILE|=:NSID]      time
     --new LIST                start in new namespaces of these kinds: net,uts,pid,...
None named, for --pod, --container and --docker: a session.

Session: shows the target and no more, with the rights of a profile, and leaves nothing behind.
Any of these makes one of a plain join:
     --view VIEW               toolbox (default): the node's tools around the target's processes,
                               network and, at /target, files; container: the container's own files,
                               user and rights, as the runtime's exec; host: ns-enter's own files
     --profile NAME            general (default), baseline, restricted, netadmin, sysadmin
     --cap-add, --cap-drop CAP change the profile's capabilities
     --toolbox DIR             root directory of the tools; by default /, unless the target could
                               read it through /proc
     --setenv NAME=VALUE       variable for the command
     --tty                     a terminal of the view's own
     --timeout TIME            ends the session: 30s, 5m, 1h30m
     --memory, --pids, --cpus  limits (default 512Mi, 256, 1)
     --cgroup-parent PATH      where session cgroups are made (default /ns-debug); none: no limits
     --starter-fd FD           the session ends when the other end of FD is closed
     --plan-fd FD              the whole session is told over a socket, as to an agent's child

The command:
 -S, --setuid UID|follow       user; "follow" is the target's
 -G, --setgid GID|follow       group; drops supplementary groups
     --preserve-credentials    change no user, group or groups on its own
     --keep-caps               keep capabilities gained from a user namespace over the exec
 -r, --root[=DIR]              root directory, the target's or DIR
 -w, --wd[=DIR]                working directory, the target's or DIR
 -W, --wdns=DIR                working directory inside the namespaces
 -e, --env                     environment of the target
 -c, --join-cgroup             run in the target's cgroup
 -Z, --follow-context          SELinux context of the target
 -F, --no-fork                 become the command, even when entering a PID namespace

     --explain                 say what would be done, and do nothing
 -o, --output text|json        format of --explain
 -h, --help                    this text
 -V, --version                 version

Exit status: the command's; 128+N when signal N ended it; 1 when entering failed; 124 when --timeout
ended it; 126 when the command cannot be executed; 127 when it was not found. More in ns-enter(8).
)";
}

std::string VersionText() { return "ns-enter " NS_DEBUG_VERSION "\n"; }

}  // namespace nsdebug
