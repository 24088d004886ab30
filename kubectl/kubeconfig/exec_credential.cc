#include "kubectl/kubeconfig/exec_credential.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "base/timestamp.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::json;

constexpr std::string_view kV1 = "client.authentication.k8s.io/v1";
constexpr std::string_view kV1beta1 = "client.authentication.k8s.io/v1beta1";
constexpr std::string_view kKind = "ExecCredential";

Failure Malformed(std::string_view what) {
  return Fail(Code::kInvalidArgument, fmt::format("its answer: {}", what));
}

/// False: the member is there and is no string. Missing and null are an empty one.
bool TakeString(const json& object, const char* name, std::string* place) {
  const auto member = object.find(name);
  if (member == object.end() || member->is_null()) return true;
  if (!member->is_string()) return false;
  *place = member->get<std::string>();
  return true;
}

Result<Credential> ParseStatus(const json& status) {
  Credential credential;
  std::string expires;
  const std::array<std::pair<const char*, std::string*>, 4> fields = {{
      {"token", &credential.token},
      {"clientCertificateData", &credential.certificate_pem},
      {"clientKeyData", &credential.key_pem},
      {"expirationTimestamp", &expires},
  }};
  for (const auto& [name, place] : fields) {
    if (!TakeString(status, name, place)) {
      return Malformed(fmt::format("status.{}: expected a string", name));
    }
  }
  if (credential.certificate_pem.empty() != credential.key_pem.empty()) {
    return Malformed("status has only one of clientCertificateData and clientKeyData");
  }
  if (credential.token.empty() && credential.key_pem.empty()) {
    return Malformed("status has neither a token nor a client certificate");
  }
  if (!expires.empty()) {
    credential.expires = ParseTimestamp(expires);
    if (!credential.expires) return Malformed("status.expirationTimestamp: not a time (RFC 3339)");
  }
  return credential;
}

Result<Credential> ParseObject(const json& object, std::string_view api_version) {
  if (!object.is_object()) return Malformed("not a JSON object");
  std::string version;
  std::string kind;
  if (!TakeString(object, "apiVersion", &version) || !TakeString(object, "kind", &kind)) {
    return Malformed("apiVersion and kind: expected strings");
  }
  if (kind != kKind) return Malformed(fmt::format("kind: expected {}", kKind));
  // What the fields mean is the version's business.
  if (version != api_version) {
    return Malformed(fmt::format("apiVersion: expected {} as in the kubeconfig, found '{}'",
                                 api_version, Printable(version)));
  }
  const auto status = object.find("status");
  if (status == object.end() || !status->is_object()) return Malformed("it has no status");
  return ParseStatus(*status);
}

struct Rune {
  uint32_t value;
  size_t bytes;
};

/// The character that the text, which is UTF-8, starts with.
Rune FirstRune(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  uint32_t value = lead & (0x7fU >> bytes);
  for (size_t i = 1; i < bytes; ++i) value = value << 6 | (text[i] & 0x3fU);
  return {value, bytes};
}

/// Whether a terminal shows it as one would expect: no control characters (Cc), and none of the
/// unseen ones (Cf) and private ones (Co) that can make a text look like another.
bool IsShown(uint32_t rune) {
  if (rune == '\n' || rune == '\t') return true;
  if (rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || rune == 0xad) return false;
  if (rune >= 0x600 && rune <= 0x605) return false;
  if (rune == 0x61c || rune == 0x180e) return false;
  if (rune >= 0x200b && rune <= 0x200f) return false;  // zero width, marks of direction
  if (rune >= 0x202a && rune <= 0x202e) return false;  // overrides of direction
  if (rune >= 0x2060 && rune <= 0x206f) return false;
  if (rune == 0xfeff || (rune >= 0xfff0 && rune <= 0xfffb)) return false;
  return (rune < 0xe000 || rune > 0xf8ff) && rune < 0xe0000;
}

}  // namespace

std::string_view InteractiveModeOf(const ExecConfig& exec) {
  if (exec.interactive_mode.empty() && exec.api_version == kV1beta1) return "IfAvailable";
  return exec.interactive_mode;
}

std::vector<std::string> FaultsOf(const ExecConfig& exec, std::string_view user) {
  std::vector<std::string> faults;
  const auto add = [&](std::string_view fault) {
    faults.push_back(fmt::format("user '{}': exec.{}", Printable(user), fault));
  };
  if (exec.command.empty()) add("command is missing");
  if (exec.api_version.empty()) {
    add("apiVersion is missing");
  } else if (exec.api_version != kV1 && exec.api_version != kV1beta1) {
    add(fmt::format("apiVersion '{}' is none of {} and {}", Printable(exec.api_version), kV1,
                    kV1beta1));
  }
  for (const ExecVariable& variable : exec.env) {
    if (variable.name.empty()) add("env has a variable without a name");
  }
  const std::string_view mode = InteractiveModeOf(exec);
  if (mode.empty()) {
    add("interactiveMode is missing: one of Never, IfAvailable and Always");
  } else if (mode != "Never" && mode != "IfAvailable" && mode != "Always") {
    add(fmt::format("interactiveMode '{}' is none of Never, IfAvailable and Always",
                    Printable(mode)));
  }
  return faults;
}

std::string EncodeExecInfo(std::string_view api_version, bool is_interactive,
                           const ExecCluster* cluster) {
  json info = {{"kind", kKind}, {"apiVersion", api_version}};
  info["spec"]["interactive"] = is_interactive;
  if (cluster != nullptr) {
    json& object = info["spec"]["cluster"];
    object["server"] = cluster->server;
    if (!cluster->tls_server_name.empty()) object["tls-server-name"] = cluster->tls_server_name;
    if (cluster->insecure_skip_tls_verify) object["insecure-skip-tls-verify"] = true;
    if (!cluster->certificate_authority_pem.empty()) {
      object["certificate-authority-data"] = EncodeBase64(cluster->certificate_authority_pem);
    }
    if (!cluster->proxy_url.empty()) object["proxy-url"] = cluster->proxy_url;
    if (cluster->disable_compression) object["disable-compression"] = true;
    json config = json::parse(cluster->config, nullptr, /*allow_exceptions=*/false);
    object["config"] = config.is_discarded() ? json(nullptr) : std::move(config);
  }
  return info.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Credential> ParseExecCredential(std::string_view text, std::string_view api_version) {
  if (text.size() > kMaxExecCredentialBytes) {
    return Malformed(fmt::format("more than {} bytes", kMaxExecCredentialBytes));
  }
  try {
    const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (object.is_discarded()) return Malformed("not JSON");
    return ParseObject(object, api_version);
  } catch (const std::exception&) {
    return Malformed("not an ExecCredential");  // its words could quote a secret
  }
}

std::string CleanHint(std::string_view hint) {
  std::string clean;
  while (!hint.empty()) {
    // Not more than a character at a time, so that one bad byte does not spoil the rest.
    size_t bytes = 1;
    while (bytes < 4 && bytes < hint.size() && !IsUtf8(hint.substr(0, bytes))) ++bytes;
    if (!IsUtf8(hint.substr(0, bytes))) {
      clean += Printable(hint.substr(0, 1));
      hint.remove_prefix(1);
      continue;
    }
    const Rune rune = FirstRune(hint);
    if (IsShown(rune.value)) {
      clean += hint.substr(0, rune.bytes);
    } else {
      clean += fmt::format("U+{:04X}", rune.value);
    }
    hint.remove_prefix(rune.bytes);
  }
  return clean;
}

}  // namespace nsdebug::kubectl
