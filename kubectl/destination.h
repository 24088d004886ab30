#pragma once

#include <memory>

#include "kubectl/client.h"
#include "kubectl/exec/exec_path.h"
#include "kubectl/options.h"
#include "kubectl/stage.h"
#include "kubectl/target.h"
#include "kubectl/transport/asio.h"
#include "kubectl/transport/http_client.h"

namespace nsdebug::kubectl {

/// What to exec, and the agent that can.
struct Destination {
  std::unique_ptr<HttpClient> agent;
  ExecParameters parameters;
};

/// What the flags say of a session; without where it is to be.
ExecParameters ParametersOf(const PluginOptions& options);

/// The target of the command line. With --agent only what an agent knows: pods and its own node.
Result<TargetName> TargetOf(const PluginOptions& options, const std::string& target);

/// A connection to the agent that can enter the target; completes the parameters. Without a
/// namespace in them it is that of the client.
asio::awaitable<Stage<Destination>> FindDestination(PluginOptions options, const Client* client,
                                                    TargetName target, ExecParameters parameters);

/// To the agent of --agent.
asio::awaitable<Stage<std::unique_ptr<HttpClient>>> ConnectDirectly(PluginOptions options,
                                                                    const Client* client);

}  // namespace nsdebug::kubectl
