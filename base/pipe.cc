#include "base/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>

namespace nsdebug {

Result<Pipe> MakePipe(std::string_view operation) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return FailErrno(std::string(operation));
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace nsdebug
