#include "nsenter/session/working_directory.h"

#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/text.h"

namespace nsdebug {

Result<void> EnterWorkingDirectory(const std::string& path) {
  const std::string operation = "enter working directory " + Printable(path);
  if (::chdir(path.c_str()) != 0) return FailErrno(operation);
  // The kernel's own answer, "(unreachable)/..." for what no path from our root leads to: the C
  // library would go and look for a name.
  std::array<char, PATH_MAX> name{};
  if (::syscall(SYS_getcwd, name.data(), name.size()) < 0) return FailErrno(operation);
  if (name[0] != '/') {
    return Fail(Code::kPermissionDenied, operation + ": it is outside of the root directory");
  }
  return {};
}

}  // namespace nsdebug
