#pragma once

#include <functional>
#include <string>

#include "agent/config/config.h"
#include "agent/exec/exec_result.h"
#include "agent/pods/target_finder.h"
#include "agent/server/access_control.h"
#include "agent/server/audit_writer.h"
#include "agent/server/blocking_pool.h"
#include "agent/server/exchange.h"
#include "agent/server/message.h"
#include "agent/server/metrics.h"
#include "agent/server/one_shot_stream.h"
#include "agent/session/session_registry.h"
#include "agent/session/spare_process.h"
#include "base/target.h"

namespace nsdebug {

/// Exec, streamed and in one request, of a pod and of the node.
///
/// In this order, and the next only when all before it went well: what is asked for, the right to
/// its profile, a place for the session, the target, the right to the node where the target shares
/// its namespaces, the audit line, ns-enter.
class ExecHandler {
 public:
  struct Parts {
    const Config* config = nullptr;
    const AccessControl* access = nullptr;
    BlockingPool* pool = nullptr;
    TargetFinder* targets = nullptr;
    SessionRegistry* sessions = nullptr;
    SpareProcess* spare = nullptr;
    const AuditWriter* audit = nullptr;
    Metrics* metrics = nullptr;
  };

  /// The parts outlive this.
  explicit ExecHandler(const Parts& parts) : parts_(parts) {}

  /// What kind of client asks.
  enum class Dialect { kOwn, kStock };

  asio::awaitable<Response> Stream(const Request& request, Exchange* exchange,
                                   Dialect dialect) const;
  asio::awaitable<Response> Once(Request* request, Exchange* exchange) const;

  /// The answer to stock kubectl's second attempt, in a protocol that we do not speak: what the
  /// first one was refused for, since this is the one that it shows.
  asio::awaitable<Response> RefuseSpdy(const Request& request) const;

  /// Whether the exec that the query describes would be allowed, asked as for a real one, and which
  /// rule each question wants. About the caller only; what the target is like is looked at for who
  /// may enter it, and for nobody else.
  asio::awaitable<Response> ExplainAccess(const Request& request) const;

 private:
  struct Running;
  struct Bytes {
    uint64_t in = 0;
    uint64_t out = 0;
  };
  /// Says to the client how it ended; called once, when no process of the command is left.
  using Finish = std::function<asio::awaitable<void>(const SessionEnd&)>;

  ExecDefaults Defaults(const Request& request, Dialect dialect) const;
  asio::awaitable<Result<Running>> Prepare(const Request& request, ExecRequest exec) const;
  asio::awaitable<Result<void>> Admit(const Request& request, Running* running) const;
  asio::awaitable<Result<void>> AdmitOrRecord(const Request& request, Running* running) const;
  asio::awaitable<Result<void>> CheckProfile(const Request& request, const ExecRequest& exec) const;
  asio::awaitable<Result<FoundTarget>> FindTarget(const Request& request,
                                                  const ExecRequest& exec) const;
  asio::awaitable<Result<void>> Authorize(const Identity& identity,
                                          const Attributes& attributes) const;
  Attributes ProfileAttributes(const Request& request, const ExecRequest& exec) const;
  Attributes NodeAttributes() const;
  static bool EntersNode(const ExecRequest& exec, const FoundTarget& found);
  asio::awaitable<Result<void>> CheckNodeAccess(const Request& request, bool enters_node) const;
  asio::awaitable<Result<SessionProcess>> Start(const Running& running) const;
  asio::awaitable<SessionEnd> Run(Running* running, SessionProcess process, ClientStream* client,
                                  asio::any_io_executor strand, const Finish& finish) const;
  /// Ends one that nobody waited for, off the loop.
  asio::awaitable<void> Drop(SessionProcess process) const;
  asio::awaitable<void> WriteClosed(const Running& running, const SessionEnd& end,
                                    Bytes bytes) const;
  AuditSubject SubjectOf(const Request& request, const ExecRequest& exec) const;
  ExecResult ResultOf(const Running& running, const SessionEnd& end, OneShotStream* stream) const;

  const Parts parts_;
};

}  // namespace nsdebug
