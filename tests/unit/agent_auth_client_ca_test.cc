#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "agent/auth/client_ca.h"
#include "tests/fake_api_server/fake_cluster.h"

namespace nsdebug {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::HasSubstr;

constexpr ClientCaConfigMap::Intervals kOften{.usual = milliseconds(5),
                                              .until_first = milliseconds(5)};

std::string ConfigMap(const json& data) {
  return json{{"kind", "ConfigMap"}, {"data", data}}.dump();
}

class ClientCaConfigMapTest : public testing::Test {
 protected:
  ClientCaConfigMapTest()
      : cluster_([this](const auto& connection, const auto& /*request*/) {
          std::lock_guard lock(mutex_);
          return connection.Send(answer_);
        }) {}

  void Answer(const std::string& body, int status = 200) {
    std::lock_guard lock(mutex_);
    answer_ = HttpAnswer(status, body);
  }

  // Waits until the next reading that begins after this call has ended.
  void WaitForReading() {
    size_t before = cluster_.server.requests().size();
    WaitUntil([&] { return cluster_.server.requests().size() >= before + 3; });
  }

  static void WaitUntil(const std::function<bool()>& is_true) {
    for (int i = 0; i < 2'000 && !is_true(); ++i) std::this_thread::sleep_for(milliseconds(5));
    EXPECT_TRUE(is_true());
  }

  std::mutex mutex_;
  std::string answer_ = HttpAnswer(503, "{}");  // guarded by mutex_
  FakeCluster cluster_;
  TestCertificate ca_ = TestCertificate::Ca("client-ca");
};

TEST_F(ClientCaConfigMapTest, IsUnavailableUntilItWasReadOnce) {
  auto client = cluster_.Client();
  ClientCaConfigMap client_ca(*client, kOften);
  EXPECT_EQ(client_ca.Pool().error().code, Code::kUnavailable);
  WaitForReading();
  EXPECT_EQ(client_ca.Pool().error().code, Code::kUnavailable);
  EXPECT_THAT(client_ca.Pool().error().message,
              HasSubstr("read ConfigMap kube-system/extension-apiserver-authentication: "));
  Answer(ConfigMap({{"client-ca-file", ca_.pem()}}));
  WaitUntil([&] { return client_ca.Pool().has_value(); });
  EXPECT_NE(*client_ca.Pool(), nullptr);
  EXPECT_FALSE(client_ca.last_error());
  EXPECT_EQ(cluster_.server.requests().at(0).first_line,
            "GET /api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication "
            "HTTP/1.1");
}

TEST_F(ClientCaConfigMapTest, KeepsTheLastGoodOne) {
  Answer(ConfigMap({{"client-ca-file", ca_.pem()}}));
  auto client = cluster_.Client();
  ClientCaConfigMap client_ca(*client, kOften);
  WaitUntil([&] { return client_ca.Pool().has_value(); });
  for (const std::string& bad :
       {std::string(""), ConfigMap({{"client-ca-file", "nonsense"}}),
        ConfigMap({{"client-ca-file", 7}}), std::string(R"({"kind":"Status"})"),
        ConfigMap({{"client-ca-file", ca_.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n"}})}) {
    Answer(bad);
    WaitForReading();
    ASSERT_TRUE(client_ca.Pool());
    EXPECT_NE(*client_ca.Pool(), nullptr);
    EXPECT_TRUE(client_ca.last_error()) << bad;
  }
  Answer("{}", 403);
  WaitForReading();
  EXPECT_TRUE(client_ca.Pool());
  EXPECT_THAT(client_ca.last_error()->message,
              HasSubstr("extension-apiserver-authentication-reader"));
}

TEST_F(ClientCaConfigMapTest, WithoutTheKeyThereAreNoCertificates) {
  auto client = cluster_.Client();
  for (const std::string& body : {ConfigMap({{"requestheader-client-ca-file", ca_.pem()}}),
                                  ConfigMap(nullptr), std::string(R"({"kind":"ConfigMap"})")}) {
    Answer(body);
    ClientCaConfigMap client_ca(*client, kOften);
    WaitUntil([&] { return client_ca.Pool().has_value(); });
    EXPECT_EQ(*client_ca.Pool(), nullptr);
  }
  Answer("{}", 404);
  ClientCaConfigMap client_ca(*client, kOften);
  WaitUntil([&] { return client_ca.Pool().has_value(); });
  EXPECT_EQ(*client_ca.Pool(), nullptr);
}

TEST_F(ClientCaConfigMapTest, EndsAtOnceBetweenTwoReadings) {
  Answer(ConfigMap({{"client-ca-file", ca_.pem()}}));
  auto client = cluster_.Client();
  auto start = std::chrono::steady_clock::now();
  {
    ClientCaConfigMap client_ca(*client);
    WaitUntil([&] { return client_ca.Pool().has_value(); });
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(ClientCaFileTest, IsReadAgainWhenItChanged) {
  TestDirectory directory;
  TestCertificate ca = TestCertificate::Ca("client-ca");
  ClientCaFile client_ca(directory.Path("ca.crt"), milliseconds(0));
  EXPECT_EQ(client_ca.Pool().error().code, Code::kUnavailable);
  directory.Write("ca.crt", ca.pem());
  Result<CertificatePool> first = client_ca.Pool();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(*client_ca.Pool(), *first);
  directory.Write("ca.crt", ca.pem() + TestCertificate::Ca("next").pem());
  Result<CertificatePool> second = client_ca.Pool();
  EXPECT_NE(*second, *first);
  directory.Write("ca.crt", "nonsense");
  EXPECT_EQ(*client_ca.Pool(), *second);
}

TEST(ClientCaPoolTest, RefusesWhatIsNoListOfCertificates) {
  std::string ca = TestCertificate::Ca("client-ca").pem();
  EXPECT_TRUE(ParseCertificatePool("a comment\n" + ca + "another\n" + ca));
  std::string many;
  for (size_t i = 0; i <= kMaxClientCas; ++i) many += ca;
  for (const std::string& pem :
       {std::string(), std::string("\0", 1), ca.substr(0, ca.size() / 2),
        ca + ca.substr(0, ca.size() / 2), many, ca + std::string(kMaxClientCaBytes, ' ')}) {
    Result<CertificatePool> pool = ParseCertificatePool(pem);
    ASSERT_FALSE(pool) << pem.size();
    EXPECT_EQ(pool.error().code, Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace nsdebug
