#pragma once

#include <string>
#include <string_view>

#include "agent/server/message.h"
#include "base/error.h"

namespace nsdebug {

/// The HTTP status that a code stands for: the only place that says so.
int HttpStatusOf(Code code);

/// metav1.Status's word for a code: "NotFound", "Forbidden", ...
std::string_view ReasonOf(Code code);

/// An error of the node's own: that the kernel or the runtime refused the agent something does not
/// mean that the caller may not, so it must not become a 403.
Error OfNode(Error error);

/// A metav1.Status as the answer, with the headers that its status wants.
Response StatusResponse(const Error& error);
Response StatusResponse(int status, std::string_view reason, std::string_view message);

}  // namespace nsdebug
