#include "agent/config/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>

#include "agent/config/check.h"
#include "agent/config/field.h"
#include "base/text.h"

namespace nsdebug {

namespace {

constexpr std::string_view kProgram = "ns-debug-agent";

struct Flags {
  std::string config_file;
  bool check_config = false;
  bool standalone = false;
  bool version = false;
  std::string listen;
  std::string health_listen;
  std::string node_name;
  std::string log_level;
};

// Few, and only what differs from pod to pod or must be known before the file.
constexpr std::string_view kEnvironmentHelp =
    "\nEnvironment, below the options and above the file:\n"
    "  NODE_NAME                   as --node-name\n"
    "  NS_DEBUG_CONFIG             as --config\n"
    "  NS_DEBUG_LISTEN             as --listen\n"
    "  NS_DEBUG_HEALTH_LISTEN      as --health-listen\n"
    "  NS_DEBUG_LOG_LEVEL          as --log-level\n";

void Describe(CLI::App& app, Flags& flags) {
  app.name(std::string(kProgram));
  app.footer(std::string(kEnvironmentHelp));
  app.add_option("--config", flags.config_file, "Configuration file; without it, the defaults")
      ->type_name("FILE");
  app.add_flag("--check-config", flags.check_config,
               "Say 'ok', or every problem and exit with 2; start nothing");
  app.add_flag("--standalone", flags.standalone,
               "Without Kubernetes: own certificate, static tokens");
  app.add_option("--listen", flags.listen, "Where the API listens")->type_name("ADDRESS:PORT");
  app.add_option("--health-listen", flags.health_listen, "Where probes and metrics are served")
      ->type_name("ADDRESS:PORT");
  app.add_option("--node-name", flags.node_name, "This node's name in Kubernetes")
      ->type_name("NAME");
  app.add_option("--log-level", flags.log_level, "debug, info, warning or error")
      ->type_name("LEVEL");
  app.add_flag("--version", flags.version, "Print the version");
}

/// Puts what the environment and the flags say over what the file says.
class Overrides {
 public:
  explicit Overrides(Settings& settings)
      : settings_(settings), fields_(FieldsOf(settings.config)) {}

  void Take(std::string_view key, const std::string& value, const std::string& origin) {
    const Field* field = FindField(fields_, key);
    Result<void> taken = TakeValue(*field, {value});
    if (taken) {
      settings_.origins[std::string(key)] = origin;
    } else {
      problems_.push_back(fmt::format("{}: {}", origin, taken.error().message));
    }
  }

  /// "127.0.0.1:8443", "[::1]:8443" into SECTION.address and SECTION.port.
  void TakeListen(const std::string& section, const std::string& value, const std::string& origin) {
    const size_t colon = value.rfind(':');
    std::string address = value.substr(0, colon);
    // Without brackets, "::1" could be an address, or an address and a port.
    const bool has_brackets = address.starts_with('[') && address.ends_with(']');
    const bool has_colon = address.find(':') != std::string::npos;
    if (colon == std::string::npos || has_brackets != has_colon) {
      problems_.push_back(
          fmt::format("{}: '{}' is not ADDRESS:PORT such as 127.0.0.1:8443 or "
                      "[::1]:8443",
                      origin, Printable(value)));
      return;
    }
    if (has_brackets) address = address.substr(1, address.size() - 2);
    Take(section + ".address", address, origin);
    Take(section + ".port", value.substr(colon + 1), origin);
  }

  Problems TakeProblems() { return std::move(problems_); }

 private:
  Settings& settings_;
  std::vector<Field> fields_;
  Problems problems_;
};

void Append(Problems& all, const Problems& some) {
  all.insert(all.end(), some.begin(), some.end());
}

// The flag when it was given, else the variable when it is set to something; a manifest that sets
// one to "" means that it is not set.
struct Given {
  std::string value;
  std::string origin;
};

std::optional<Given> Choose(const CLI::App& app, const std::string& flag, const std::string& value,
                            const std::string& variable, const Environment& environment) {
  if (app.count(flag) > 0) return Given{value, flag};
  const auto text = environment(variable);
  if (text && !text->empty()) return Given{*text, variable};
  return std::nullopt;
}

Problems ReadSettings(const CLI::App& app, const Flags& flags, const Environment& environment,
                      Settings& settings) {
  Problems problems;
  if (const auto file =
          Choose(app, "--config", flags.config_file, "NS_DEBUG_CONFIG", environment)) {
    Append(problems, ReadConfigFile(file->value, settings));
  }
  Overrides overrides(settings);
  if (auto given = Choose(app, "--listen", flags.listen, "NS_DEBUG_LISTEN", environment)) {
    overrides.TakeListen("server", given->value, given->origin);
  }
  if (auto given = Choose(app, "--health-listen", flags.health_listen, "NS_DEBUG_HEALTH_LISTEN",
                          environment)) {
    overrides.TakeListen("health", given->value, given->origin);
  }
  if (auto given = Choose(app, "--node-name", flags.node_name, "NODE_NAME", environment)) {
    overrides.Take("nodeName", given->value, given->origin);
  }
  if (auto given = Choose(app, "--log-level", flags.log_level, "NS_DEBUG_LOG_LEVEL", environment)) {
    overrides.Take("log.level", given->value, given->origin);
  }
  if (flags.standalone) overrides.Take("standalone", "true", "--standalone");
  Append(problems, overrides.TakeProblems());
  return problems;
}

// As the kubelet does it: the host's name in lower case, which Kubernetes' names must be.
std::string HostName() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  std::string text = name.data();
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

CommandLine UsageError(std::string_view text) {
  CommandLine line;
  line.exit_code = kExitUsage;
  line.err = fmt::format("{}: {}\nTry '{} --help'.\n", kProgram, Printable(text), kProgram);
  return line;
}

CommandLine Finish(const Flags& flags, Settings settings, Problems problems) {
  if (settings.config.node_name.empty()) settings.config.node_name = HostName();
  Append(problems, CheckConfig(settings));
  CommandLine line;
  for (const std::string& problem : problems) {
    line.err += fmt::format("{}: {}\n", kProgram, problem);
  }
  if (!problems.empty()) {
    line.exit_code = kExitUsage;
  } else if (flags.check_config) {
    line.out = "ok\n";
  } else {
    line.run = true;
    line.config = std::move(settings.config);
  }
  return line;
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

CommandLine ReadCommandLine(const std::vector<std::string>& arguments,
                            const Environment& environment) {
  try {
    Flags flags;
    CLI::App app("The node agent of ns-debug: sessions in the pods of one node, over HTTPS.");
    Describe(app, flags);
    // CLI11 takes a vector's last element for the first argument.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app.parse(std::move(reversed));
    } catch (const CLI::CallForHelp&) {
      CommandLine help;
      help.out = app.help();
      return help;
    } catch (const CLI::ParseError& e) {
      return UsageError(e.what());
    }
    if (flags.version) {
      CommandLine version;
      version.out = fmt::format("{} {}\n", kProgram, NS_DEBUG_VERSION);
      return version;
    }
    Settings settings;
    Problems problems = ReadSettings(app, flags, environment, settings);
    return Finish(flags, std::move(settings), std::move(problems));
  } catch (const std::exception& e) {
    return UsageError(e.what());
  }
}

}  // namespace nsdebug
