#include "kubectl/verbs/completion.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "kubectl/verbs/agent_answer.h"

namespace nsdebug::kubectl {

namespace {

// ShellCompDirective of cobra: what the shell does besides.
constexpr int kDefaultDirective = 0;
constexpr int kNoFiles = 4;

constexpr unsigned char kBash[] = {
#include "kubectl/verbs/kubectl-ns_debug.bash.inc"
};
constexpr unsigned char kZsh[] = {
#include "kubectl/verbs/kubectl-ns_debug.zsh.inc"
};
constexpr unsigned char kFish[] = {
#include "kubectl/verbs/kubectl-ns_debug.fish.inc"
};

template <size_t size>
std::string_view TextOf(const unsigned char (&bytes)[size]) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

asio::awaitable<int> RunComplete(const Connector* connector, CompletionPlan plan) {
  std::vector<std::string> choices = std::move(plan.values);
  if (connector != nullptr && (plan.pods || !plan.containers_of.empty())) {
    OrExit<std::vector<PodOnNode>> pods = co_await connector->to_pods(PodsQuery());
    if (!pods) co_return pods.error();
    // As it is typed: with "pod/" before it, or without.
    const std::string_view prefix = plan.current.starts_with("pod/") ? "pod/" : "";
    for (const PodOnNode& pod : *pods) {
      if (plan.pods) choices.push_back(fmt::format("{}{}", prefix, pod.name));
      if (pod.name != plan.containers_of) continue;
      choices.insert(choices.end(), pod.containers.begin(), pod.containers.end());
    }
  }
  std::string text;
  for (const std::string& choice : choices) {
    if (choice.starts_with(plan.current)) text += Printable(choice) + "\n";
  }
  text += fmt::format(":{}\n", plan.files ? kDefaultDirective : kNoFiles);
  co_return Print(text);
}

Result<std::string_view> CompletionScript(std::string_view shell) {
  if (shell == "bash") return TextOf(kBash);
  if (shell == "zsh") return TextOf(kZsh);
  if (shell == "fish") return TextOf(kFish);
  return Fail(Code::kInvalidArgument,
              fmt::format("completion: expected bash, zsh or fish, got '{}'", Printable(shell)));
}

}  // namespace nsdebug::kubectl
