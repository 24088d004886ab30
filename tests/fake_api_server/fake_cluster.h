#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "agent/auth/api_server.h"
#include "tests/fake_api_server/fake_api_server.h"

namespace nsdebug {

/// What an agent in a pod finds: an API server, its CA and a token.
class FakeCluster {
 public:
  explicit FakeCluster(FakeApiServer::Handler handler)
      : server(serving_ca.IssueServer(), std::move(handler)) {
    config.url = server.url();
    config.ca_file = directory.Write("ca.crt", serving_ca.pem());
    config.token_file = directory.Write("token", "agent-token\n");
    config.call_timeout = std::chrono::seconds(10);
  }

  /// A client of `config` as it is now.
  std::unique_ptr<ApiServer> Client() const { return *ApiServer::Create(config); }

  TestDirectory directory;
  TestCertificate serving_ca = TestCertificate::Ca("serving");
  ApiServerConfig config;
  FakeApiServer server;
};

}  // namespace nsdebug
