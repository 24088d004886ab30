#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "agent/auth/api_endpoint.h"
#include "agent/auth/reloaded_file.h"
#include "tests/fake_api_server/fake_cluster.h"

namespace nsdebug {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kReviews[] = "/apis/authentication.k8s.io/v1/tokenreviews";
// Long enough for a loaded machine, short enough for a unit test that waits it out.
constexpr milliseconds kShort{300};

Error ErrorOf(const Result<std::string>& answer) {
  return answer ? Error{Code::kInvalidArgument, "no error: " + *answer} : answer.error();
}

// What a client says to one answer.
Error ErrorFor(const std::string& answer, const std::string& path = kReviews) {
  FakeCluster cluster(AnswerWith(answer));
  return ErrorOf(cluster.Client()->Post(path, "{}"));
}

TEST(ApiServerTest, SendsTheBodyWithTheAgentsToken) {
  FakeCluster cluster(AnswerWith(HttpAnswer(201, R"({"a":1})")));
  auto answer = cluster.Client()->Post(kReviews, R"({"q":2})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, R"({"a":1})");
  FakeApiServer::Request request = cluster.server.requests().at(0);
  EXPECT_EQ(request.first_line, std::string("POST ") + kReviews + " HTTP/1.1");
  EXPECT_EQ(request.body, R"({"q":2})");
  EXPECT_THAT(request.head,
              AllOf(HasSubstr("\r\nAuthorization: Bearer agent-token\r\n"),
                    HasSubstr("\r\nContent-Type: application/json\r\n"),
                    HasSubstr("\r\nHost: 127.0.0.1:" + std::to_string(cluster.server.port())),
                    Not(HasSubstr("Connection: close"))));
}

TEST(ApiServerTest, ReadsAChunkedAnswerBelowThePrefixOfTheUrl) {
  FakeCluster cluster(AnswerWith(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  cluster.config.url += "/k8s/clusters/c-1/";
  auto client = cluster.Client();
  for (int i = 0; i < 2; ++i) {
    auto answer = client->Get("/api");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(*answer, "abcde");
  }
  EXPECT_EQ(cluster.server.requests().at(0).first_line, "GET /k8s/clusters/c-1/api HTTP/1.1");
  EXPECT_EQ(cluster.server.connections(), 1);
}

TEST(ApiServerTest, KeepsItsConnection) {
  FakeCluster cluster(AnswerWith(HttpAnswer(200, "{}")));
  auto client = cluster.Client();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(client->Post(kReviews, "{}"));
  EXPECT_EQ(cluster.server.connections(), 1);
  EXPECT_EQ(cluster.server.requests().size(), 5u);
}

TEST(ApiServerTest, OpensAnotherWhenTheServerClosedItBetweenRequests) {
  for (const char* header : {"", "Connection: close\r\n"}) {
    FakeCluster cluster([header](const auto& connection, const auto& /*request*/) {
      connection.Send(HttpAnswer(200, "{}", header));
      return false;
    });
    auto client = cluster.Client();
    for (int i = 0; i < 3; ++i) {
      auto answer = client->Post(kReviews, "{}");
      ASSERT_TRUE(answer) << answer.error().message;
    }
    EXPECT_EQ(cluster.server.connections(), 3);
  }
}

TEST(ApiServerTest, AsksAgainWhenAKeptConnectionIsClosedUnderTheRequest) {
  FakeCluster cluster([](const auto& connection, const FakeApiServer::Request& request) {
    if (request.number == 1) return false;
    return connection.Send(HttpAnswer(200, "{}"));
  });
  auto client = cluster.Client();
  ASSERT_TRUE(client->Post(kReviews, "{}"));
  auto answer = client->Post(kReviews, "{}");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(cluster.server.connections(), 2);
  EXPECT_EQ(cluster.server.requests().size(), 3u);
}

TEST(ApiServerTest, DoesNotAskAgainOnAFreshConnection) {
  FakeCluster cluster([](const auto& /*connection*/, const auto& /*request*/) { return false; });
  Error error = ErrorOf(cluster.Client()->Post(kReviews, "{}"));
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("closed the connection without an answer"));
  EXPECT_EQ(cluster.server.requests().size(), 1u);
}

TEST(ApiServerTest, DropsAConnectionOnWhichMoreCameThanTheAnswer) {
  FakeCluster cluster(AnswerWith(HttpAnswer(200, "{}") + HttpAnswer(200, "lie")));
  auto client = cluster.Client();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(*client->Post(kReviews, "{}"), "{}");
  EXPECT_EQ(cluster.server.connections(), 2);
}

TEST(ApiServerTest, TellsTheKindOfAFailureByTheStatus) {
  struct Case {
    int status;
    Code code;
  };
  for (const Case& c : {Case{400, Code::kInternal}, Case{401, Code::kPermissionDenied},
                        Case{403, Code::kPermissionDenied}, Case{404, Code::kNotFound},
                        Case{429, Code::kUnavailable}, Case{500, Code::kUnavailable},
                        Case{503, Code::kUnavailable}, Case{302, Code::kInternal}}) {
    Error error = ErrorFor(HttpAnswer(c.status, R"({"kind":"Status","message":"be\u001b[31mware"})",
                                      "Location: https://x/\r\n"));
    EXPECT_EQ(error.code, c.code) << c.status;
    EXPECT_THAT(error.message, HasSubstr("be\\x1b[31mware"));
  }
}

TEST(ApiServerTest, SaysWhichBindingTheAgentLacks) {
  EXPECT_THAT(ErrorFor(HttpAnswer(403, "{}")).message, HasSubstr("system:auth-delegator"));
  EXPECT_THAT(ErrorFor(HttpAnswer(401, "{}")).message, HasSubstr("the agent's own token"));
  EXPECT_THAT(
      ErrorFor(HttpAnswer(403, "{}"), "/api/v1/namespaces/kube-system/configmaps/x").message,
      HasSubstr("extension-apiserver-authentication-reader"));
}

TEST(ApiServerTest, PutsNoAnswerIntoAMessageAndAMessageOnlyCut) {
  EXPECT_THAT(ErrorFor(HttpAnswer(500, "secret")).message, Not(HasSubstr("secret")));
  EXPECT_THAT(ErrorFor(HttpAnswer(500, R"({"kind":"Status","message":7})")).message,
              HasSubstr("HTTP status 500"));
  std::string endless(100'000, 'x');
  EXPECT_LT(
      ErrorFor(HttpAnswer(500, R"({"kind":"Status","message":")" + endless + "\"}")).message.size(),
      1'000u);
}

TEST(ApiServerTest, StopsReadingAnAnswerThatDoesNotEnd) {
  for (const char* head : {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
                           "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n"}) {
    FakeCluster cluster([head](const auto& connection, const auto& /*request*/) {
      connection.Send(head);
      std::string line = "X: " + std::string(4'000, 'x') + "\r\n";
      while (connection.Send(line)) {
      }
      return false;
    });
    cluster.config.call_timeout = std::chrono::seconds(100);
    Error error = ErrorOf(cluster.Client()->Post(kReviews, "{}"));
    EXPECT_EQ(error.code, Code::kInternal) << head;
    EXPECT_THAT(error.message, HasSubstr("longer than 2097152 bytes"));
  }
}

TEST(ApiServerTest, RefusesWhatIsNotHttp) {
  for (const char* answer : {"hello\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "\r\n\r\n",
                             "HTTP/1.1 99999999999999999999 OK\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    Error error = ErrorFor(answer);
    EXPECT_TRUE(error.code == Code::kInternal || error.code == Code::kUnavailable)
        << answer << error.message;
  }
}

TEST(ApiServerTest, AnAnswerThatIsCutShortIsNone) {
  FakeCluster cluster([](const auto& connection, const auto& /*request*/) {
    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}");
    return false;
  });
  Error error = ErrorOf(cluster.Client()->Post(kReviews, "{}"));
  EXPECT_EQ(error.code, Code::kUnavailable) << error.message;
}

TEST(ApiServerTest, EndsACallInTimeWhateverTheServerDoes) {
  auto hang = [](const auto& connection, const auto& /*request*/) {
    connection.Hang();
    return false;
  };
  // Each byte comes in time, the whole does not.
  auto drip = [](const auto& connection, const auto& /*request*/) {
    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (connection.Pause(20) && connection.Send("x")) {
    }
    return false;
  };
  for (const FakeApiServer::Handler& handler :
       {FakeApiServer::Handler(hang), FakeApiServer::Handler(drip)}) {
    FakeCluster cluster(handler);
    cluster.config.call_timeout = kShort;
    auto start = std::chrono::steady_clock::now();
    Error error = ErrorOf(cluster.Client()->Post(kReviews, "{}"));
    EXPECT_EQ(error.code, Code::kDeadlineExceeded) << error.message;
    EXPECT_LT(std::chrono::steady_clock::now() - start, kShort * 10);
  }
}

TEST(ApiServerTest, UsesABoundedNumberOfConnections) {
  FakeCluster cluster([](const auto& connection, const auto& /*request*/) {
    connection.Pause(5);
    return connection.Send(HttpAnswer(200, "{}"));
  });
  auto client = cluster.Client();
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 32; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5; ++n) {
        if (client->Post(kReviews, "{}")) ++answered;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 32 * 5);
  EXPECT_LE(cluster.server.connections(), static_cast<int>(kMaxApiConnections));
}

TEST(ApiServerTest, DoesNotWaitForATurnForEver) {
  FakeCluster cluster([](const auto& connection, const auto& /*request*/) {
    connection.Hang();
    return false;
  });
  cluster.config.call_timeout = kShort;
  auto client = cluster.Client();
  std::atomic<int> late{0};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 2 * kMaxApiConnections; ++i) {
    threads.emplace_back([&] {
      if (ErrorOf(client->Post(kReviews, "{}")).code == Code::kDeadlineExceeded) ++late;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(late, static_cast<int>(2 * kMaxApiConnections));
}

TEST(ApiServerTest, TrustsOnlyItsCaAndOnlyTheHostThatItAskedFor) {
  FakeCluster cluster(AnswerWith(HttpAnswer(200, "{}")));
  FakeApiServer other_ca(TestCertificate::Ca("other").IssueServer(),
                         AnswerWith(HttpAnswer(200, "{}")));
  FakeApiServer other_host(
      cluster.serving_ca.Issue({.extended_key_usage = "serverAuth",
                                .subject_alternative_names = "DNS:elsewhere,IP:127.0.0.2"}),
      AnswerWith(HttpAnswer(200, "{}")));
  FakeApiServer expired(cluster.serving_ca.Issue({.extended_key_usage = "serverAuth",
                                                  .subject_alternative_names = "IP:127.0.0.1",
                                                  .ends_in_seconds = -60}),
                        AnswerWith(HttpAnswer(200, "{}")));
  for (const FakeApiServer* server : {&other_ca, &other_host, &expired}) {
    cluster.config.url = server->url();
    Error error = ErrorOf(cluster.Client()->Post(kReviews, "{}"));
    EXPECT_EQ(error.code, Code::kUnavailable);
    EXPECT_THAT(error.message, HasSubstr("the server's certificate: "));
    EXPECT_TRUE(server->requests().empty());  // nobody else saw the token
  }
}

TEST(ApiServerTest, ChecksTheNameOfAHost) {
  FakeCluster cluster(AnswerWith(HttpAnswer(200, "{}")));
  cluster.config.url = fmt::format("https://localhost:{}", cluster.server.port());
  auto answer = cluster.Client()->Post(kReviews, "{}");
  EXPECT_TRUE(answer) << answer.error().message;
  FakeApiServer other_host(
      cluster.serving_ca.Issue({.common_names = {"localhost"},
                                .extended_key_usage = "serverAuth",
                                .subject_alternative_names = "DNS:*.localhost"}),
      AnswerWith(HttpAnswer(200, "{}")));
  cluster.config.url = fmt::format("https://localhost:{}", other_host.port());
  EXPECT_THAT(ErrorOf(cluster.Client()->Post(kReviews, "{}")).message,
              HasSubstr("the server's certificate: "));
}

TEST(ApiServerTest, SaysWhenNobodyListens) {
  FakeCluster cluster(AnswerWith(HttpAnswer(200, "{}")));
  cluster.config.url = "https://127.0.0.1:1";
  Error error = ErrorOf(cluster.Client()->Post(kReviews, "{}"));
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("127.0.0.1:1: connect: connection refused"));
}

TEST(ApiServerTest, SendsANewTokenAfterItWasRotated) {
  FakeCluster cluster(AnswerWith(HttpAnswer(200, "{}")));
  auto client = cluster.Client();
  ASSERT_TRUE(client->Post(kReviews, "{}"));
  cluster.directory.Write("token", "next-token");
  // It looks at the file again after kFileCheckInterval.
  std::string head;
  const auto end = std::chrono::steady_clock::now() + 10 * kFileCheckInterval;
  while (head.find("Bearer next-token\r\n") == std::string::npos &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(20));
    ASSERT_TRUE(client->Post(kReviews, "{}"));
    head = cluster.server.requests().back().head;
  }
  EXPECT_THAT(head, HasSubstr("Bearer next-token\r\n"));
}

TEST(ApiServerTest, WaitsForItsFilesAndRefusesBadOnes) {
  FakeCluster cluster(AnswerWith(HttpAnswer(200, "{}")));
  cluster.config.token_file = cluster.directory.Path("absent");
  EXPECT_EQ(ErrorOf(cluster.Client()->Post(kReviews, "{}")).code, Code::kUnavailable);
  cluster.config.token_file = cluster.directory.Write("absent", "secret\r\nX: y");
  Error error = ErrorOf(cluster.Client()->Post(kReviews, "{}"));
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_THAT(error.message, Not(HasSubstr("secret")));
  cluster.config.ca_file = cluster.directory.Write("ca.crt", "nonsense");
  cluster.config.token_file = cluster.directory.Write("absent", "good");
  EXPECT_THAT(ErrorOf(cluster.Client()->Post(kReviews, "{}")).message, HasSubstr("in PEM"));
  EXPECT_TRUE(cluster.server.requests().empty());
}

TEST(ApiEndpointTest, ParsesUrls) {
  struct Case {
    const char* url;
    const char* authority;
    const char* prefix;
    bool is_address;
  };
  for (const Case& c : {Case{"https://api.example", "api.example:443", "", false},
                        Case{"https://api.example:6443/", "api.example:6443", "", false},
                        Case{"https://10.0.0.1/a/b", "10.0.0.1:443", "/a/b", true},
                        Case{"https://[fd00::1]:6443/a", "[fd00::1]:6443", "/a", true},
                        Case{"https://[::1]", "[::1]:443", "", true}}) {
    auto endpoint = ParseApiUrl(c.url);
    ASSERT_TRUE(endpoint) << c.url;
    EXPECT_EQ(endpoint->Authority(), c.authority);
    EXPECT_EQ(endpoint->path_prefix, c.prefix);
    EXPECT_EQ(endpoint->is_address, c.is_address);
  }
  for (const char* url :
       {"", "api.example", "http://api.example", "https://", "https://:443", "https://a:0",
        "https://a:65536", "https://a:b", "https://u:p@a", "https://a b", "https://a\r\nX: y",
        "https://a?q", "https://a/b?q", "https://a/b#c", "https://fd00::1", "https://[fd00::1",
        "https://[a]:1:2"}) {
    auto endpoint = ParseApiUrl(url);
    ASSERT_FALSE(endpoint) << url;
    EXPECT_EQ(endpoint.error().code, Code::kInvalidArgument);
  }
}

TEST(ApiEndpointTest, TakesTheEndpointOfAPod) {
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  auto endpoint = ApiEndpointOfPod();
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  ASSERT_TRUE(endpoint);
  EXPECT_EQ(endpoint->Authority(), "[fd00::1]:443");
  EXPECT_THAT(ApiEndpointOfPod().error().message, HasSubstr("this is not a pod"));
}

}  // namespace
}  // namespace nsdebug
