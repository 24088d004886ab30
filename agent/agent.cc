#include "agent/agent.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <limits>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "agent/authority.h"
#include "agent/pods/node_runtime.h"
#include "agent/server/api.h"
#include "agent/server/audit_writer.h"
#include "agent/server/health.h"
#include "agent/server/listener.h"
#include "agent/server/request_count.h"
#include "agent/server/status_response.h"
#include "agent/server/tls.h"
#include "base/io.h"
#include "base/log.h"
#include "nsenter/session/session_cgroup.h"

namespace nsdebug {

namespace {

// Calls of the API server that are under way: as many as it has connections for.
constexpr size_t kApiThreads = kMaxApiConnections;
// Calls of the runtime.
constexpr size_t kNodeThreads = 4;
// With 10 s for each of them the last one would wait for minutes.
constexpr size_t kMaxCalls = 512;

// No line of the audit log is dropped because there are many: as many wait as there are requests.
constexpr size_t kMaxAuditCalls = std::numeric_limits<size_t>::max();

// Probes come from one kubelet and Prometheus; the port is reachable from the pod network.
constexpr size_t kMaxHealthConnections = 64;
// While those that were dropped for newer ones go.
constexpr uint64_t kMaxHealthSockets = 4 * kMaxHealthConnections;

// Whoever reaches the health port may ask; the runtime and the API server are asked for him no more
// often than this.
constexpr std::chrono::seconds kReadinessInterval{1};

cri::ClientOptions RuntimeOptions(const RuntimeConfig& config) {
  cri::ClientOptions options;
  options.call_timeout = config.call_timeout;
  return options;
}

ConnectionLimits LimitsOf(const ServerConfig& config) {
  return {static_cast<uint32_t>(config.max_header_bytes), config.max_body_bytes,
          config.request_timeout, config.idle_timeout};
}

}  // namespace

/// In the order in which they need one another: the last is destroyed first. With the loop go the
/// connections that are left, which use all that is before it.
class Agent::Parts {
 public:
  explicit Parts(const Config& config)
      : config_(config),
        api_pool_(kApiThreads, kMaxCalls),
        node_pool_(kNodeThreads, kMaxCalls),
        audit_pool_(1, kMaxAuditCalls),
        health_pool_(1, kMaxHealthSockets),
        runtime_(config_.runtime.endpoint, RuntimeOptions(config_.runtime)),
        targets_(&runtime_, config_.node_name),
        sessions_({config_.session.max_sessions, config_.session.max_sessions_per_user}),
        rate_limit_(config_.server.requests_per_second, config_.server.request_burst),
        limits_(LimitsOf(config_.server)) {}

  Result<void> Make() {
    if (::access(config_.session.ns_enter.c_str(), X_OK) != 0) {
      return FailErrno(fmt::format("session.nsEnter {}", config_.session.ns_enter));
    }
    SweepPredecessor();
    if (Result<void> opened = OpenAudit(); !opened) return opened;
    Result<std::unique_ptr<Authority>> authority = MakeAuthority(config_);
    if (!authority) return Propagate(std::move(authority.error()));
    authority_ = std::move(*authority);
    Result<std::unique_ptr<TlsCertificate>> certificate =
        TlsCertificate::Load(config_.server.certificate_file, config_.server.key_file);
    if (!certificate) return Propagate(std::move(certificate.error()));
    certificate_ = std::move(*certificate);
    MakeRouter();
    return Bind();
  }

  void Start() {
    api_->Start([this](asio::ip::tcp::socket socket) { return ServeApi(std::move(socket)); });
    health_->Start(
        [this](asio::ip::tcp::socket socket) { return health_server_->Serve(std::move(socket)); });
    for (uint64_t i = 0; i < config_.server.threads; ++i) {
      threads_.emplace_back([this] { loop_.run(); });
    }
  }

  bool Stop() {
    const auto end = std::chrono::steady_clock::now() + config_.server.stop_grace;
    api_->Stop();
    requests_.Stop();
    sessions_.Stop();
    const bool ended =
        sessions_.WaitUntilEmpty(config_.server.stop_grace) && requests_.WaitUntilNone(end);
    health_->Stop();
    loop_.stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    if (!ended) return false;
    // What runs there uses all the parts too.
    for (BlockingPool* pool : {&api_pool_, &node_pool_, &audit_pool_, &health_pool_}) {
      pool->Stop();
    }
    return true;
  }

  void ReopenAudit() {
    if (Result<void> reopened = audit_->Reopen(); !reopened) {
      Log(LogLevel::kError, "audit log not reopened", {{"error", reopened.error().message}});
    }
  }

  uint16_t port() const { return api_->port(); }

 private:
  /// What a killed agent left: its sessions' guards end them, but a guard may have been killed too.
  void SweepPredecessor() const {
    if (config_.session.cgroup_parent.empty()) return;
    Result<std::vector<CgroupMount>> mounts = ReadCgroupMounts();
    if (mounts) SweepSessions(*mounts, config_.session.cgroup_parent);
  }

  Result<void> OpenAudit() {
    Result<std::unique_ptr<AuditLog>> audit = AuditLog::Open(
        {.config = config_.audit, .on_failure = [](const Error& error) {
           Log(LogLevel::kError, "audit line not written", {{"error", error.message}});
         }});
    if (!audit) return Propagate(std::move(audit.error()));
    audit_ = std::move(*audit);
    return {};
  }

  void MakeRouter() {
    access_ = std::make_unique<AccessControl>(authority_->authenticator(), authority_->authorizer(),
                                              &api_pool_);
    audit_writer_ = std::make_unique<AuditWriter>(audit_.get(), &audit_pool_);
    spare_ = std::make_unique<SpareProcess>(config_.session.ns_enter);
    exec_ = std::make_unique<ExecHandler>(ExecHandler::Parts{&config_, access_.get(), &node_pool_,
                                                             &targets_, &sessions_, spare_.get(),
                                                             audit_writer_.get(), &metrics_});
    pods_ = std::make_unique<PodsHandler>(&runtime_, &node_pool_, &metrics_, config_.node_name);
    sessions_handler_ = std::make_unique<SessionsHandler>(&sessions_);
    router_ =
        std::make_unique<Router>(Router::Parts{access_.get(), &rate_limit_, &requests_,
                                               audit_writer_.get(), &metrics_, config_.node_name},
                                 MakeHandlers(exec_.get(), pods_.get(), sessions_handler_.get()));
    handle_ = [this](Request* request, Exchange* exchange) {
      return router_->Handle(request, exchange);
    };
    count_refusal_ = [this](int status) { metrics_.CountRequest("none", "any", status); };
    const auto readiness = [this]() -> asio::awaitable<std::string> {
      const Result<std::string> missing =
          co_await health_pool_.Run([this] { return CheckReadiness(); });
      co_return missing ? *missing : missing.error().message;
    };
    health_server_ = std::make_unique<HealthServer>(
        HealthAnswers{readiness, [this] { return metrics_.Text(); }}, kMaxHealthConnections);
  }

  Result<void> Bind() {
    Result<std::shared_ptr<Listener>> api = Listener::Bind(
        &loop_, config_.server.address, config_.server.port, config_.server.max_connections);
    if (!api) return Propagate(std::move(api.error()));
    api_ = std::move(*api);
    Result<std::shared_ptr<Listener>> health =
        Listener::Bind(&loop_, config_.health.address, config_.health.port, kMaxHealthSockets);
    if (!health) return Propagate(std::move(health.error()));
    health_ = std::move(*health);
    return {};
  }

  asio::awaitable<void> ServeApi(asio::ip::tcp::socket socket) {
    std::shared_ptr<ssl_ctx_st> tls = certificate_->Current();
    if (const std::string warning = certificate_->TakeWarning(); !warning.empty()) {
      Log(LogLevel::kError, "the old TLS certificate stays", {{"error", warning}});
    }
    return ServeConnection(std::move(socket), std::move(tls), limits_, handle_, count_refusal_);
  }

  /// Missing(), told in the log whenever it changes: kubelet asks, and shows no answer to anybody.
  /// Many askers, one after the other on the pool's only thread, get one answer.
  Result<std::string> CheckReadiness() {
    if (last_missing_ && std::chrono::steady_clock::now() < checked_ + kReadinessInterval) {
      return *last_missing_;
    }
    const std::string missing = Missing();
    checked_ = std::chrono::steady_clock::now();
    if (last_missing_ == missing) return missing;
    last_missing_ = missing;
    if (missing.empty()) {
      Log(LogLevel::kInfo, "ready");
    } else {
      Log(LogLevel::kWarning, "not ready", {{"missing", missing}});
    }
    return missing;
  }

  /// What keeps the agent from serving, one line each.
  std::string Missing() {
    std::string missing;
    if (Result<cri::Version> version = runtime_.GetVersion(); !version) {
      missing += "container runtime: " + version.error().message + '\n';
    }
    if (Result<void> ready = authority_->CheckReady(); !ready) {
      missing += "authorization: " + ready.error().message + '\n';
    }
    if (certificate_->not_after() <= std::chrono::system_clock::now()) {
      missing += "TLS certificate: it has expired: renew " + config_.server.certificate_file + '\n';
    }
    return missing;
  }

  const Config config_;
  BlockingPool api_pool_;
  BlockingPool node_pool_;
  BlockingPool audit_pool_;
  BlockingPool health_pool_;
  RequestCount requests_;
  NodeRuntime runtime_;
  TargetFinder targets_;
  Metrics metrics_;
  SessionRegistry sessions_;
  std::unique_ptr<SpareProcess> spare_;
  RateLimit rate_limit_;
  const ConnectionLimits limits_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<AuditWriter> audit_writer_;
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<TlsCertificate> certificate_;
  std::unique_ptr<AccessControl> access_;
  std::unique_ptr<ExecHandler> exec_;
  std::unique_ptr<PodsHandler> pods_;
  std::unique_ptr<SessionsHandler> sessions_handler_;
  std::unique_ptr<Router> router_;
  RequestHandler handle_;
  RefusalListener count_refusal_;
  std::unique_ptr<HealthServer> health_server_;
  // Of the one thread of health_pool_.
  std::optional<std::string> last_missing_;
  std::chrono::steady_clock::time_point checked_;
  asio::io_context loop_;
  std::shared_ptr<Listener> api_;
  std::shared_ptr<Listener> health_;
  std::vector<std::thread> threads_;
};

Agent::Agent(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Agent::~Agent() = default;

Result<std::unique_ptr<Agent>> Agent::Make(const Config& config) {
  auto parts = std::make_unique<Parts>(config);
  if (Result<void> made = parts->Make(); !made) return Propagate(std::move(made.error()));
  return std::unique_ptr<Agent>(new Agent(std::move(parts)));
}

void Agent::Start() { parts_->Start(); }
void Agent::ReopenAudit() { parts_->ReopenAudit(); }
bool Agent::Stop() { return parts_->Stop(); }
uint16_t Agent::port() const { return parts_->port(); }

}  // namespace nsdebug
