// Tries what a session must not be able to do; prints a line per attempt: "NAME errno", or "NAME
// ok". The attempt is named by the first argument.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static int report(const char* name, long result) {
  printf("%s %s\n", name, result < 0 ? strerrorname_np(errno) : "ok");
  return 0;
}

int main(int argc, char** argv) {
  const char* what = argv[1];
  const char* path = argc > 2 ? argv[2] : "";
  if (!strcmp(what, "mount")) return report(what, mount("none", "/mnt", "tmpfs", 0, ""));
  if (!strcmp(what, "umount")) return report(what, umount2("/proc/sys", MNT_DETACH));
  if (!strcmp(what, "remount"))
    return report(what, mount("", "/dev", "", MS_REMOUNT | MS_BIND, ""));
  if (!strcmp(what, "pivot_root")) return report(what, syscall(SYS_pivot_root, ".", "."));
  if (!strcmp(what, "open_tree")) return report(what, syscall(428, AT_FDCWD, "/", 1));
  if (!strcmp(what, "fsopen")) return report(what, syscall(430, "tmpfs", 0));
  if (!strcmp(what, "setns")) return report(what, setns(open("/proc/1/ns/mnt", O_RDONLY), 0));
  if (!strcmp(what, "unshare_user")) return report(what, unshare(CLONE_NEWUSER));
  if (!strcmp(what, "unshare_mount")) return report(what, unshare(CLONE_NEWNS));
  if (!strcmp(what, "clone_user"))
    return report(what, syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
  if (!strcmp(what, "clone3")) return report(what, syscall(SYS_clone3, NULL, 0));
  if (!strcmp(what, "bpf")) return report(what, syscall(SYS_bpf, BPF_MAP_CREATE, NULL, 0));
  if (!strcmp(what, "module")) return report(what, syscall(SYS_init_module, "", 0, ""));
  if (!strcmp(what, "keyctl")) return report(what, syscall(SYS_keyctl, 0, -3, 0, 0, 0));
  if (!strcmp(what, "perf")) return report(what, syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0));
  if (!strcmp(what, "io_uring")) return report(what, syscall(SYS_io_uring_setup, 1, NULL));
  if (!strcmp(what, "handle"))
    return report(what, syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0));
  if (!strcmp(what, "reboot")) return report(what, syscall(SYS_reboot, 0, 0, 0, 0));
  if (!strcmp(what, "settime")) return report(what, syscall(SYS_clock_settime, 0, NULL));
  if (!strcmp(what, "mknod_block"))
    return report(what, mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0)));
  if (!strcmp(what, "mknod_char"))
    return report(what, mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1)));
  if (!strcmp(what, "mknod_fifo")) return report(what, mknod("/tmp/fifo", S_IFIFO | 0600, 0));
  if (!strcmp(what, "tiocsti")) return report(what, ioctl(0, TIOCSTI, "x"));
  if (!strcmp(what, "tiocsti_high"))
    return report(what, syscall(SYS_ioctl, 0, TIOCSTI | (1UL << 40), "x"));
  if (!strcmp(what, "vsock")) return report(what, socket(AF_VSOCK, SOCK_STREAM, 0));
  if (!strcmp(what, "newer")) return report(what, syscall(9999));
  if (!strcmp(what, "x32")) return report(what, syscall(0x40000000 + SYS_mount, "", "", "", 0, ""));
  if (!strcmp(what, "open")) return report(what, open(path, O_RDWR));
  if (!strcmp(what, "read")) return report(what, open(path, O_RDONLY));
  if (!strcmp(what, "signal")) return report(what, kill(atoi(path), 0));
  if (!strcmp(what, "chroot")) {
    // The classic way out of a chroot.
    mkdir("/tmp/jail", 0700);
    int out = open("/", O_RDONLY);
    if (chroot("/tmp/jail") != 0) return report(what, -1);
    if (fchdir(out) != 0) return report(what, -1);
    for (int i = 0; i < 64; ++i) (void)!chdir("..");
    if (chroot(".") != 0) return report(what, -1);
    printf("chroot %s\n", access(path, F_OK) == 0 ? "ok" : "ENOENT");
    return 0;
  }
  if (!strcmp(what, "trace")) {
    // Takes over the session's init and makes it open a file as itself.
    pid_t pid = atoi(path);
    if (ptrace(PTRACE_ATTACH, pid, 0, 0) != 0) return report(what, -1);
    waitpid(pid, NULL, 0);
    char name[64];
    int opened = 0;
    for (int fd = 0; fd < 1024; ++fd) {
      snprintf(name, sizeof(name), "/proc/%d/fd/%d", pid, fd);
      char target[256];
      ssize_t length = readlink(name, target, sizeof(target) - 1);
      if (length <= 0) continue;
      target[length] = 0;
      printf("fd %s\n", target);
      ++opened;
    }
    ptrace(PTRACE_DETACH, pid, 0, 0);
    return 0;
  }
  return 2;
}
