#pragma once

#include <map>
#include <string>

#include "agent/server/access_control.h"
#include "agent/server/audit_writer.h"
#include "agent/server/blocking_pool.h"
#include "agent/server/connection.h"
#include "agent/server/message.h"
#include "agent/server/metrics.h"
#include "agent/server/rate_limit.h"
#include "agent/server/request_count.h"
#include "agent/server/route.h"

namespace nsdebug {

/// Every request's way to its handler: who asks, which route, may he, then the handler. Nothing
/// that a client wrote besides path and credentials is looked at before he may, and its body not
/// even read.
class Router {
 public:
  using Handlers = std::map<Endpoint, RequestHandler>;
  struct Parts {
    const AccessControl* access = nullptr;
    RateLimit* rate_limit = nullptr;
    RequestCount* requests = nullptr;
    const AuditWriter* audit = nullptr;
    Metrics* metrics = nullptr;
    std::string node;
  };

  /// A handler for each endpoint of Routes(). The parts outlive this.
  Router(Parts parts, Handlers handlers)
      : parts_(std::move(parts)), handlers_(std::move(handlers)) {}

  asio::awaitable<Response> Handle(Request* request, Exchange* exchange) const;

 private:
  asio::awaitable<Response> AnswerAdmitted(Request* request, Exchange* exchange,
                                           const Route** route) const;
  asio::awaitable<Response> Refuse(const Request& request, const Error& error) const;
  asio::awaitable<Response> Answer(const Route& route, Request* request, Exchange* exchange) const;
  /// The route that the caller may use; null when the path has other methods only.
  asio::awaitable<Result<const Route*>> Admit(Request* request) const;

  asio::awaitable<void> NoteDenial(const Request& request, const Error& error) const;

  const Parts parts_;
  const Handlers handlers_;
};

}  // namespace nsdebug
