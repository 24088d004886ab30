#include "nsenter/seccomp_filter.h"

#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <memory>

namespace nsdebug {

namespace {

constexpr const char* kRefused[] = {
    // The view is made of mounts and namespaces: changing them is the way out.
    "mount",
    "umount2",
    "pivot_root",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "setns",
    "unshare",
    // Code and data of the kernel.
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "kexec_load",
    "kexec_file_load",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "lookup_dcookie",
    "iopl",
    "ioperm",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "uselib",
    "vm86",
    "modify_ldt",
    // Files by handle pass by every mount and root (the "shocker" escape).
    "open_by_handle_at",
    "name_to_handle_at",
    // The kernel's keyrings are not per container.
    "keyctl",
    "add_key",
    "request_key",
    // The node as a whole.
    "reboot",
    "swapon",
    "swapoff",
    "acct",
    "quotactl",
    "quotactl_fd",
    "settimeofday",
    "clock_settime",
    "clock_settime64",
    "clock_adjtime",
    "adjtimex",
    "stime",
    "syslog",
    "vhangup",
    "sethostname",
    "setdomainname",
    "nfsservctl",
    "move_pages",
    "migrate_pages",
    "_sysctl",
};

// The last system call that the headers of this build name: set_mempolicy_home_node.
constexpr uint32_t kNewestKnown = 450;

/// A rule on one masked argument; the kernel reads only 32 bits of these, so a comparison of all 64
/// could be passed by setting the others (CVE-2019-10063).
struct ArgumentRule {
  const char* syscall;
  unsigned argument;
  uint64_t mask;
  uint64_t value;
};

constexpr uint64_t kLow = 0xffffffff;

constexpr ArgumentRule kArgumentRules[] = {
    {"clone", 0, CLONE_NEWUSER, CLONE_NEWUSER},
    {"clone", 0, CLONE_NEWNS, CLONE_NEWNS},
    {"clone", 0, CLONE_NEWPID, CLONE_NEWPID},
    {"clone", 0, CLONE_NEWNET, CLONE_NEWNET},
    {"clone", 0, CLONE_NEWIPC, CLONE_NEWIPC},
    {"clone", 0, CLONE_NEWUTS, CLONE_NEWUTS},
    {"clone", 0, CLONE_NEWCGROUP, CLONE_NEWCGROUP},
    // A device node is a door to the node's disks and memory, wherever it lies.
    {"mknod", 1, S_IFMT, S_IFBLK},
    {"mknod", 1, S_IFMT, S_IFCHR},
    {"mknodat", 2, S_IFMT, S_IFBLK},
    {"mknodat", 2, S_IFMT, S_IFCHR},
    // Typing into the terminal of whoever started the session.
    {"ioctl", 1, kLow, TIOCSTI},
    {"ioctl", 1, kLow, TIOCLINUX},
    // Sockets that know no network namespace, and the kernel's crypto.
    {"socket", 0, kLow, AF_VSOCK},
    {"socket", 0, kLow, AF_ALG},
};

struct Release {
  void operator()(void* filter) const { ::seccomp_release(filter); }
};

Result<void> AddRule(scmp_filter_ctx filter, const char* name, uint32_t action, unsigned count,
                     const scmp_arg_cmp* comparisons) {
  const int number = ::seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return {};  // unknown to this libseccomp: kNewestKnown refuses it
  const int error = ::seccomp_rule_add_array(filter, action, number, count, comparisons);
  // -EDOM: this architecture does not have it.
  if (error == 0 || error == -EDOM) return {};
  return FailErrno(fmt::format("seccomp rule for {}", name), -error);
}

Result<void> AddRules(scmp_filter_ctx filter) {
  for (const char* name : kRefused) {
    if (Result<void> added = AddRule(filter, name, SCMP_ACT_ERRNO(EPERM), 0, nullptr); !added) {
      return added;
    }
  }
  for (const ArgumentRule& rule : kArgumentRules) {
    const scmp_arg_cmp comparison = {rule.argument, SCMP_CMP_MASKED_EQ, rule.mask, rule.value};
    if (Result<void> added = AddRule(filter, rule.syscall, SCMP_ACT_ERRNO(EPERM), 1, &comparison);
        !added) {
      return added;
    }
  }
  // Its flags lie in memory, where a filter cannot look; libraries fall back to clone.
  return AddRule(filter, "clone3", SCMP_ACT_ERRNO(ENOSYS), 0, nullptr);
}

/// libseccomp has no rule for a range of numbers, so this one is by hand.
Result<void> RefuseNewerSyscalls() {
  std::array program = {
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kNewestKnown, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {program.size(), program.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    return FailErrno("install the seccomp filter for newer system calls");
  }
  return {};
}

}  // namespace

Result<void> ApplySeccompFilter() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return FailErrno("set no_new_privs");
  if (Result<void> refused = RefuseNewerSyscalls(); !refused) return refused;
  std::unique_ptr<void, Release> filter(::seccomp_init(SCMP_ACT_ALLOW));
  if (filter == nullptr) return FailErrno("make the seccomp filter", ENOMEM);
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  // A binary tree instead of a chain: fewer instructions for every system call of the command.
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (Result<void> added = AddRules(filter.get()); !added) return added;
  if (const int error = ::seccomp_load(filter.get()); error != 0) {
    return FailErrno("install the seccomp filter", -error);
  }
  return {};
}

}  // namespace nsdebug
