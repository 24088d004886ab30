#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace nsdebug {

/// A version of the protocol that both ends speak.
struct Subprotocol {
  std::string_view name;  ///< what the server's answer to the upgrade names
  bool base64 = false;    ///< text messages both ways
  bool has_close_signal = false;
};

/// The first of the client's list that we speak; kInvalidArgument names those. What else is in the
/// list is never repeated: browsers put their bearer token there. The versions before v4 are not
/// spoken: they have no exit code.
Result<Subprotocol> Negotiate(std::span<const std::string> offered);

}  // namespace nsdebug
