#include "agent/pods/pod_explain.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/io.h"
#include "base/process.h"
#include "base/security_label.h"
#include "base/text.h"
#include "cri/resolver.h"

namespace nsdebug {

namespace {

/// The second of the four numbers of a line "Uid:\treal\teffective\tsaved\tfile system".
std::optional<uint64_t> EffectiveId(std::string_view status, std::string_view name) {
  for (std::string_view line : Split(status, '\n')) {
    if (!line.starts_with(name)) continue;
    const std::vector<std::string_view> fields = Split(line, '\t');
    if (fields.size() >= 3) return ParseNumber(fields[2], UINT32_MAX);
  }
  return std::nullopt;
}

/// Reads who the process is. Less than all is no error: what cannot be told is left out.
void ReadProcess(const Target& target, Entry* entry) {
  if (!target.pidfd.valid()) return;
  entry->pid = target.pid;
  const auto read = [&](const std::string& name) {
    return ReadFile(fmt::format("/proc/{}/{}", target.pid, name));
  };
  const Result<std::string> status = read("status");
  const Result<SecurityLabel> label = ReadSecurityLabel(read, FindSecurityModules());
  // Alive after the reads means that the number named this process while we read.
  if (!status || HasExited(target.pidfd.get())) return;
  if (label) entry->security_label = NameOf(*label);
  const auto uid = EffectiveId(*status, "Uid:");
  const auto gid = EffectiveId(*status, "Gid:");
  if (uid && gid) entry->user = {static_cast<uid_t>(*uid), static_cast<gid_t>(*gid)};
}

class Explainer {
 public:
  Explainer(cri::Runtime* runtime, const std::string& init) : runtime_(runtime), init_(init) {}

  Entry Explain(const cri::PodQuery& query) {
    Entry entry;
    if (!silence_.empty()) {
      entry.refusal = silence_;
      return entry;
    }
    Result<Target> target = cri::Resolver(runtime_).ResolvePod(query);
    if (!target) {
      // Each further question to a runtime that hangs would cost its whole deadline.
      const Code code = target.error().code;
      if (code == Code::kDeadlineExceeded || code == Code::kUnavailable) {
        silence_ = target.error().message;
      }
      entry.refusal = target.error().message;
      return entry;
    }
    Result<HostNamespaces> namespaces = FindHostNamespaces(*target, init_);
    if (!namespaces) {
      entry.refusal = namespaces.error().message;
      return entry;
    }
    entry.namespaces = std::move(*namespaces);
    ReadProcess(*target, &entry);
    return entry;
  }

 private:
  cri::Runtime* runtime_;
  const std::string& init_;
  std::string silence_;  // what the runtime's first missing answer said
};

}  // namespace

Result<PodExplanation> ExplainPod(cri::Runtime* runtime, const std::string& pod_namespace,
                                  const std::string& name, const std::string& init) {
  Result<Pod> pod = FindPod(runtime, pod_namespace, name);
  if (!pod) return Propagate(pod.error());
  PodExplanation explanation;
  explanation.pod = std::move(*pod);
  Explainer explainer(runtime, init);
  explanation.sandbox = explainer.Explain({pod_namespace, name, "", true});
  for (const cri::Container& container : explanation.pod.containers) {
    if (container.name.empty()) {
      // Asked for by an empty name, another container would answer: the default one.
      explanation.containers.emplace_back().refusal = "the runtime tells no name of it";
    } else {
      explanation.containers.push_back(
          explainer.Explain({pod_namespace, name, container.name, false}));
    }
  }
  return explanation;
}

}  // namespace nsdebug
