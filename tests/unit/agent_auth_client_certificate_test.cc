#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/asn1.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/auth/client_certificate.h"
#include "agent/auth/keyed_digest.h"
#include "tests/fake_api_server/test_certificate.h"

namespace nsdebug {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A pool that the test sets.
class FixedClientCa : public ClientCa {
 public:
  Result<CertificatePool> Pool() override { return pool; }
  std::optional<Error> last_error() const override { return std::nullopt; }
  Result<CertificatePool> pool = Fail(Code::kUnavailable, "not read yet");
};

class ClientCertificateTest : public testing::Test {
 protected:
  ClientCertificateTest() { Trust(ca_.pem()); }

  void Trust(const std::string& pem) { client_ca_.pool = ParseCertificatePool(pem); }

  Result<std::optional<Identity>> Authenticate(std::vector<std::string> chain) {
    return ClientCertificate(client_ca_)
        .Authenticate({.certificates = std::move(chain), .bearer_token = ""});
  }

  std::string Refusal(std::vector<std::string> chain) {
    auto identity = Authenticate(std::move(chain));
    if (identity) return "no error";
    EXPECT_EQ(identity.error().code, Code::kUnauthenticated);
    return identity.error().message;
  }

  std::string RefusalOf(const TestCertificate::Spec& spec) {
    return Refusal({ca_.Issue(spec).der()});
  }

  TestCertificate ca_ = TestCertificate::Ca("client-ca");
  FixedClientCa client_ca_;
};

TEST_F(ClientCertificateTest, ReadsTheUserFromTheSubject) {
  TestCertificate alice =
      ca_.Issue({.common_names = {"älice"}, .organizations = {"ops", "dev"}, .uids = {"u-1"}});
  auto identity = Authenticate({alice.der()});
  ASSERT_TRUE(identity && *identity) << identity.error().message;
  EXPECT_EQ((*identity)->user, "älice");
  EXPECT_EQ((*identity)->uid, "u-1");
  EXPECT_THAT((*identity)->groups, ElementsAre("ops", "dev", "system:authenticated"));
  EXPECT_THAT((*identity)->extra.at("authentication.kubernetes.io/credential-id"),
              ElementsAre("X509SHA256=" + Hexadecimal(*Sha256(alice.der()))));
}

TEST_F(ClientCertificateTest, AnonymousIsNotAuthenticatedByAName) {
  auto identity = Authenticate({ca_.Issue({.common_names = {"system:anonymous"}}).der()});
  ASSERT_TRUE(identity && *identity);
  EXPECT_TRUE((*identity)->groups.empty());
}

TEST_F(ClientCertificateTest, WithoutACertificateOrACaItHasNoOpinion) {
  auto none = Authenticate({});
  EXPECT_TRUE(none && !*none);
  client_ca_.pool = CertificatePool();
  auto no_ca = Authenticate({ca_.Issue({}).der()});
  EXPECT_TRUE(no_ca && !*no_ca);
}

TEST_F(ClientCertificateTest, BeforeTheCaIsKnownItIsUnavailable) {
  client_ca_.pool = Fail(Code::kUnavailable, "not read yet");
  auto identity = Authenticate({ca_.Issue({}).der()});
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().code, Code::kUnavailable);
}

TEST_F(ClientCertificateTest, FollowsIntermediatesOfTheHandshake) {
  TestCertificate intermediate =
      ca_.Issue({.common_names = {"intermediate"}, .extended_key_usage = "", .is_ca = true});
  TestCertificate alice = intermediate.Issue({});
  EXPECT_TRUE(Authenticate({alice.der(), intermediate.der()}));
  EXPECT_THAT(Refusal({alice.der()}), HasSubstr("unable to get local issuer certificate"));
  // As in Go, a pool may hold an intermediate CA alone.
  Trust(intermediate.pem());
  EXPECT_TRUE(Authenticate({alice.der()}));
}

TEST_F(ClientCertificateTest, AnIntermediateMustBeACa) {
  TestCertificate user = ca_.Issue({.common_names = {"user"}});
  EXPECT_THAT(Refusal({user.Issue({.common_names = {"root"}}).der(), user.der()}),
              HasSubstr("invalid CA certificate"));
}

TEST_F(ClientCertificateTest, TakesAnyCaOfThePool) {
  TestCertificate next = TestCertificate::Ca("client-ca");  // rotated: of the same name
  Trust(ca_.pem() + next.pem());
  EXPECT_TRUE(Authenticate({ca_.Issue({}).der()}));
  EXPECT_TRUE(Authenticate({next.Issue({}).der()}));
}

TEST_F(ClientCertificateTest, RefusesCertificatesOfOthers) {
  EXPECT_THAT(Refusal({TestCertificate::Ca("other").Issue({}).der()}),
              HasSubstr("unable to get local issuer certificate"));
  EXPECT_THAT(Refusal({TestCertificate::Ca("client-ca").Issue({}).der()}),
              HasSubstr("unable to get local issuer certificate"));
  EXPECT_THAT(Refusal({TestCertificate::SelfSigned({}).der()}), HasSubstr("self-signed"));
  // A chain that brings its own root is no more trusted.
  TestCertificate other = TestCertificate::Ca("other");
  EXPECT_THAT(Refusal({other.Issue({}).der(), other.der()}), HasSubstr("self-signed"));
}

TEST_F(ClientCertificateTest, ChecksTheTimes) {
  EXPECT_THAT(RefusalOf({.ends_in_seconds = -5}), HasSubstr("certificate has expired"));
  EXPECT_THAT(RefusalOf({.starts_in_seconds = 600}), HasSubstr("certificate is not yet valid"));
}

TEST_F(ClientCertificateTest, WantsClientAuthentication) {
  EXPECT_THAT(RefusalOf({.extended_key_usage = "serverAuth"}), HasSubstr("purpose"));
  EXPECT_THAT(RefusalOf({.extended_key_usage = ""}), HasSubstr("clientAuth"));
  EXPECT_TRUE(Authenticate({ca_.Issue({.extended_key_usage = "serverAuth,clientAuth"}).der()}));
}

TEST_F(ClientCertificateTest, WantsExactlyOneName) {
  EXPECT_THAT(RefusalOf({.common_names = {}, .organizations = {"system:masters"}}),
              HasSubstr("no CN"));
  EXPECT_THAT(RefusalOf({.common_names = {"alice", "root"}}), HasSubstr("more than one CN"));
  EXPECT_THAT(RefusalOf({.uids = {"a", "b"}}), HasSubstr("more than one uid"));
}

TEST_F(ClientCertificateTest, RefusesNamesThatReadersSeeDifferently) {
  EXPECT_THAT(RefusalOf({.common_names = {std::string("root\0.example", 13)}}),
              HasSubstr("a NUL byte"));
  // OpenSSL makes none that is not UTF-8, and takes none.
  std::string not_utf8 = ca_.Issue({.common_names = {"mallory"}}).der();
  not_utf8.replace(not_utf8.find("mallory"), 1, "\xff");
  EXPECT_THAT(Refusal({not_utf8}), HasSubstr("malformed"));
  EXPECT_THAT(RefusalOf({.common_names = {"al\xe4ice"}, .name_type = V_ASN1_PRINTABLESTRING}),
              HasSubstr("not ASCII"));
  EXPECT_THAT(RefusalOf({.common_names = {"alice"}, .name_type = V_ASN1_T61STRING}),
              HasSubstr("a type other than"));
  EXPECT_THAT(RefusalOf({.organizations = {std::string("ops\0x", 5)}}), HasSubstr("a NUL byte"));
}

TEST_F(ClientCertificateTest, RefusesMalformedAndOversizedChains) {
  std::string good = ca_.Issue({}).der();
  EXPECT_THAT(Refusal({""}), HasSubstr("malformed"));
  EXPECT_THAT(Refusal({good.substr(0, good.size() - 1)}), HasSubstr("malformed"));
  EXPECT_THAT(Refusal({good + "x"}), HasSubstr("malformed"));
  EXPECT_THAT(Refusal({good, "nonsense"}), HasSubstr("malformed"));
  EXPECT_THAT(Refusal({std::string(kMaxCertificateBytes + 1, 'x')}), HasSubstr("longer than"));
  EXPECT_THAT(Refusal(std::vector<std::string>(kMaxChainCertificates + 1, good)),
              HasSubstr("more than 8 certificates"));
}

TEST_F(ClientCertificateTest, ACertificateWithAFlippedByteIsNone) {
  std::string good = ca_.Issue({}).der();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    auto identity = Authenticate({bad});
    EXPECT_FALSE(identity && *identity) << i;
  }
}

}  // namespace
}  // namespace nsdebug
