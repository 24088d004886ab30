#include "nsenter/options.h"

#include <fmt/format.h>

#include <climits>
#include <deque>

#include "base/text.h"
#include "nsenter/option_table.h"
#include "nsenter/session/session_options.h"

namespace nsdebug {

namespace {

/// "-nFILE" and "-n=FILE" mean the same to nsenter.
std::string OptionalArgument() {
  if (optarg == nullptr) return {};
  return *optarg == '=' ? optarg + 1 : optarg;
}

Failure Usage(std::string message) {
  return Fail(Code::kInvalidArgument, std::move(message) + " (see ns-enter --help)");
}

Result<Options::Id> ParseId(std::string_view text, std::string_view option) {
  if (text == "follow") return Options::Id{true, 0};
  // The largest value, (uid_t)-1, means "leave unchanged" to the kernel.
  auto number = ParseNumber(text, UINT32_MAX - 1);
  if (!number) {
    return Usage(
        fmt::format("--{}: '{}' is neither a number nor 'follow'", option, Printable(text)));
  }
  return Options::Id{false, static_cast<uint32_t>(*number)};
}

/// Walks the command line once and fills an Options.
class Parser {
 public:
  Result<Options> Parse(int argc, char* const argv[]) {
    optind = 0;  // glibc: start over, also after an earlier parse
    opterr = 0;
    std::deque<std::string> names;
    const std::vector<option> long_options = LongOptions(&names);
    for (;;) {
      const char* shorts = ShortOptions(options_.target_kind == Options::TargetKind::kPod);
      const int key = ::getopt_long(argc, argv, shorts, long_options.data(), nullptr);
      if (key == -1) break;
      if (Result<void> taken = Take(key, argv); !taken) return Propagate(taken.error());
      if (options_.action != Options::Action::kRun) break;  // --help, --version
    }
    options_.command.assign(argv + optind, argv + argc);
    if (Result<void> checked = Check(); !checked) return Propagate(checked.error());
    return std::move(options_);
  }

 private:
  Result<void> Take(int key, char* const argv[]) {
    for (size_t i = 0; i < kNamespaceTypes.size(); ++i) {
      if (key == kNamespaceTypes[i].letter) {
        options_.namespaces[i] = {true, OptionalArgument()};
        return {};
      }
    }
    if (key == '?' || key == ':') return Refuse(key, argv);
    if (TakeTarget(key)) return target_error_;
    Result<bool> taken = session_.Take(key, optarg);
    if (!taken) return Usage(taken.error().message);
    return *taken ? Result<void>() : TakeOther(key);
  }

  /// Whether the key is one of the options that name a target.
  bool TakeTarget(int key) {
    switch (key) {
      case 't':
        return SetTarget(Options::TargetKind::kPid, optarg);
      case kNode:
        node_ = true;
        return SetTarget(Options::TargetKind::kPid, "1");
      case kPod:
        return SetTarget(Options::TargetKind::kPod, optarg);
      case kDocker:
        return SetTarget(Options::TargetKind::kDocker, optarg);
      case kContainer:
        // Beside --pod it is the container's name, in whichever order they stand: see Check().
        container_ = optarg;
        return true;
      default:
        return false;
    }
  }

  bool SetTarget(Options::TargetKind kind, std::string target) {
    if (options_.target_kind != Options::TargetKind::kNone) {
      target_error_ = Usage(
          "more than one target: give one of --target, --container, --pod, "
          "--docker, --node, once");
    }
    options_.target_kind = kind;
    options_.target = std::move(target);
    return true;
  }

  Result<void> TakeOther(int key) {
    switch (key) {
      case 'a':
        options_.all = true;
        return {};
      case 'N':
        return TakeNetSocket();
      case kUserParent:
        options_.user_parent = true;
        return {};
      case 'S':
        return TakeId(&options_.setuid, "setuid");
      case 'G':
        return TakeId(&options_.setgid, "setgid");
      case kPreserveCredentials:
        options_.preserve_credentials = true;
        return {};
      case kKeepCaps:
        options_.keep_caps = true;
        return {};
      case 'r':
        options_.root = OptionalArgument();
        return {};
      case 'w':
        options_.working_directory = OptionalArgument();
        return {};
      case 'W':
        return TakeWorkingDirectoryInside();
      case 'e':
        options_.environment = true;
        return {};
      case 'F':
        options_.no_fork = true;
        return {};
      case 'Z':
        options_.follow_context = true;
        return {};
      case 'c':
        return TakeC();
      case kJoinCgroup:
        options_.join_cgroup = true;
        return {};
      case kSandbox:
        options_.sandbox = true;
        return {};
      case kRuntimeEndpoint:
        options_.runtime_endpoint = optarg;
        return {};
      case kDockerHost:
        options_.docker_host = optarg;
        return {};
      case kNew:
        return TakeNew();
      case kExplain:
        explain_ = true;
        return {};
      case 'o':
        return TakeOutput();
      case 'q':
        options_.quiet = true;
        return {};
      case 'h':
        options_.action = Options::Action::kHelp;
        return {};
      default:
        options_.action = Options::Action::kVersion;
        return {};
    }
  }

  Result<void> TakeC() {
    if (optarg != nullptr) {
      options_.container = optarg;
    } else {
      options_.join_cgroup = true;
      short_c_ = true;
    }
    return {};
  }

  Result<void> TakeNetSocket() {
    auto fd = ParseNumber(optarg, INT_MAX);
    if (!fd) return Usage(fmt::format("--net-socket: '{}' is not a descriptor", Printable(optarg)));
    options_.net_socket = static_cast<int>(*fd);
    return {};
  }

  Result<void> TakeId(std::optional<Options::Id>* id, std::string_view option) {
    Result<Options::Id> parsed = ParseId(optarg, option);
    if (!parsed) return Propagate(parsed.error());
    *id = *parsed;
    return {};
  }

  Result<void> TakeWorkingDirectoryInside() {
    // nsenter takes the argument as optional too, and silently does nothing without one.
    options_.working_directory_inside = OptionalArgument();
    if (options_.working_directory_inside->empty()) {
      return Usage("--wdns needs a directory: write --wdns=DIR or -WDIR");
    }
    return {};
  }

  Result<void> TakeNew() {
    Result<int> flags = ParseNamespaceList(optarg);
    if (!flags) return Propagate(flags.error(), "--new");
    options_.new_namespaces |= *flags;
    return {};
  }

  Result<void> TakeOutput() {
    const std::string_view format = optarg;
    if (format != "json" && format != "text") {
      return Usage(fmt::format("--output: '{}' is neither text nor json", Printable(format)));
    }
    options_.json = format == "json";
    output_ = true;
    return {};
  }

  static Result<void> Refuse(int key, char* const argv[]) {
    // For a long option optopt is its value (missing argument) or 0 (unknown or ambiguous).
    std::string name = optopt > 0 && optopt <= CHAR_MAX ? fmt::format("-{}", char(optopt))
                                                        : std::string(argv[optind - 1]);
    if (key == ':') return Usage(fmt::format("option '{}' needs an argument", Printable(name)));
    return Usage(fmt::format("unknown or ambiguous option '{}'", Printable(name)));
  }

  Result<void> Check() {
    if (options_.action != Options::Action::kRun) return {};
    if (session_.plan_fd() >= 0) {
      options_.plan_fd = session_.plan_fd();
      return {};
    }
    if (explain_) options_.action = Options::Action::kExplain;
    if (Result<void> target = CheckTarget(); !target) return target;
    if (options_.working_directory && options_.working_directory_inside) {
      return Usage("--wd and --wdns exclude each other");
    }
    if (output_ && !explain_) return Usage("--output goes with --explain");
    const bool resolved = options_.target_kind != Options::TargetKind::kNone &&
                          options_.target_kind != Options::TargetKind::kPid;
    if (session_.given() || (resolved && !AnyNamespace() && PlainOption().empty())) {
      return MakeSession();
    }
    if (node_ && !AnyNamespace()) options_.all = true;
    return {};
  }

  /// An option that only a plain join has; empty when none was given.
  std::string_view PlainOption() const {
    if (options_.net_socket) return "--net-socket";
    if (options_.user_parent) return "--user-parent";
    if (options_.new_namespaces != 0) return "--new";
    if (options_.preserve_credentials) return "--preserve-credentials";
    if (options_.keep_caps) return "--keep-caps";
    if (options_.root) return "--root";
    if (options_.working_directory) return "--wd";
    if (options_.environment) return "--env";
    if (options_.no_fork) return "--no-fork";
    if (options_.follow_context) return "--follow-context";
    return {};
  }

  Result<void> MakeSession() {
    if (options_.target_kind == Options::TargetKind::kNone) {
      return Usage("a session needs a target: --target, --pod, --container, --docker or --node");
    }
    if (const std::string_view plain = PlainOption(); !plain.empty()) {
      return Usage(
          fmt::format("{} goes with a plain join: leave --view, --profile and the other "
                      "options of sessions out",
                      plain));
    }
    Result<SessionSpec> spec = session_.Make();
    if (!spec) return Usage(spec.error().message);
    spec->namespaces = options_.all || !AnyNamespace() ? kSessionNamespaces : 0;
    for (size_t i = 0; i < kNamespaceTypes.size(); ++i) {
      if (!options_.namespaces[i].source.empty()) {
        return Usage(fmt::format("--{}=FILE goes with a plain join, not with a session",
                                 kNamespaceTypes[i].option));
      }
      if (options_.namespaces[i].wanted) spec->namespaces |= kNamespaceTypes[i].flag;
    }
    for (const auto& id : {options_.setuid, options_.setgid}) {
      if (id && id->follow) return Usage("a session takes --setuid and --setgid as numbers");
    }
    if (options_.setuid) spec->uid = options_.setuid->value;
    if (options_.setgid) spec->gid = options_.setgid->value;
    spec->working_directory = options_.working_directory_inside;
    spec->join_target_cgroup = options_.join_cgroup;
    spec->command = options_.command;
    if (Result<void> checked = CheckSpec(*spec); !checked) return Usage(checked.error().message);
    options_.session = std::move(*spec);
    options_.starter_fd = session_.starter_fd();
    return {};
  }

  Result<void> CheckTarget() {
    using Kind = Options::TargetKind;
    if (!container_.empty()) {
      if (options_.target_kind == Kind::kPod) {
        options_.container = container_;
      } else if (options_.target_kind == Kind::kNone) {
        options_.target_kind = Kind::kContainer;
        options_.target = container_;
      } else {
        return Usage("--container names a target of its own, or a container of --pod");
      }
    }
    if (options_.target_kind == Kind::kPod) {
      if (short_c_) {
        return Usage(
            "-c before --pod means --join-cgroup: put --pod first, or write --join-cgroup");
      }
      const size_t slash = options_.target.find('/');
      if (slash == std::string::npos || slash == 0 || slash + 1 == options_.target.size() ||
          options_.target.find('/', slash + 1) != std::string::npos) {
        return Usage(fmt::format("--pod: '{}' is not NAMESPACE/NAME", Printable(options_.target)));
      }
      if (options_.sandbox && !options_.container.empty()) {
        return Usage("--sandbox enters the pod's own namespaces: it goes with no container name");
      }
    } else if (options_.sandbox) {
      return Usage("--sandbox goes with --pod");
    }
    return {};
  }

  bool AnyNamespace() const {
    for (const Options::NamespaceSource& source : options_.namespaces) {
      if (source.wanted) return true;
    }
    return options_.all || options_.net_socket || options_.user_parent;
  }

  Options options_;
  SessionOptions session_;
  std::string container_;
  bool explain_ = false;
  bool output_ = false;
  bool node_ = false;
  bool short_c_ = false;
  Result<void> target_error_;
};

}  // namespace

Result<Options> ParseOptions(int argc, char* const argv[]) { return Parser().Parse(argc, argv); }

}  // namespace nsdebug
