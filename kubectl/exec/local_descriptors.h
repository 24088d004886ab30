#pragma once

namespace nsdebug::kubectl {

/// What stands for the command's stdin, stdout and stderr here. They may be files, which epoll does
/// not take, and they are shared with the shell, so they must not become non-blocking: threads wait
/// for them.
struct LocalDescriptors {
  int in = 0;
  int out = 1;
  int err = 2;
};

}  // namespace nsdebug::kubectl
