#include "kubectl/kubeconfig/in_cluster.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/io.h"

namespace nsdebug::kubectl {

namespace {

constexpr const char* kHost = "KUBERNETES_SERVICE_HOST";
constexpr const char* kPort = "KUBERNETES_SERVICE_PORT";
constexpr size_t kMaxNamespaceBytes = 1024;

}  // namespace

bool IsInCluster(const Environment& environment) {
  if (environment.Get(kHost).empty() || environment.Get(kPort).empty()) return false;
  struct stat info {};
  const std::string token = environment.service_account + "/token";
  return ::stat(token.c_str(), &info) == 0 && !S_ISDIR(info.st_mode);
}

std::string InClusterServer(const Environment& environment) {
  const std::string_view host = environment.Get(kHost);
  const std::string_view port = environment.Get(kPort);
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  return is_ipv6 ? fmt::format("https://[{}]:{}", host, port)
                 : fmt::format("https://{}:{}", host, port);
}

std::string InClusterNamespace(const Environment& environment) {
  if (const auto name = environment.Get("POD_NAMESPACE"); !name.empty()) return std::string(name);
  Result<std::string> text =
      ReadFile(environment.service_account + "/namespace", kMaxNamespaceBytes);
  if (!text) return {};
  const size_t end = text->find_last_not_of(" \t\r\n");
  return end == std::string::npos ? std::string() : text->substr(0, end + 1);
}

}  // namespace nsdebug::kubectl
