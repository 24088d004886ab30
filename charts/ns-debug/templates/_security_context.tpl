{{/* The agent's container. tests/chart compares the capabilities with what a session needs. */}}
{{- define "ns-debug.securityContext" -}}
# The agent enters pods of every user.
runAsUser: 0
runAsGroup: 0
runAsNonRoot: false
# Sessions write into a memory file system over the image, never into it; and ns-enter, on a
# read-only mount, cannot be overwritten by a target through /proc/PID/exe (CVE-2019-5736).
readOnlyRootFilesystem: true
seLinuxOptions:
  type: {{ .Values.seLinuxType }}
{{- if .Values.privileged }}
privileged: true
{{- else }}
privileged: false
# Becoming more than its parent is what a setuid program does, and in the view container
# programs of the target are to work as they do under kubectl exec (no_new_privs is inherited).
allowPrivilegeEscalation: true
# With the capabilities below it lets through what a session needs: mount(2), setns(2), bpf(2).
seccompProfile:
  type: RuntimeDefault
{{- if semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }}
# The runtime's default profile refuses mount(2), with any capability: no view could be built.
appArmorProfile:
  type: Unconfined
{{- end }}
capabilities:
  drop: [ALL]
  add:
    # What the agent and ns-enter do themselves.
    #
    # setns(2) into a target, mount(2) and unshare(2) for the view, bpf(2) for the device filter.
    - SYS_ADMIN
    # setns(2) into a mount namespace, and chroot(2) into the view.
    - SYS_CHROOT
    # open(2) of /proc/PID/ns, root, environ of other users' processes; strace and gdb of profile
    # general.
    - SYS_PTRACE
    # setresuid(2) to the user of the target.
    - SETUID
    # setresgid(2), setgroups(2) to its groups.
    - SETGID
    # prctl(2) PR_CAPBSET_DROP: takes the rights away that the profile does not have.
    - SETPCAP
    # mknod(2) of /dev/null and its like in the view.
    - MKNOD
    # pidfd_send_signal(2) to a session's processes, whichever user they are.
    - KILL
    # open(2) of files of the target that root may not read without it, in a directory of mode 0700.
    - DAC_OVERRIDE
    # What sessions get, and therefore the agent must have. A container's default rights, of the
    # profiles general, baseline and netadmin.
    #
    # chown(2).
    - CHOWN
    # chmod(2), utimensat(2) of others' files.
    - FOWNER
    # chmod(2) that keeps set-user-ID bits.
    - FSETID
    # setxattr(2) of file capabilities.
    - SETFCAP
    # bind(2) below port 1024.
    - NET_BIND_SERVICE
    # socket(2) of type SOCK_RAW and AF_PACKET: ping, tcpdump.
    - NET_RAW
    # netlink(7) of the kernel's audit log: su, login.
    - AUDIT_WRITE
    # And of the profile netadmin: rtnetlink(7), setsockopt(2) of nftables, in the target's network
    # only.
    - NET_ADMIN
{{- end }}
{{- end }}
