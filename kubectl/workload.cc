#include "kubectl/workload.h"

#include <fmt/format.h>

#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::json;

const json& At(const json& object, const char* path) {
  static const json kNothing;
  const json::json_pointer pointer(path);
  return object.is_structured() && object.contains(pointer) ? object[pointer] : kNothing;
}

std::string TextAt(const json& object, const char* path) {
  const json& value = At(object, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

void AddEqualities(const json& labels, std::vector<std::string>& terms) {
  if (!labels.is_object()) return;
  for (const auto& [key, value] : labels.items()) {
    if (value.is_string()) terms.push_back(key + '=' + value.get<std::string>());
  }
}

/// "key in (a,b)", "key notin (a)", "key", "!key"; empty: an operator that nobody knows.
std::string TermOf(const json& expression) {
  const std::string key = TextAt(expression, "/key");
  const std::string word = TextAt(expression, "/operator");
  if (word == "Exists") return key;
  if (word == "DoesNotExist") return '!' + key;
  std::vector<std::string> values;
  for (const json& value : At(expression, "/values")) {
    if (value.is_string()) values.push_back(value.get<std::string>());
  }
  if (word == "In") return fmt::format("{} in ({})", key, fmt::join(values, ","));
  if (word == "NotIn") return fmt::format("{} notin ({})", key, fmt::join(values, ","));
  return {};
}

/// The selector as a query has it; empty: there is none, or not all of it is understood, and
/// without a part of it it would select too much.
std::string SelectorOf(const json& object, TargetKind kind) {
  std::vector<std::string> terms;
  if (kind == TargetKind::kService) {
    AddEqualities(At(object, "/spec/selector"), terms);
  } else {
    AddEqualities(At(object, "/spec/selector/matchLabels"), terms);
    for (const json& expression : At(object, "/spec/selector/matchExpressions")) {
      const std::string term = TermOf(expression);
      if (term.empty()) return {};
      terms.push_back(term);
    }
  }
  return fmt::format("{}", fmt::join(terms, ","));
}

bool IsOf(const json& job, std::string_view cron_job) {
  for (const json& owner : At(job, "/metadata/ownerReferences")) {
    if (TextAt(owner, "/kind") == "CronJob" && TextAt(owner, "/name") == cron_job) return true;
  }
  return false;
}

}  // namespace

Result<void> CheckSelectsPods(const TargetName& target) {
  // The pods of a cronjob are those of its jobs, each with pods of its own.
  const bool selects = target.kind != TargetKind::kPod && target.kind != TargetKind::kNode &&
                       target.kind != TargetKind::kCronJob;
  if (selects) return {};
  return Fail(
      Code::kInvalidArgument,
      fmt::format("--all-pods: a {} does not stand for several pods", KindName(target.kind)));
}

std::string PodsPath(std::string_view name_space, const std::string& selector) {
  std::string path = "/api/v1";
  if (!name_space.empty()) path += fmt::format("/namespaces/{}", name_space);
  path += "/pods";
  if (selector.empty()) return path;
  return path + "?labelSelector=" + boost::urls::encode(selector, boost::urls::unreserved_chars);
}

Result<std::string> SelectedPodsPath(const std::string& object, const TargetName& target,
                                     std::string_view name_space) {
  const std::string selector = SelectorOf(json::parse(object, nullptr, false), target.kind);
  if (selector.empty()) {
    return Fail(Code::kFailedPrecondition,
                fmt::format("{} {} has no selector: name one of the pods instead",
                            KindName(target.kind), target.name));
  }
  return PodsPath(name_space, selector);
}

std::string JobsPath(std::string_view name_space) {
  return fmt::format("/apis/batch/v1/namespaces/{}/jobs", name_space);
}

Result<std::string> NewestJobOf(const std::string& job_list, std::string_view cron_job) {
  const json list = json::parse(job_list, nullptr, false);
  const json* newest = nullptr;
  std::string newest_created;
  for (const json& job : At(list, "/items")) {
    if (!IsOf(job, cron_job)) continue;
    // All of them are "2026-11-24T16:12:40Z": in the order of the alphabet.
    const std::string created = TextAt(job, "/metadata/creationTimestamp");
    if (newest != nullptr && created <= newest_created) continue;
    newest = &job;
    newest_created = created;
  }
  if (newest == nullptr) {
    return Fail(Code::kNotFound,
                fmt::format("cronjob {} has no job at the moment: start one with `kubectl create "
                            "job --from=cronjob/{} NAME`",
                            Printable(cron_job), Printable(cron_job)));
  }
  return newest->dump();
}

}  // namespace nsdebug::kubectl
