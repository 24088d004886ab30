#include "kubectl/verbs/completion_plan.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace nsdebug::kubectl {

namespace {

using Words = std::vector<std::string>;

struct ValuesOfFlag {
  std::string_view flag;
  std::array<std::string_view, 8> values;
};

// Beside those of pods and containers, which somebody has to be asked for.
constexpr std::array<ValuesOfFlag, 5> kValues = {{
    {"--profile", {"general", "baseline", "restricted", "netadmin", "sysadmin"}},
    {"--view", {"toolbox", "container", "host"}},
    {"--enter", {"net", "pid", "ipc", "uts", "mnt", "user", "cgroup", "time"}},
    {"-o", {"wide", "json", "yaml"}},
    {"--output", {"wide", "json", "yaml"}},
}};
constexpr std::array<std::string_view, 7> kVerbs = {"explain", "ls", "sessions",  "version",
                                                    "auth",    "cp", "completion"};

bool HasValue(const std::string& word, const std::vector<FlagName>& flags) {
  return std::any_of(flags.begin(), flags.end(),
                     [&](const FlagName& flag) { return flag.has_value && flag.name == word; });
}

void AddValuesOf(std::string_view flag, CompletionPlan* plan) {
  for (const ValuesOfFlag& row : kValues) {
    if (row.flag != flag) continue;
    for (const std::string_view value : row.values) {
      if (!value.empty()) plan->values.emplace_back(value);
    }
  }
}

std::string_view NameOfPod(std::string_view target) {
  const size_t slash = target.rfind('/');
  return slash == std::string_view::npos ? target : target.substr(slash + 1);
}

/// What stands where no flag and no value of one is expected.
void PlanOperand(const Words& operands, CompletionPlan* plan) {
  const std::string verb = operands.empty() ? "" : operands[0];
  if (operands.empty()) {
    plan->values.assign(kVerbs.begin(), kVerbs.end());
    plan->pods = true;
  } else if (verb == "auth") {
    if (operands.size() == 1) plan->values = {"can-i"};
    plan->pods = operands.size() == 2;
  } else if (verb == "sessions" && operands.size() == 1) {
    plan->values = {"end"};
  } else if (verb == "completion" && operands.size() == 1) {
    plan->values = {"bash", "zsh", "fish"};
  } else if (verb == "cp") {
    plan->files = true;
  } else if (verb == "explain") {
    plan->pods = operands.size() == 1;
  }
}

}  // namespace

CompletionPlan PlanCompletion(const Words& words, const std::vector<FlagName>& flags) {
  CompletionPlan plan;
  if (words.empty()) return plan;
  plan.current = words.back();
  Words operands;
  std::string flag;  // the one whose value comes next
  const size_t before = words.size() - 1;
  for (size_t i = 0; i < before; ++i) {
    if (words[i] == "--") {
      plan.files = true;
      plan.understood = i;
      return plan;
    }
    if (!flag.empty()) {
      flag.clear();
    } else if (HasValue(words[i], flags)) {
      flag = words[i];
    } else if (!words[i].starts_with('-')) {
      operands.push_back(words[i]);
    }
  }
  plan.understood = flag.empty() ? before : before - 1;
  const bool of_container = flag == "-c" || flag == "--container";
  if (of_container && !operands.empty()) {
    plan.containers_of = NameOfPod(operands.back());
  } else if (!flag.empty()) {
    AddValuesOf(flag, &plan);
    plan.files = plan.values.empty() && !of_container;
  } else if (plan.current.starts_with('-')) {
    for (const FlagName& one : flags) plan.values.push_back(one.name);
  } else {
    PlanOperand(operands, &plan);
  }
  return plan;
}

}  // namespace nsdebug::kubectl
