#include "nsenter/seccomp/seccomp_filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <iterator>

namespace nsdebug {

namespace {

constexpr sock_filter kProgram[] = {
#include "nsenter/seccomp/program.inc"
};

}  // namespace

Result<void> ApplySeccompFilter() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return FailErrno("set no_new_privs");
  return ApplySeccompFilterAlone();
}

Result<void> ApplySeccompFilterAlone() {
  const sock_fprog filter = {static_cast<unsigned short>(std::size(kProgram)),
                             const_cast<sock_filter*>(kProgram)};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    return FailErrno("install the seccomp filter");
  }
  return {};
}

}  // namespace nsdebug
