#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "agent/audit/event.h"

namespace nsdebug {

inline constexpr size_t kMaxAuditFieldBytes = 512;  ///< of one text; more is cut with "..."
inline constexpr size_t kMaxAuditGroups = 32;       ///< more are counted, in one last element
/// With its newline. When the fields within their own bounds come to more, because every byte had
/// to be escaped, groups and command are left out and "cut" is true.
inline constexpr size_t kMaxAuditLineBytes = size_t{64} << 10;

using AuditTime = std::chrono::system_clock::time_point;

/// The event as one line: a JSON object in ASCII, and a newline. Commands are masked. Text that is
/// not UTF-8 comes with its bytes as \xNN. Pure.
std::string AuditLine(const SessionOpened& event, AuditTime time);
std::string AuditLine(const SessionClosed& event, AuditTime time);
std::string AuditLine(const SessionDenied& event, AuditTime time);

}  // namespace nsdebug
