// ns-debug-agent: the endpoint on every node that runs commands in the namespaces of its pods.

#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "agent/config/options.h"
#include "agent/standalone.h"
#include "base/log.h"

namespace {

using nsdebug::Agent;
using nsdebug::Config;
using nsdebug::LogLevel;
using nsdebug::Result;

/// Before the first thread, so that all of them inherit it: signals are for main() alone.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal_number);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // A peer that goes away is an error of one write, not the agent's end.
  ::signal(SIGPIPE, SIG_IGN);
  return signals;
}

// What many sessions have freed lies between what others still have, and only goes back to the
// system when that is asked for.
constexpr timespec kTrimInterval{10, 0};

int WaitForSignal(const sigset_t& signals) {
  for (;;) {
    const int received = ::sigtimedwait(&signals, nullptr, &kTrimInterval);
    if (received > 0) return received;
    if (errno == EAGAIN) ::malloc_trim(0);
  }
}

/// Returns when the agent is to stop.
void WaitForStop(const sigset_t& signals, Agent* agent) {
  for (;;) {
    const int received = WaitForSignal(signals);
    if (received != SIGHUP) {
      nsdebug::Log(LogLevel::kInfo, "stopping", {{"signal", received}});
      return;
    }
    agent->ReopenAudit();
  }
}

/// What a standalone agent is not given it makes for itself. The token is printed, this once, for
/// the person who starts it; a log would keep it.
Result<void> PrepareStandalone(Config* config) {
  const bool has_certificate =
      config->server.certificate_file != nsdebug::ServerConfig().certificate_file;
  if (has_certificate && !config->auth.static_tokens_file.empty()) return {};
  Result<nsdebug::StandaloneFiles> files = nsdebug::PrepareStandalone(*config);
  if (!files) return tl::unexpected(files.error());
  if (!has_certificate) {
    config->server.certificate_file = files->certificate_file;
    config->server.key_file = files->key_file;
    std::printf("certificate %s\nfingerprint %s\n", files->certificate_file.c_str(),
                files->fingerprint.c_str());
  }
  config->auth.static_tokens_file = files->tokens_file;
  if (!files->new_token.empty()) std::printf("token %s\n", files->new_token.c_str());
  std::fflush(stdout);
  return {};
}

int Fail(const nsdebug::Error& error) {
  nsdebug::Log(LogLevel::kError, "not started", {{"error", error.message}});
  return EXIT_FAILURE;
}

int Run(Config config) {
  const sigset_t signals = BlockSignals();
  nsdebug::SetUpLog(nsdebug::ParseLogLevel(config.log.level).value_or(LogLevel::kInfo),
                    nsdebug::ParseLogFormat(config.log.format).value_or(nsdebug::LogFormat::kText));
  if (config.standalone) {
    if (Result<void> prepared = PrepareStandalone(&config); !prepared)
      return Fail(prepared.error());
  }
  Result<std::unique_ptr<Agent>> agent = Agent::Make(config);
  if (!agent) return Fail(agent.error());
  (*agent)->Start();
  nsdebug::Log(LogLevel::kInfo, "started",
               {{"version", NS_DEBUG_VERSION},
                {"node", config.node_name},
                {"address", config.server.address},
                {"port", (*agent)->port()}});
  WaitForStop(signals, agent->get());
  const bool ended = (*agent)->Stop();
  nsdebug::Log(LogLevel::kInfo, "stopped", {{"in_time", ended}});
  // Sessions that are left end with this process, by the sockets that close. Their objects here,
  // and those of requests, still use the agent's parts, so those must not be taken apart.
  if (!ended) std::_Exit(EXIT_SUCCESS);
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  nsdebug::CommandLine line = nsdebug::ReadCommandLine(
      std::vector<std::string>(argv + 1, argv + argc), nsdebug::ProcessEnvironment());
  std::fputs(line.out.c_str(), stdout);
  std::fputs(line.err.c_str(), stderr);
  if (!line.run) return line.exit_code;
  return Run(std::move(line.config));
}
