#include "kubectl/kubeconfig/credential_source.h"

#include <algorithm>
#include <utility>

#include "base/io.h"

namespace nsdebug::kubectl {

namespace {

constexpr std::chrono::minutes kReadAgainAfter(1);
/// Tokens of service accounts have one or two thousand.
constexpr size_t kMaxTokenBytes = size_t{64} << 10;

std::string Trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n\v\f";
  const size_t start = text.find_first_not_of(kSpace);
  if (start == std::string::npos) return {};
  return text.substr(start, text.find_last_not_of(kSpace) + 1 - start);
}

/// What stands in a header must not end it and begin another.
Result<void> CheckToken(const std::string& token) {
  const bool is_good =
      std::all_of(token.begin(), token.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
  if (is_good) return {};
  return Fail(Code::kInvalidArgument,
              "the token has spaces, control characters or others that no token has");
}

}  // namespace

CredentialSource::CredentialSource(CredentialSpec spec, ExecSurroundings surroundings, Clock clock)
    : spec_(std::move(spec)), surroundings_(std::move(surroundings)), clock_(std::move(clock)) {}

Result<Credential> CredentialSource::Get() {
  Credential credential;
  if (!spec_.token_file.empty()) {
    Result<std::string> token = FromFile();
    if (!token && spec_.token.empty()) return Propagate(token.error());
    credential.token = token ? std::move(*token) : spec_.token;
  } else if (!spec_.token.empty()) {
    credential.token = spec_.token;
  } else if (spec_.exec) {
    Result<Credential> answer = FromExec();
    if (!answer) return answer;
    credential = std::move(*answer);
  }
  if (credential.key_pem.empty()) {
    credential.certificate_pem = spec_.certificate_pem;
    credential.key_pem = spec_.key_pem;
  }
  if (Result<void> good = CheckToken(credential.token); !good) return Propagate(good.error());
  return credential;
}

void CredentialSource::Reject(const Credential& used) {
  if (!answer_ || answer_->token != used.token) return;
  if (used.token.empty() && answer_->certificate_pem != used.certificate_pem) return;
  answer_.reset();
}

Result<Credential> CredentialSource::FromExec() {
  const bool has_expired = answer_ && answer_->expires && clock_() > *answer_->expires;
  if (answer_ && !has_expired) return *answer_;
  Result<Credential> answer = RunExecPlugin(*spec_.exec, spec_.exec_cluster, surroundings_);
  if (answer) answer_ = *answer;
  return answer;
}

Result<std::string> CredentialSource::FromFile() {
  const auto now = clock_();
  if (!file_token_.empty() && now - file_read_ < kReadAgainAfter) return file_token_;
  Result<std::string> text = ReadFile(spec_.token_file, kMaxTokenBytes);
  if (text) text = Trimmed(*text);
  if (text && !text->empty()) {
    file_token_ = std::move(*text);
    file_read_ = now;
  }
  // Somebody is just replacing it, or has taken it away: the old one may do for a while yet.
  if (!file_token_.empty()) return file_token_;
  if (!text) return Propagate(text.error(), "tokenFile");
  return Fail(Code::kUnauthenticated, "tokenFile " + spec_.token_file + ": it is empty");
}

}  // namespace nsdebug::kubectl
