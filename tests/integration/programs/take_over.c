// Takes over another process with ptrace(2) and makes system calls in its name, to see what rights
// it still has: `take_over PID ATTEMPT...` prints "ATTEMPT errno" or "ATTEMPT ok" for each.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the registers are those of x86-64"
#endif

// Room for one path, below what the process uses of its stack (the ABI's red zone is 128 bytes).
enum { kRoom = 4096 };

struct attempt {
  const char* name;
  long number;
  long arguments[5];
  const char* path;  // goes into the process; its address is argument `path_argument`
  int path_argument;
};

static const struct attempt kAttempts[] = {
    {"getpid", SYS_getpid, {0}, 0, 0},
    {"unshare_user", SYS_unshare, {CLONE_NEWUSER}, 0, 0},
    {"unshare_mount", SYS_unshare, {CLONE_NEWNS}, 0, 0},
    {"mount", SYS_mount, {0, 0, 0, 0, 0}, "/mnt", 1},
    {"umount", SYS_umount2, {0, 2}, "/proc/sys", 0},
    {"mknod", SYS_mknod, {0, S_IFBLK | 0600, 254 << 8}, "/tmp/taken", 0},
    {"bpf", SYS_bpf, {0, 0, 0}, 0, 0},
    {"raw_socket", SYS_socket, {AF_INET, SOCK_RAW, 1}, 0, 0},
    {"sysctl", SYS_open, {0, O_WRONLY}, "/proc/sys/kernel/core_pattern", 0},
    {"write_exe", SYS_open, {0, O_WRONLY}, "/proc/self/exe", 0},
};

static long fail(const char* what) {
  printf("%s: %s\n", what, strerrorname_np(errno));
  exit(1);
}

// One system call instead of the one that the process waits in: its instruction is right before
// rip.
static long call(pid_t pid, const struct user_regs_struct* waiting, const struct attempt* attempt) {
  struct user_regs_struct regs = *waiting;
  unsigned long long arguments[5];
  for (int i = 0; i < 5; ++i) arguments[i] = (unsigned long long)attempt->arguments[i];
  if (attempt->path) {
    const unsigned long long place = regs.rsp - kRoom;
    struct iovec here = {(void*)attempt->path, strlen(attempt->path) + 1};
    struct iovec there = {(void*)place, here.iov_len};
    if (process_vm_writev(pid, &here, 1, &there, 1, 0) < 0) return fail("write memory");
    arguments[attempt->path_argument] = place;
  }
  regs.rax = (unsigned long long)attempt->number;
  regs.orig_rax = ~0ULL;  // no system call to be restarted
  regs.rip -= 2;
  regs.rdi = arguments[0];
  regs.rsi = arguments[1];
  regs.rdx = arguments[2];
  regs.r10 = arguments[3];
  regs.r8 = arguments[4];
  int status;
  if (ptrace(PTRACE_SETREGS, pid, 0, &regs) != 0) return fail("set registers");
  if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) != 0) return fail("step");
  if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status)) return fail("wait");
  if (ptrace(PTRACE_GETREGS, pid, 0, &regs) != 0) return fail("get registers");
  return (long)regs.rax;
}

static void release(pid_t pid, const struct user_regs_struct* waiting) {
  struct user_regs_struct regs = *waiting;
  regs.rax = regs.orig_rax;  // wait once more
  regs.orig_rax = ~0ULL;
  regs.rip -= 2;
  ptrace(PTRACE_SETREGS, pid, 0, &regs);
  ptrace(PTRACE_DETACH, pid, 0, 0);
}

int main(int argc, char** argv) {
  const pid_t pid = atoi(argv[1]);
  struct user_regs_struct waiting;
  if (ptrace(PTRACE_ATTACH, pid, 0, 0) != 0) return (int)fail("attach");
  if (waitpid(pid, NULL, 0) < 0) return (int)fail("wait");
  if (ptrace(PTRACE_GETREGS, pid, 0, &waiting) != 0) return (int)fail("get registers");
  for (int i = 2; i < argc; ++i) {
    for (size_t j = 0; j < sizeof(kAttempts) / sizeof(kAttempts[0]); ++j) {
      if (strcmp(argv[i], kAttempts[j].name) != 0) continue;
      const long result = call(pid, &waiting, &kAttempts[j]);
      printf("%s %s\n", argv[i], result < 0 ? strerrorname_np((int)-result) : "ok");
    }
  }
  release(pid, &waiting);
  return 0;
}
