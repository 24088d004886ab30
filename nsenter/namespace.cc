#include "nsenter/namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <cstdint>
#include <cstring>

#include "base/io.h"
#include "base/text.h"

namespace nsdebug {

namespace {

// Layout of an nsfs file handle (linux/nsfs.h of Linux 6.18, which Debian 12's headers lack). Type
// and inode 0 mean "whichever has this id".
struct NsfsFileHandle {
  uint64_t ns_id;
  uint32_t ns_type;
  uint32_t ns_inum;
};

// Room for the header and the largest handle that nsfs fills in.
struct FileHandle {
  unsigned int handle_bytes;
  int handle_type;
  NsfsFileHandle nsfs;
};

// AT_HANDLE_FID of linux/fcntl.h, which cannot be included beside fcntl.h.
constexpr int kAtHandleFid = 0x200;

std::string KernelRelease() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "unknown";
}

Result<void> CheckType(int fd, const std::string& path, const NamespaceType& wanted) {
  int flag = ::ioctl(fd, NS_GET_NSTYPE);
  if (flag < 0) {
    return Fail(Code::kInvalidArgument, fmt::format("{} is not a namespace file", Printable(path)));
  }
  if (flag != wanted.flag) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{} is a {} namespace, not a {} namespace", Printable(path),
                            NamespaceNames(flag), wanted.name));
  }
  return {};
}

}  // namespace

bool KernelHas(const NamespaceType& type) {
  return ::access(fmt::format("/proc/self/ns/{}", type.name).c_str(), F_OK) == 0;
}

size_t NamespaceIndex(int flag) {
  size_t index = 0;
  while (index + 1 < kNamespaceTypes.size() && kNamespaceTypes[index].flag != flag) ++index;
  return index;
}

Result<int> ParseNamespaceList(std::string_view list) {
  int flags = 0;
  for (std::string_view part : Split(list, ',')) {
    int flag = 0;
    for (const NamespaceType& type : kNamespaceTypes) {
      if (part == type.name || part == type.option) flag = type.flag;
    }
    if (flag == 0) {
      return Fail(Code::kInvalidArgument,
                  fmt::format("unknown namespace '{}': use a comma-separated list of user, cgroup, "
                              "ipc, uts, net, pid, mnt, time",
                              Printable(part)));
    }
    flags |= flag;
  }
  return flags;
}

std::string NamespaceNames(int flags) {
  std::string names;
  for (const NamespaceType& type : kNamespaceTypes) {
    if ((flags & type.flag) == 0) continue;
    if (!names.empty()) names += ", ";
    names += type.name;
  }
  return names.empty() ? "unknown" : names;
}

uint64_t InodeAt(int directory, const std::string& path) {
  struct stat info {};
  return ::fstatat(directory, path.c_str(), &info, 0) == 0 ? info.st_ino : 0;
}

Result<UniqueFd> OpenNamespaceFile(const std::string& path, const NamespaceType& type) {
  // O_NONBLOCK: a FIFO in the place of the file must not hold us.
  Result<UniqueFd> fd = Open(path, O_RDONLY | O_NONBLOCK);
  if (!fd) return Propagate(fd.error());
  if (Result<void> checked = CheckType(fd->get(), path, type); !checked) {
    return Propagate(checked.error());
  }
  return fd;
}

Result<UniqueFd> OpenNamespaceById(std::string_view id, const NamespaceType& type) {
  auto number = ParseNumber(id);
  if (!number) {
    return Fail(Code::kInvalidArgument,
                fmt::format("'{}' is not a namespace id: write :NUMBER, or ./:NAME for a file "
                            "whose name starts with a colon",
                            Printable(id)));
  }
  const std::string operation = fmt::format("open {} namespace with id {}", type.name, *number);
  const auto unsupported = [&] {
    return Fail(Code::kUnimplemented,
                fmt::format("{}: opening by id needs Linux 6.19, this kernel is {}", operation,
                            KernelRelease()));
  };
  // The handle's type number is not part of the kernel's headers: any handle of nsfs tells it.
  Result<UniqueFd> any = Open("/proc/self/ns/mnt");
  if (!any) return Propagate(any.error(), operation);
  FileHandle handle{};
  handle.handle_bytes = sizeof(handle.nsfs);
  auto* raw = reinterpret_cast<file_handle*>(&handle);
  int mount_id;
  if (::name_to_handle_at(any->get(), "", raw, &mount_id, AT_EMPTY_PATH | kAtHandleFid) != 0) {
    if (errno == EOPNOTSUPP || errno == EINVAL) return unsupported();
    return FailErrno(operation);
  }
  handle.nsfs = {*number, 0, 0};
  UniqueFd fd(::open_by_handle_at(any->get(), raw, O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    const int error_number = errno;
    if (error_number == EINVAL || error_number == EOPNOTSUPP) return unsupported();
    if (error_number == ESTALE) {
      return Fail(Code::kNotFound, fmt::format("{}: no such namespace on this node, or a kernel "
                                               "before Linux 6.19 (this one is {})",
                                               operation, KernelRelease()));
    }
    return FailErrno(operation, error_number);
  }
  if (Result<void> checked = CheckType(fd.get(), fmt::format(":{}", *number), type); !checked) {
    return Propagate(checked.error());
  }
  return fd;
}

Result<UniqueFd> OpenOwningUserNamespace(int fd) {
  UniqueFd owner(::ioctl(fd, NS_GET_USERNS));
  if (owner.valid()) {
    // ioctl_ns(2) does not promise close-on-exec; the command must not inherit it.
    ::fcntl(owner.get(), F_SETFD, FD_CLOEXEC);
    return owner;
  }
  if (errno == EPERM) {
    return Fail(Code::kPermissionDenied,
                "open parent user namespace: there is none, or it is outside our own");
  }
  return FailErrno("open parent user namespace");
}

}  // namespace nsdebug
