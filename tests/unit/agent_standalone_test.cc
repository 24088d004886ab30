#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "agent/standalone.h"
#include "agent/standalone_certificate.h"
#include "base/io.h"

namespace nsdebug {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;

class StandaloneTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "standalone-XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    config_.standalone = true;
    config_.node_name = "host-1";
    config_.server.address = "192.0.2.7";
    config_.state_directory = folder_ + "/state";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static mode_t ModeOf(const std::string& path) {
    struct stat status = {};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  }

  std::string folder_;
  Config config_;
};

TEST_F(StandaloneTest, MakesWhatIsMissing) {
  const Result<StandaloneFiles> files = PrepareStandalone(config_);
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(ModeOf(config_.state_directory), 0700);
  EXPECT_EQ(ModeOf(files->certificate_file), 0644);
  EXPECT_EQ(ModeOf(files->key_file), 0600);
  EXPECT_EQ(ModeOf(files->tokens_file), 0600);
  EXPECT_TRUE(files->is_new_certificate);
  EXPECT_THAT(files->fingerprint, MatchesRegex("([0-9A-F]{2}:){31}[0-9A-F]{2}"));
  EXPECT_THAT(files->new_token, MatchesRegex("[0-9a-f]{64}"));

  const Result<std::string> text = ReadFile(files->tokens_file);
  ASSERT_TRUE(text);
  const auto star = nlohmann::json::array({"*"});
  EXPECT_EQ(nlohmann::json::parse(*text),
            nlohmann::json::array({{{"token", files->new_token},
                                    {"user", "admin"},
                                    {"rules", nlohmann::json::array({{{"verbs", star},
                                                                      {"resources", star},
                                                                      {"namespaces", star},
                                                                      {"names", star}}})}}}));
}

TEST_F(StandaloneTest, LeavesWhatIsThereAndShowsTheTokenOnce) {
  const Result<StandaloneFiles> first = PrepareStandalone(config_);
  ASSERT_TRUE(first);
  const Result<StandaloneFiles> second = PrepareStandalone(config_);
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->is_new_certificate);
  EXPECT_THAT(second->new_token, IsEmpty());
  EXPECT_EQ(second->fingerprint, first->fingerprint);
  ::unlink(first->tokens_file.c_str());
  const Result<StandaloneFiles> third = PrepareStandalone(config_);
  ASSERT_TRUE(third);
  EXPECT_THAT(third->new_token, Not(first->new_token));
}

TEST_F(StandaloneTest, RenewsTheCertificateInItsLastMonthOnly) {
  const auto now = std::chrono::system_clock::now();
  const Result<StandaloneFiles> first = PrepareStandalone(config_, now);
  ASSERT_TRUE(first);
  EXPECT_FALSE(PrepareStandalone(config_, now + hours(24 * 334))->is_new_certificate);
  EXPECT_TRUE(PrepareStandalone(config_, now + hours(24 * 336))->is_new_certificate);
}

TEST_F(StandaloneTest, RenewsTheCertificateForOtherNamesAndOtherKeys) {
  ASSERT_TRUE(PrepareStandalone(config_));
  config_.server.address = "192.0.2.8";
  EXPECT_TRUE(PrepareStandalone(config_)->is_new_certificate);
  config_.node_name = "host-2";
  const Result<StandaloneFiles> files = PrepareStandalone(config_);
  EXPECT_TRUE(files->is_new_certificate);
  config_.server.address = "0.0.0.0";
  EXPECT_FALSE(PrepareStandalone(config_)->is_new_certificate);
  // As if the agent had ended between the two files.
  const auto other = MakeCertificate({{"x"}, {}}, std::chrono::system_clock::now(), hours(1));
  ASSERT_TRUE(other);
  const Result<UniqueFd> key = Open(files->key_file, O_WRONLY | O_TRUNC);
  ASSERT_TRUE(WriteAll(key->get(), other->key, "key"));
  EXPECT_TRUE(PrepareStandalone(config_)->is_new_certificate);
}

TEST_F(StandaloneTest, RefusesADirectoryThatOthersCanWrite) {
  ASSERT_EQ(::mkdir(config_.state_directory.c_str(), 0700), 0);
  ASSERT_EQ(::chmod(config_.state_directory.c_str(), 0770), 0);
  const Result<StandaloneFiles> files = PrepareStandalone(config_);
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().message,
            "prepare standalone agent: " + config_.state_directory +
                ": others can write to it: chown it to the agent's user and chmod 700 it, or name "
                "another stateDirectory");
}

TEST_F(StandaloneTest, FollowsNoLinks) {
  ASSERT_TRUE(PrepareStandalone(config_));
  const std::string elsewhere = folder_ + "/elsewhere";
  for (const char* name : {"/tls.crt", "/tls.key", "/tokens.json"}) {
    const std::string path = config_.state_directory + name;
    ASSERT_EQ(::rename(path.c_str(), (path + ".old").c_str()), 0);
    ASSERT_EQ(::symlink(elsewhere.c_str(), path.c_str()), 0);
    EXPECT_FALSE(PrepareStandalone(config_)) << name;
    ASSERT_EQ(::rename((path + ".old").c_str(), path.c_str()), 0);
  }
  // Where a file is made, a link is replaced and its end left alone.
  ASSERT_EQ(::symlink(elsewhere.c_str(), (config_.state_directory + "/tls.key.new").c_str()), 0);
  ::unlink((config_.state_directory + "/tls.crt").c_str());
  EXPECT_TRUE(PrepareStandalone(config_));
  EXPECT_FALSE(std::filesystem::exists(elsewhere));
  const std::string link = folder_ + "/link";
  ASSERT_EQ(::symlink(config_.state_directory.c_str(), link.c_str()), 0);
  config_.state_directory = link;
  EXPECT_FALSE(PrepareStandalone(config_));
}

TEST_F(StandaloneTest, RefusesASecretThatOthersCouldRead) {
  const Result<StandaloneFiles> files = PrepareStandalone(config_);
  ASSERT_TRUE(files);
  for (const std::string& path : {files->tokens_file, files->key_file}) {
    ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
    const Result<StandaloneFiles> again = PrepareStandalone(config_);
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error().message, HasSubstr(path + ": others have access to it"));
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  }
}

TEST_F(StandaloneTest, MakesNoTokenBesideAFileOfTokens) {
  config_.auth.static_tokens_file = "/etc/tokens.json";
  const Result<StandaloneFiles> files = PrepareStandalone(config_);
  ASSERT_TRUE(files);
  EXPECT_EQ(files->tokens_file, "/etc/tokens.json");
  EXPECT_THAT(files->new_token, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(config_.state_directory + "/tokens.json"));
}

TEST_F(StandaloneTest, NamesTheMissingParent) {
  config_.state_directory = folder_ + "/none/state";
  const Result<StandaloneFiles> files = PrepareStandalone(config_);
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().message, "prepare standalone agent: make directory " +
                                       config_.state_directory + ": no such file or directory");
}

// What a client does that was given the certificate to trust: a strict check, with the names.
TEST(StandaloneCertificateTest, AClientCanTrustItByItself) {
  const auto now = std::chrono::system_clock::now();
  const CertificateNames names{{"host,DNS:evil", "localhost"}, {"127.0.0.1", "::1"}};
  const Result<CertificateAndKey> pair = MakeCertificate(names, now, hours(1));
  ASSERT_TRUE(pair);
  BIO* bio = ::BIO_new_mem_buf(pair->certificate.data(), -1);
  X509* certificate = ::PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  X509_STORE* store = ::X509_STORE_new();
  ::X509_STORE_add_cert(store, certificate);
  X509_STORE_CTX* context = ::X509_STORE_CTX_new();
  ::X509_STORE_CTX_init(context, store, certificate, nullptr);
  ::X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set1_ip_asc(::X509_STORE_CTX_get0_param(context), "::1");
  EXPECT_EQ(::X509_verify_cert(context), 1)
      << ::X509_verify_cert_error_string(::X509_STORE_CTX_get_error(context));
  EXPECT_EQ(::X509_check_host(certificate, "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(::X509_check_host(certificate, "evil", 0, 0, nullptr), 0);
  EXPECT_EQ(::X509_check_ca(certificate), 0);
  ::X509_STORE_CTX_free(context);
  ::X509_STORE_free(store);
  ::X509_free(certificate);
  ::BIO_free(bio);
}

TEST(StandaloneCertificateTest, TellsGoodFromBad) {
  const auto now = std::chrono::system_clock::now();
  const CertificateNames names{{"localhost"}, {"127.0.0.1"}};
  const Result<CertificateAndKey> pair = MakeCertificate(names, now, hours(10));
  ASSERT_TRUE(pair);
  EXPECT_TRUE(IsGoodCertificate(*pair, names, now, hours(9)));
  EXPECT_FALSE(IsGoodCertificate(*pair, names, now, hours(11)));
  EXPECT_FALSE(IsGoodCertificate(*pair, names, now - hours(1), hours(1)));
  EXPECT_FALSE(IsGoodCertificate(*pair, {{"other"}, {}}, now, hours(1)));
  EXPECT_FALSE(IsGoodCertificate({"", ""}, names, now, hours(1)));
  EXPECT_FALSE(IsGoodCertificate({pair->certificate, "x"}, names, now, hours(1)));
  EXPECT_FALSE(CertificateFingerprint("x"));
}

}  // namespace
}  // namespace nsdebug
