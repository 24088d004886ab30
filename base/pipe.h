#pragma once

#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"

namespace nsdebug {

/// Both ends close on exec.
struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

/// pipe2(2). `operation` begins the error.
Result<Pipe> MakePipe(std::string_view operation);

}  // namespace nsdebug
