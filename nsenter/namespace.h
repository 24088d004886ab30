#pragma once

#include <sched.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

// linux/sched.h has it, glibc 2.36's sched.h not yet.
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace nsdebug {

/// One kind of namespace that setns(2) can join.
struct NamespaceType {
  int flag;                 ///< CLONE_NEW*
  std::string_view name;    ///< its file in /proc/PID/ns, e.g. "mnt"
  std::string_view option;  ///< its long option, e.g. "mount"
  char letter;              ///< its short option
};

/// The order is util-linux nsenter's and significant: the user namespace is joined first when that
/// gains the right to join the others, and last when it would lose it (see join.cc); the mount
/// namespace comes after the ones whose files may have to be found in the old one.
inline constexpr std::array<NamespaceType, 8> kNamespaceTypes = {{
    {CLONE_NEWUSER, "user", "user", 'U'},
    {CLONE_NEWCGROUP, "cgroup", "cgroup", 'C'},
    {CLONE_NEWIPC, "ipc", "ipc", 'i'},
    {CLONE_NEWUTS, "uts", "uts", 'u'},
    {CLONE_NEWNET, "net", "net", 'n'},
    {CLONE_NEWPID, "pid", "pid", 'p'},
    {CLONE_NEWNS, "mnt", "mount", 'm'},
    {CLONE_NEWTIME, "time", "time", 'T'},
}};

/// Whether this kernel has namespaces of the kind.
bool KernelHas(const NamespaceType& type);

/// The index in kNamespaceTypes of a CLONE_NEW* flag. The flag must be one of the table's.
size_t NamespaceIndex(int flag);

/// "net,uts" to CLONE_NEWNET | CLONE_NEWUTS. "mnt" and "mount" mean the same.
Result<int> ParseNamespaceList(std::string_view list);

/// "net" or "net, uts", in the table's order.
std::string NamespaceNames(int flags);

/// The inode of the file at `path`, which for a namespace is its identity; 0 where there is none.
uint64_t InodeAt(int directory, const std::string& path);

/// Opens a namespace by its file, e.g. /proc/PID/ns/net or a bind mount of one. A file that is no
/// namespace, or one of another kind, is kInvalidArgument and says what it is.
Result<UniqueFd> OpenNamespaceFile(const std::string& path, const NamespaceType& type);

/// Opens a namespace by its id (Linux 6.19; kUnimplemented before).
Result<UniqueFd> OpenNamespaceById(std::string_view id, const NamespaceType& type);

/// The user namespace that owns the namespace of `fd`; for a user namespace its parent
/// (ioctl_ns(2), NS_GET_USERNS).
Result<UniqueFd> OpenOwningUserNamespace(int fd);

}  // namespace nsdebug
