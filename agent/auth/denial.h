#pragma once

#include <string>
#include <string_view>

#include "agent/auth/identity.h"
#include "base/error.h"

namespace nsdebug {

/// How much of a text that another program wrote goes into a message of ours.
inline constexpr size_t kMaxReasonBytes = 300;

/// "text: reason", the reason cleaned for a terminal and cut, when there is one.
std::string WithReason(std::string text, std::string_view reason);

/// kPermissionDenied in kubectl's words: who cannot do what, and the reason when there is one.
Failure Denied(const Identity& identity, const Attributes& attributes, std::string_view reason);

/// What an authenticator or authorizer says when the review itself failed: kDeadlineExceeded and
/// kInternal stay, all else is kUnavailable. Without this, a right that the agent lacks would be
/// told to the caller as one that the caller lacks.
Failure ReviewFailed(Error error);

/// Adds system:authenticated as kubelet does: not for system:anonymous, nor when one of the two
/// groups is there.
void AddAuthenticatedGroup(Identity& identity);

}  // namespace nsdebug
