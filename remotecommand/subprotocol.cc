#include "remotecommand/subprotocol.h"

#include <fmt/format.h>

#include <array>

#include "remotecommand/channel.h"

namespace nsdebug {

namespace {

constexpr std::array<Subprotocol, 3> kSpoken = {
    {{kV5, false, true}, {kV4, false, false}, {kV4Base64, true, false}}};

}  // namespace

Result<Subprotocol> Negotiate(std::span<const std::string> offered) {
  for (const std::string& name : offered) {
    for (const Subprotocol& spoken : kSpoken) {
      if (spoken.name == name) return spoken;
    }
  }
  return Fail(Code::kInvalidArgument,
              fmt::format("Sec-WebSocket-Protocol: {}: offer {}, {} or {}",
                          offered.empty() ? "missing" : "none of those offered is supported", kV5,
                          kV4, kV4Base64));
}

}  // namespace nsdebug
