#include "kubectl/kubeconfig/loading.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/io.h"
#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

namespace fs = std::filesystem;

/// The paths to try, each once. An empty one is not "this directory" but nothing.
std::vector<std::string> PathsOf(std::string_view list) {
  std::vector<std::string> paths;
  for (std::string_view path : Split(list, ':')) {
    if (path.empty() || std::find(paths.begin(), paths.end(), path) != paths.end()) continue;
    paths.emplace_back(path);
  }
  return paths;
}

void ResolvePath(const fs::path& directory, std::string& path) {
  if (path.empty() || path.front() == '/') return;
  path = (directory / path).lexically_normal().string();
}

void ResolvePaths(const fs::path& directory, Kubeconfig& config) {
  for (auto& [name, cluster] : config.clusters) {
    ResolvePath(directory, cluster.certificate_authority);
  }
  for (auto& [name, user] : config.users) {
    ResolvePath(directory, user.client_certificate);
    ResolvePath(directory, user.client_key);
    ResolvePath(directory, user.token_file);
    // Without a separator it is a name to be found in PATH.
    if (user.exec && user.exec->command.find('/') != std::string::npos) {
      ResolvePath(directory, user.exec->command);
    }
  }
}

Result<Kubeconfig> LoadFile(const std::string& path) {
  Result<std::string> text = ReadFile(path, kMaxKubeconfigBytes);
  if (!text) return Propagate(text.error(), "kubeconfig");
  Result<Kubeconfig> config = ParseKubeconfig(*text, path);
  if (!config) return Propagate(config.error(), "kubeconfig");
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error) {
    return Fail(Code::kInternal,
                fmt::format("kubeconfig {}: its directory: {}", path, error.message()));
  }
  ResolvePaths(absolute.parent_path(), *config);
  return config;
}

}  // namespace

void MergeKubeconfig(Kubeconfig& config, Kubeconfig next) {
  // map::merge keeps what is there.
  config.clusters.merge(next.clusters);
  config.users.merge(next.users);
  config.contexts.merge(next.contexts);
  if (config.current_context.empty()) config.current_context = std::move(next.current_context);
}

Result<LoadedKubeconfig> LoadKubeconfig(const std::string& explicit_path,
                                        const Environment& environment) {
  LoadedKubeconfig loaded;
  if (!explicit_path.empty()) {
    Result<Kubeconfig> config = LoadFile(explicit_path);
    if (!config) return Propagate(config.error());
    loaded.config = std::move(*config);
    return loaded;
  }
  const std::string_view list = environment.Get("KUBECONFIG");
  std::vector<std::string> paths = PathsOf(list);
  if (list.empty() && !environment.Get("HOME").empty()) {
    paths.push_back(fmt::format("{}/.kube/config", environment.Get("HOME")));
  }
  size_t missing = 0;
  for (const std::string& path : paths) {
    Result<Kubeconfig> config = LoadFile(path);
    if (config) {
      MergeKubeconfig(loaded.config, std::move(*config));
    } else if (config.error().error_number == ENOENT) {
      ++missing;
    } else {
      return Propagate(config.error());
    }
  }
  if (!list.empty() && missing == paths.size() && missing > 0) {
    loaded.warnings.push_back(
        fmt::format("none of the files in KUBECONFIG exists: {}", fmt::join(paths, ", ")));
  }
  return loaded;
}

}  // namespace nsdebug::kubectl
