#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "nsenter/session/session_cgroup.h"

namespace nsdebug {

/// Everything the agent can be told, with its defaults: one struct for each section of the file.
/// docs/ns-debug-agent.yaml is the annotated file, and a test compares the two.

struct ServerConfig {
  /// Where the API listens. Loopback is enough for kubectl, which comes through a port-forward.
  std::string address = "127.0.0.1";
  uint16_t port = 8443;
  std::string certificate_file = "/etc/ns-debug/tls/tls.crt";
  std::string key_file = "/etc/ns-debug/tls/tls.key";

  uint64_t max_connections = 4096;
  uint64_t max_header_bytes = 32 << 10;
  uint64_t max_body_bytes = 4 << 20;
  std::chrono::milliseconds request_timeout{10'000};  ///< TLS handshake, header and body, each
  std::chrono::milliseconds idle_timeout{120'000};    ///< of a connection between two requests
  uint64_t requests_per_second = 50;                  ///< of one user, on average
  uint64_t request_burst = 200;
  std::chrono::milliseconds stop_grace{10'000};  ///< for sessions, when the agent is told to stop
  uint64_t threads = 2;                          ///< of the event loop
};

/// Plain HTTP for probes and metrics, nothing else.
struct HealthConfig {
  std::string address = "0.0.0.0";
  uint16_t port = 8081;
};

struct RuntimeConfig {
  std::string endpoint;  ///< of the CRI; empty: the first of the usual sockets that answers
  std::chrono::milliseconds call_timeout{10'000};
};

struct ApiServerConfig {
  std::string url;  ///< empty: KUBERNETES_SERVICE_HOST and _PORT
  std::string ca_file = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
  std::string token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
  std::chrono::milliseconds call_timeout{10'000};
};

struct AuthConfig {
  ApiServerConfig api_server;
  /// Of client certificates; empty: the one in ConfigMap
  /// kube-system/extension-apiserver-authentication.
  std::string client_ca_file;
  std::vector<std::string> audiences;  ///< of tokens; empty: the API server's own
  /// kubelet's times.
  std::chrono::milliseconds token_ttl{120'000};
  std::chrono::milliseconds allowed_ttl{300'000};
  std::chrono::milliseconds denied_ttl{30'000};
  std::string static_tokens_file;  ///< standalone only
};

struct SessionConfig {
  std::string ns_enter = "/usr/bin/ns-enter";
  std::string toolbox = "/";  ///< root of the tools
  std::string cgroup_parent = "/ns-debug";
  CgroupLimits limits;
  std::string default_profile = "general";
  uint64_t max_sessions = 1000;
  uint64_t max_sessions_per_user = 50;
  std::chrono::milliseconds max_duration{3'600'000};
  std::chrono::milliseconds idle_timeout{900'000};
  uint64_t max_output_bytes = 4 << 20;  ///< of a one-shot exec, for stdout and stderr each
};

struct AuditConfig {
  std::string path = "-";  ///< "-": standard output
  /// What happens to a session when its line cannot be written: true starts it all the same.
  bool fail_open = false;
};

struct LogConfig {
  std::string level = "info";   ///< debug, info, warning, error
  std::string format = "text";  ///< key=value, or "json"
};

struct Config {
  std::string node_name;  ///< empty: the host's name
  bool standalone = false;
  std::string state_directory = "/var/lib/ns-debug";  ///< of a standalone agent: certificate, token
  ServerConfig server;
  HealthConfig health;
  RuntimeConfig runtime;
  AuthConfig auth;
  SessionConfig session;
  AuditConfig audit;
  LogConfig log;
};

}  // namespace nsdebug
