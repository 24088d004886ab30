// Run by the build: compiles the seccomp filter of sessions with libseccomp and writes it as a C++
// array. Doing it there and not at the start of every session takes half a millisecond off each.

#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

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

[[noreturn]] void Die(const std::string& what, int error) {
  std::fprintf(stderr, "compile_filter: %s: %s\n", what.c_str(), std::strerror(error));
  std::exit(1);
}

void AddRule(scmp_filter_ctx filter, const char* name, uint32_t action, unsigned count,
             const scmp_arg_cmp* comparisons) {
  const int number = ::seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR) return;  // unknown to this libseccomp: kNewestKnown refuses it
  const int error = ::seccomp_rule_add_array(filter, action, number, count, comparisons);
  // -EDOM: this architecture does not have it.
  if (error != 0 && error != -EDOM) Die(fmt::format("rule for {}", name), -error);
}

void AddRules(scmp_filter_ctx filter) {
  for (const char* name : kRefused) AddRule(filter, name, SCMP_ACT_ERRNO(EPERM), 0, nullptr);
  for (const ArgumentRule& rule : kArgumentRules) {
    const scmp_arg_cmp comparison = {rule.argument, SCMP_CMP_MASKED_EQ, rule.mask, rule.value};
    AddRule(filter, rule.syscall, SCMP_ACT_ERRNO(EPERM), 1, &comparison);
  }
  // Its flags lie in memory, where a filter cannot look; libraries fall back to clone.
  AddRule(filter, "clone3", SCMP_ACT_ERRNO(ENOSYS), 0, nullptr);
}

std::vector<sock_filter> Compile() {
  std::unique_ptr<void, Release> filter(::seccomp_init(SCMP_ACT_ALLOW));
  if (filter == nullptr) Die("make the filter", ENOMEM);
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
  // A binary tree instead of a chain: fewer instructions for every system call of the command.
  ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  AddRules(filter.get());
  const int file = ::memfd_create("filter", MFD_CLOEXEC);
  if (file < 0) Die("memfd_create", errno);
  if (const int error = ::seccomp_export_bpf(filter.get(), file); error != 0) Die("export", -error);
  // libseccomp has no rule for a range of numbers, so this one is by hand, in front of its program.
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kNewestKnown, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
  };
  sock_filter instruction{};
  ::lseek(file, 0, SEEK_SET);
  while (::read(file, &instruction, sizeof(instruction)) == sizeof(instruction)) {
    program.push_back(instruction);
  }
  ::close(file);
  return program;
}

}  // namespace

int main() {
  std::printf("// Made by compile_filter.\n");
  for (const sock_filter& instruction : Compile()) {
    std::printf("{0x%x, %u, %u, 0x%x},\n", instruction.code, instruction.jt, instruction.jf,
                instruction.k);
  }
  return 0;
}
