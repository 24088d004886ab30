#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kubectl/kubeconfig/exec_credential.h"

namespace nsdebug::kubectl {
namespace {

constexpr std::string_view kV1 = "client.authentication.k8s.io/v1";

std::string Answer(const std::string& status, const std::string& version = "v1") {
  return R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/)" + version +
         R"(","status":)" + status + "}";
}

TEST(ExecInfoTest, TellsAboutTheClusterOnlyWhenAsked) {
  EXPECT_EQ(EncodeExecInfo(kV1, true, nullptr),
            R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",)"
            R"("spec":{"interactive":true}})");
  ExecCluster cluster;
  cluster.server = "https://k";
  EXPECT_EQ(EncodeExecInfo(kV1, false, &cluster),
            R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",)"
            R"("spec":{"cluster":{"config":null,"server":"https://k"},"interactive":false}})");
  cluster = {"https://k", "inner", true, "PEM", "http://proxy", true, R"({"audience":"x"})"};
  EXPECT_EQ(EncodeExecInfo(kV1, false, &cluster),
            R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",)"
            R"("spec":{"cluster":{"certificate-authority-data":"UEVN","config":{"audience":"x"},)"
            R"("disable-compression":true,"insecure-skip-tls-verify":true,)"
            R"("proxy-url":"http://proxy","server":"https://k","tls-server-name":"inner"},)"
            R"("interactive":false}})");
}

TEST(ExecCredentialTest, ReadsTokensAndCertificates) {
  Result<Credential> token = ParseExecCredential(
      Answer(R"({"token":"t","expirationTimestamp":"2026-01-02T03:04:05Z"})"), kV1);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(token->token, "t");
  EXPECT_EQ(token->expires,
            std::chrono::system_clock::time_point(std::chrono::seconds(1767323045)));
  Result<Credential> certificate = ParseExecCredential(
      Answer(R"({"clientCertificateData":"C","clientKeyData":"K","expirationTimestamp":null})"),
      kV1);
  ASSERT_TRUE(certificate) << certificate.error().message;
  EXPECT_EQ(certificate->certificate_pem, "C");
  EXPECT_EQ(certificate->key_pem, "K");
  EXPECT_FALSE(certificate->expires);
}

TEST(ExecCredentialTest, SaysWhatIsWrongAndNeverTheSecret) {
  struct Case {
    std::string text;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"", "its answer: not JSON"},
           {"secret", "its answer: not JSON"},
           {"[\"secret\"]", "its answer: not a JSON object"},
           {R"({"kind":"Secret"})", "its answer: kind: expected ExecCredential"},
           {Answer("{}", "v1beta1"),
            "its answer: apiVersion: expected client.authentication.k8s.io/v1 as in the "
            "kubeconfig, found 'client.authentication.k8s.io/v1beta1'"},
           {Answer("null"), "its answer: it has no status"},
           {Answer("{}"), "its answer: status has neither a token nor a client certificate"},
           {Answer(R"({"token":1})"), "its answer: status.token: expected a string"},
           {Answer(R"({"token":"secret","clientKeyData":"secret"})"),
            "its answer: status has only one of clientCertificateData and clientKeyData"},
           {Answer(R"({"token":"secret","expirationTimestamp":"soon"})"),
            "its answer: status.expirationTimestamp: not a time (RFC 3339)"},
           {std::string(kMaxExecCredentialBytes + 1, ' '), "its answer: more than 1048576 bytes"},
       }) {
    Result<Credential> credential = ParseExecCredential(c.text, kV1);
    ASSERT_FALSE(credential) << c.message;
    EXPECT_EQ(credential.error().message, c.message);
  }
}

TEST(ExecConfigTest, NeedsWhatClientGoNeeds) {
  ExecConfig exec;
  exec.env.push_back({"", "x"});
  EXPECT_THAT(FaultsOf(exec, "u"),
              testing::ElementsAre(
                  "user 'u': exec.command is missing", "user 'u': exec.apiVersion is missing",
                  "user 'u': exec.env has a variable without a name",
                  "user 'u': exec.interactiveMode is missing: one of Never, IfAvailable and "
                  "Always"));
  exec = {"client.authentication.k8s.io/v1alpha1", "x", {}, {}, "", false, "Sometimes"};
  EXPECT_THAT(FaultsOf(exec, "u"),
              testing::ElementsAre(
                  "user 'u': exec.apiVersion 'client.authentication.k8s.io/v1alpha1' is none of "
                  "client.authentication.k8s.io/v1 and client.authentication.k8s.io/v1beta1",
                  "user 'u': exec.interactiveMode 'Sometimes' is none of Never, IfAvailable and "
                  "Always"));
  // The older version has a default.
  exec = {"client.authentication.k8s.io/v1beta1", "x", {}, {}, "", false, ""};
  EXPECT_THAT(FaultsOf(exec, "u"), testing::IsEmpty());
  EXPECT_EQ(InteractiveModeOf(exec), "IfAvailable");
}

TEST(CleanHintTest, LetsNothingThroughThatATerminalObeys) {
  EXPECT_EQ(CleanHint("see https://x\n\t- bre\xc3\xa4w"), "see https://x\n\t- bre\xc3\xa4w");
  EXPECT_EQ(CleanHint("a\x1b[1mb\r\x07"), "aU+001B[1mbU+000DU+0007");
  EXPECT_EQ(CleanHint("\xc2\x9b"
                      "2J"),
            "U+009B2J");  // CSI in one character
  EXPECT_EQ(CleanHint("a\xe2\x80\xae"
                      "b"),
            "aU+202Eb");                                    // right to left
  EXPECT_EQ(CleanHint("\xff\xe2\x80"), "\\xff\\xe2\\x80");  // no UTF-8
  EXPECT_EQ(CleanHint("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
  EXPECT_EQ(CleanHint(std::string("a\0b", 3)), "aU+0000b");
}

}  // namespace
}  // namespace nsdebug::kubectl
