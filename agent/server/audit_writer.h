#pragma once

#include <optional>
#include <utility>

#include "agent/asio.h"
#include "agent/audit/audit_log.h"
#include "agent/server/blocking_pool.h"

namespace nsdebug {

/// Writes audit lines for what runs on the event loop, which never waits for a disk or a reader.
class AuditWriter {
 public:
  /// They outlive this.
  AuditWriter(AuditLog* log, BlockingPool* pool) : log_(log), pool_(pool) {}

  /// When it has ended the line is written; the errors are those of AuditLog::Write().
  asio::awaitable<Result<void>> Write(AuditEvent event) const {
    std::optional<Result<void>> written = log_->WriteHere(event);
    if (written) co_return *std::move(written);
    co_return co_await pool_->Run([this, &event] { return log_->Write(event); });
  }

 private:
  AuditLog* log_;
  BlockingPool* pool_;
};

}  // namespace nsdebug
