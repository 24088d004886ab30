#include "kubectl/verbs/run_verb.h"

#include <cstdio>

#include "kubectl/exit_code.h"
#include "kubectl/verbs/agent_answer.h"
#include "kubectl/verbs/can_i.h"
#include "kubectl/verbs/completion.h"
#include "kubectl/verbs/explain.h"
#include "kubectl/verbs/ls.h"
#include "kubectl/verbs/sessions.h"
#include "kubectl/verbs/version.h"

namespace nsdebug::kubectl {

asio::awaitable<int> RunVerb(const VerbOptions* options, const std::string* target,
                             const Connector* connector) {
  const Result<OutputFormat> parsed = ParseOutputFormat(options->output);
  const OutputFormat format = parsed.value_or(OutputFormat::kText);
  switch (options->verb) {
    case Verb::kExplain:
      co_return co_await RunExplain(connector, *target, format);
    case Verb::kList:
      co_return co_await RunLs(connector, options->all_namespaces, format);
    case Verb::kSessions:
      co_return co_await RunSessions(connector, format);
    case Verb::kEndSession:
      co_return co_await RunEndSession(connector, options->session_id);
    case Verb::kVersion:
      co_return co_await RunVersion(options->client_only ? nullptr : connector, format);
    case Verb::kCanI:
      co_return co_await RunCanI(connector, *target, format);
    case Verb::kCompletion: {
      const Result<std::string_view> script = CompletionScript(options->shell);
      if (!script) std::fprintf(stderr, "error: %s\n", script.error().message.c_str());
      co_return script ? Print(*script) : kExitUsage;
    }
    case Verb::kComplete:
      co_return co_await RunComplete(connector, options->completion);
    case Verb::kCopy:
    case Verb::kExec:
      break;
  }
  co_return kExitUsage;
}

}  // namespace nsdebug::kubectl
