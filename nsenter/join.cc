#include "nsenter/join.h"

#include <fmt/format.h>

#include <array>

namespace nsdebug {

namespace {

Failure JoinFailure(const NamespaceJoin& join, int error_number) {
  std::string operation = fmt::format("join {} namespace of {}", join.type->name, join.object);
  if (error_number == EPERM) {
    return Fail(Code::kPermissionDenied,
                fmt::format("{}: {} (needs CAP_SYS_ADMIN{})", operation, ErrnoText(error_number),
                            join.type->flag == CLONE_NEWNS ? " and CAP_SYS_CHROOT" : ""));
  }
  if (error_number == EINVAL && join.type->flag == CLONE_NEWPID) {
    return Fail(Code::kInvalidArgument,
                operation + ": it is not ours or a descendant of ours (setns(2))");
  }
  return FailErrno(operation, error_number);
}

/// Joins what is still missing, pass by pass.
class Joiner {
 public:
  Joiner(const std::vector<NamespaceJoin>& joins, const ProcessHandle* process)
      : joins_(joins), process_(process), joined_(joins.size(), false) {}

  Result<void> Run() {
    // First without the user namespace and without minding errors: what our present privileges can
    // join. A user namespace given last can then only take privileges away. What failed is tried
    // again after it, for the case that the user namespace gives the privilege.
    JoinWhatIsAllowed(~CLONE_NEWUSER);
    JoinWhatIsAllowed(~0);
    return JoinRest();
  }

 private:
  void JoinWhatIsAllowed(int mask) {
    int by_pidfd = 0;
    for (size_t i = 0; i < joins_.size(); ++i) {
      if (Pending(i, mask) && !joins_[i].fd.valid()) by_pidfd |= joins_[i].type->flag;
    }
    // One call joins all of them or none (Linux 5.8).
    if (by_pidfd != 0 && ::setns(process_->pidfd(), by_pidfd) == 0) {
      for (size_t i = 0; i < joins_.size(); ++i) {
        if (!joins_[i].fd.valid() && (by_pidfd & joins_[i].type->flag) != 0) {
          joined_[i] = true;
        }
      }
    }
    for (size_t i = 0; i < joins_.size(); ++i) {
      const NamespaceJoin& join = joins_[i];
      if (!Pending(i, mask) || !join.fd.valid()) continue;
      joined_[i] = ::setns(join.fd.get(), join.type->flag) == 0;
    }
  }

  /// One by one: the way for kernels before 5.8, and what finds out which one is refused. All files
  /// are opened first, because behind a join they may no longer be ours to open.
  Result<void> JoinRest() {
    std::vector<UniqueFd> opened(joins_.size());
    for (size_t i = 0; i < joins_.size(); ++i) {
      if (!Pending(i, ~0) || joins_[i].fd.valid()) continue;
      Result<UniqueFd> fd = process_->OpenNamespace(*joins_[i].type);
      if (!fd) {
        return Propagate(fd.error(), fmt::format("join {} namespace of {}", joins_[i].type->name,
                                                 joins_[i].object));
      }
      opened[i] = std::move(*fd);
    }
    for (bool with_user : {false, true}) {
      for (size_t i = 0; i < joins_.size(); ++i) {
        const NamespaceJoin& join = joins_[i];
        if (!Pending(i, with_user ? ~0 : ~CLONE_NEWUSER)) continue;
        const int fd = join.fd.valid() ? join.fd.get() : opened[i].get();
        joined_[i] = ::setns(fd, join.type->flag) == 0;
        if (!joined_[i] && with_user) return JoinFailure(join, errno);
      }
    }
    return {};
  }

  bool Pending(size_t index, int mask) const {
    return !joined_[index] && (joins_[index].type->flag & mask) != 0;
  }

  const std::vector<NamespaceJoin>& joins_;
  const ProcessHandle* process_;
  std::vector<bool> joined_;
};

}  // namespace

Result<void> JoinNamespaces(const std::vector<NamespaceJoin>& joins, const ProcessHandle* process) {
  return Joiner(joins, process).Run();
}

}  // namespace nsdebug
