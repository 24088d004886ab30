#include "agent/exec/exec_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace nsdebug {

namespace {

// The largest, (uid_t)-1, means "leave unchanged" to the kernel.
constexpr uint64_t kMaxId = UINT32_MAX - 1;

constexpr std::string_view kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

/// How many bytes the texts take in a JSON array, at most.
size_t JsonBytes(const std::vector<std::string>& texts) {
  size_t bytes = 0;
  for (const std::string& text : texts) {
    bytes += sizeof("\"\",") - 1;
    for (const char character : text) {
      const auto byte = static_cast<unsigned char>(character);
      bytes += byte < 0x20 ? kMaxEscape : byte == '"' || byte == '\\' ? 2 : 1;
    }
  }
  return bytes;
}

Result<void> CheckTexts(std::string_view field, const std::vector<std::string>& texts,
                        size_t max_count, size_t max_bytes) {
  if (texts.size() > max_count) {
    return Unexpected(field, fmt::format("at most {}", max_count), std::to_string(texts.size()));
  }
  const size_t bytes = JsonBytes(texts);
  if (bytes > max_bytes) {
    return Unexpected(field, fmt::format("at most {} bytes of JSON", max_bytes),
                      std::to_string(bytes));
  }
  for (const std::string& text : texts) {
    if (Result<void> checked = CheckText(field, text); !checked) return checked;
  }
  return {};
}

/// Names as Kubernetes takes them for a container's env.
bool IsVariable(std::string_view entry) {
  const size_t end = entry.find('=');
  if (end == 0 || end == std::string_view::npos) return false;
  const std::string_view name = entry.substr(0, end);
  return name.find_first_not_of(kNameCharacters) == std::string_view::npos &&
         !(name.front() >= '0' && name.front() <= '9');
}

Result<void> CheckNumber(std::string_view field, const std::optional<uint64_t>& number,
                         uint64_t least, uint64_t most) {
  if (!number || (*number >= least && *number <= most)) return {};
  return Unexpected(field, fmt::format("a whole number from {} to {}", least, most),
                    std::to_string(*number));
}

/// Fills a request, one kind of fields after the other.
class Maker {
 public:
  Maker(ExecFields fields, const ExecDefaults& defaults)
      : fields_(std::move(fields)), defaults_(defaults) {}

  Result<ExecRequest> Make() {
    TakeDefaults();
    for (const auto step :
         {&Maker::TakeView, &Maker::TakeNamespaces, &Maker::TakeContainer, &Maker::TakeCommand,
          &Maker::TakeIdentity, &Maker::TakeSize, &Maker::TakeBounds}) {
      if (Result<void> taken = (this->*step)(); !taken) return Propagate(taken.error());
    }
    if (Result<void> checked = CheckSpec(spec()); !checked) return Propagate(checked.error());
    return std::move(request_);
  }

 private:
  SessionSpec& spec() { return request_.spec; }

  void TakeDefaults() {
    spec().view = defaults_.view;
    spec().tools = defaults_.toolbox;
    spec().cgroup_parent = defaults_.cgroup_parent;
    spec().limits = defaults_.limits;
    spec().tty = fields_.tty;
    request_.want_stdin = fields_.want_stdin;
    request_.want_stdout = fields_.want_stdout;
    request_.want_stderr = fields_.want_stderr && !fields_.tty;
    if (fields_.stdin_data) request_.stdin_data = std::move(*fields_.stdin_data);
  }

  Result<void> TakeView() {
    if (fields_.view) {
      Result<View> view = ParseView(*fields_.view);
      if (!view) return Propagate(view.error(), "view");
      spec().view = *view;
    }
    std::string_view name = fields_.profile ? *fields_.profile : defaults_.profile;
    if (spec().view == View::kContainer) {
      if (fields_.profile) {
        return Unexpected("profile",
                          "none with the view container, which has its container's rights",
                          *fields_.profile);
      }
      // As ns-enter does it, which then looks at the container's own rights instead. A default that
      // forbids user 0 must not forbid a container that runs as it.
      name = kDefaultProfile;
    }
    Result<const Profile*> profile = FindProfile(name);
    if (!profile) return Propagate(profile.error(), "profile");
    spec().profile = *profile;
    spec().capabilities = spec().profile->capabilities & AllCapabilities();
    return {};
  }

  Result<void> TakeNamespaces() {
    if (fields_.namespaces.empty()) spec().namespaces = kSessionNamespaces;
    for (const std::string& list : fields_.namespaces) {
      Result<int> flags = ParseNamespaceList(list);
      if (!flags) return Propagate(flags.error(), "namespaces");
      spec().namespaces |= *flags;
    }
    return {};
  }

  Result<void> TakeContainer() {
    request_.sandbox = fields_.sandbox;
    if (fields_.container) request_.container = *fields_.container;
    const std::string& name = request_.container;
    if (defaults_.is_node && (fields_.sandbox || !name.empty())) {
      return Unexpected(fields_.sandbox ? "sandbox" : "container", "none for a node", name);
    }
    if (fields_.sandbox && !name.empty()) {
      return Unexpected("container", "none with sandbox, which is the pod's own namespaces", name);
    }
    if (name.size() > kMaxContainerNameBytes ||
        name.find_first_not_of(kNameCharacters) != std::string::npos) {
      return Unexpected("container", "the name of a container of the pod", name);
    }
    return {};
  }

  Result<void> TakeCommand() {
    if (Result<void> checked =
            CheckTexts("command", fields_.command, kMaxCommandArguments, kMaxCommandBytes);
        !checked) {
      return checked;
    }
    if (!fields_.command.empty() && fields_.command.front().empty()) {
      return Unexpected("command", "the name of a program first");
    }
    if (Result<void> checked =
            CheckTexts("env", fields_.environment, kMaxEnvironmentEntries, kMaxEnvironmentBytes);
        !checked) {
      return checked;
    }
    for (const std::string& entry : fields_.environment) {
      if (!IsVariable(entry)) {
        return Unexpected("env", "NAME=VALUE, the name of letters, digits, _, . and -");
      }
    }
    spec().command = std::move(fields_.command);
    spec().environment = std::move(fields_.environment);
    return {};
  }

  Result<void> TakeIdentity() {
    for (const auto& [field, id] : {std::pair("uid", fields_.uid), std::pair("gid", fields_.gid)}) {
      if (Result<void> checked = CheckNumber(field, id, 0, kMaxId); !checked) return checked;
    }
    if (fields_.uid) spec().uid = static_cast<uid_t>(*fields_.uid);
    if (fields_.gid) spec().gid = static_cast<gid_t>(*fields_.gid);
    if (!fields_.working_directory) return {};
    const std::string& path = *fields_.working_directory;
    if (Result<void> checked = CheckText("workingDir", path); !checked) return checked;
    if (!path.starts_with('/') || path.size() > kMaxPathBytes) {
      return Unexpected("workingDir",
                        fmt::format("an absolute path of at most {} bytes", kMaxPathBytes), path);
    }
    spec().working_directory = path;
    return {};
  }

  /// What the client tells over the stream comes when the command may have asked already.
  Result<void> TakeSize() {
    constexpr uint64_t kMost = std::numeric_limits<unsigned short>::max();
    for (const auto& [field, size] :
         {std::pair("rows", fields_.rows), std::pair("columns", fields_.columns)}) {
      if (Result<void> checked = CheckNumber(field, size, 1, kMost); !checked) return checked;
    }
    spec().rows = static_cast<unsigned short>(fields_.rows.value_or(0));
    spec().columns = static_cast<unsigned short>(fields_.columns.value_or(0));
    return {};
  }

  Result<void> TakeBounds() {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(defaults_.max_duration);
    const auto longest = static_cast<uint64_t>(std::max<int64_t>(seconds.count(), 1));
    if (Result<void> checked = CheckNumber("timeoutSeconds", fields_.timeout_seconds, 1, longest);
        !checked) {
      return checked;
    }
    spec().deadline = fields_.timeout_seconds ? std::chrono::seconds(*fields_.timeout_seconds)
                                              : defaults_.max_duration;
    if (Result<void> checked =
            CheckNumber("maxOutputBytes", fields_.max_output_bytes, 0, defaults_.max_output_bytes);
        !checked) {
      return checked;
    }
    request_.max_output_bytes = fields_.max_output_bytes.value_or(defaults_.max_output_bytes);
    return {};
  }

  ExecFields fields_;
  const ExecDefaults& defaults_;
  ExecRequest request_;
};

}  // namespace

Failure Unexpected(std::string_view field, std::string_view expected, std::string_view got) {
  constexpr size_t kShown = 64;
  std::string message = fmt::format("{}: expected {}", field, expected);
  if (!got.empty()) message += fmt::format(", got '{}'", Printable(got, kShown));
  return Fail(Code::kInvalidArgument, std::move(message));
}

Result<void> CheckText(std::string_view field, std::string_view text) {
  if (IsUtf8(text) && text.find('\0') == std::string_view::npos) return {};
  return Unexpected(field, "UTF-8 text without NUL bytes");
}

Result<ExecRequest> MakeExecRequest(ExecFields fields, const ExecDefaults& defaults) {
  return Maker(std::move(fields), defaults).Make();
}

}  // namespace nsdebug
