// A kubeconfig, and what a credential plugin answers: both are files of other programs.

#include "kubectl/kubeconfig/kubeconfig.h"

#include <string>

#include "kubectl/kubeconfig/exec_credential.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace nsdebug;
using namespace nsdebug::kubectl;

/// One line for a terminal, whatever the bytes are.
void CheckMessage(const Error& error) {
  for (const char c : error.message) Require(static_cast<unsigned char>(c) >= 0x20);
  Require(error.message.size() < 2000);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(AsText(data, size));
  if (Result<Kubeconfig> config = ParseKubeconfig(text, "FILE"); !config) {
    Require(config.error().message.starts_with("FILE:"));
    CheckMessage(config.error());
  }
  constexpr std::string_view kVersion = "client.authentication.k8s.io/v1";
  Result<Credential> credential = ParseExecCredential(text, kVersion);
  if (!credential) {
    CheckMessage(credential.error());
  } else {
    Require(credential->certificate_pem.empty() == credential->key_pem.empty());
    Require(!credential->token.empty() || !credential->key_pem.empty());
  }
  for (const char c : CleanHint(text)) {
    Require(static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t');
  }
  return 0;
}
