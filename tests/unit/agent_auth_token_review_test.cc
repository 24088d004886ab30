#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "agent/auth/bearer.h"
#include "agent/auth/token_review.h"
#include "tests/fake_api_server/fake_cluster.h"

namespace nsdebug {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kAlice =
    R"({"kind":"TokenReview","status":{"authenticated":true,"user":{"username":"alice","uid":"u1",)"
    R"("groups":["ops"],"extra":{"k":["v","w"]}}}})";
const std::string kNobody =
    R"({"kind":"TokenReview","status":{"error":"[invalid bearer token, \u001b expired]"}})";

class TokenReviewTest : public testing::Test {
 protected:
  TokenReviewTest()
      : cluster_([this](const auto& connection, const auto& /*request*/) {
          std::lock_guard lock(mutex_);
          return connection.Send(answer_);
        }) {}

  void Answer(const std::string& body, int status = 201) {
    std::lock_guard lock(mutex_);
    answer_ = HttpAnswer(status, body);
  }

  Result<std::optional<Identity>> Review(const std::string& token = "token-of-alice") {
    if (client_ == nullptr) client_ = cluster_.Client();
    if (!review_) {
      review_.emplace(*client_, options_,
                      [this] { return TokenReview::Cache::Clock::time_point(now_.load()); });
    }
    return review_->Authenticate({.certificates = {}, .bearer_token = token});
  }

  Error ReviewFails(const std::string& token = "token-of-alice") {
    auto identity = Review(token);
    return identity ? Error{Code::kInvalidArgument, "no error"} : identity.error();
  }

  size_t asked() const { return cluster_.server.requests().size(); }

  std::mutex mutex_;
  std::string answer_ = HttpAnswer(201, kAlice);  // guarded by mutex_
  FakeCluster cluster_;
  TokenReview::Options options_;
  std::atomic<milliseconds> now_{milliseconds(0)};
  std::unique_ptr<ApiServer> client_;
  std::optional<TokenReview> review_;
};

TEST_F(TokenReviewTest, KnowsWithoutAQuestionWhatItKeeps) {
  const auto known = [this](const std::string& token) {
    return review_->AuthenticateHere({.certificates = {}, .bearer_token = token});
  };
  Answer(kAlice);
  ASSERT_TRUE(Review());
  EXPECT_EQ((**known("token-of-alice"))->user, "alice");
  EXPECT_FALSE(known("another"));
  Answer(kNobody);
  const Error refused = ReviewFails("another");
  ASSERT_TRUE(known("another"));
  EXPECT_EQ(known("another")->error().message, refused.message);
  // These take no question anyway.
  EXPECT_EQ(known("two words")->error().code, Code::kUnauthenticated);
  EXPECT_FALSE(**known(""));
  now_ = options_.token_ttl;
  EXPECT_FALSE(known("token-of-alice"));
  EXPECT_EQ(asked(), 2u);
}

TEST_F(TokenReviewTest, FindsOutWhoItIs) {
  auto identity = Review("abc.def");
  ASSERT_TRUE(identity && *identity) << identity.error().message;
  EXPECT_EQ((*identity)->user, "alice");
  EXPECT_EQ((*identity)->uid, "u1");
  EXPECT_THAT((*identity)->groups, ElementsAre("ops", "system:authenticated"));
  EXPECT_THAT((*identity)->extra.at("k"), ElementsAre("v", "w"));
  FakeApiServer::Request request = cluster_.server.requests().at(0);
  EXPECT_EQ(request.first_line, "POST /apis/authentication.k8s.io/v1/tokenreviews HTTP/1.1");
  EXPECT_EQ(json::parse(request.body),
            json::parse(R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview",
                            "spec":{"token":"abc.def"}})"));
}

TEST_F(TokenReviewTest, WithoutATokenItHasNoOpinion) {
  auto identity = Review("");
  ASSERT_TRUE(identity);
  EXPECT_FALSE(*identity);
  EXPECT_EQ(asked(), 0u);
}

TEST_F(TokenReviewTest, TakesNullForAnEmptyList) {
  Answer(R"({"status":{"authenticated":true,"user":{"username":"a","groups":null,"extra":null}}})");
  auto identity = Review();
  ASSERT_TRUE(identity && *identity);
  EXPECT_THAT((*identity)->groups, ElementsAre("system:authenticated"));
}

TEST_F(TokenReviewTest, RefusesWhatNoTokenCanBeWithoutAsking) {
  for (const std::string& token : {std::string("a b"), std::string("a\n"), std::string("\xff"),
                                   std::string(1, '\0'), std::string(kMaxTokenBytes + 1, 'x')}) {
    EXPECT_EQ(ReviewFails(token).code, Code::kUnauthenticated);
  }
  EXPECT_EQ(asked(), 0u);
}

TEST_F(TokenReviewTest, SaysWhyTheApiServerRefused) {
  Answer(kNobody);
  Error error = ReviewFails("secret-token");
  EXPECT_EQ(error.code, Code::kUnauthenticated);
  EXPECT_THAT(error.message, AllOf(HasSubstr("invalid bearer token, \\x1b expired"),
                                   Not(HasSubstr("secret-token"))));
}

TEST_F(TokenReviewTest, NeverRepeatsATokenThatTheApiServerRepeats) {
  const std::string token = "secret-" + std::string(400, 't');
  Answer(R"({"status":{"error":"bad token )" + token + "\"}}");
  EXPECT_THAT(ReviewFails(token).message, Not(HasSubstr("secret-")));
  Answer(R"({"kind":"Status","message":"bad token )" + token + "x\"}", 422);
  EXPECT_THAT(ReviewFails(token + "x").message, Not(HasSubstr("secret-")));
}

TEST_F(TokenReviewTest, ChecksTheAudiencesThatItAskedFor) {
  options_.audiences = {"ns-debug", "other"};
  auto with_audiences = [](const std::string& audiences) {
    json review = json::parse(kAlice);
    if (!audiences.empty()) review["status"]["audiences"] = json::parse(audiences);
    return review.dump();
  };
  // A server that knows no audiences says nothing of them.
  for (const char* audiences : {"", "null", "[]", R"(["https://kubernetes"])"}) {
    Answer(with_audiences(audiences));
    Error error = ReviewFails(std::string("token") + audiences);
    EXPECT_EQ(error.code, Code::kUnauthenticated) << audiences;
    EXPECT_THAT(error.message, HasSubstr("audiences"));
  }
  Answer(with_audiences(R"(["x","ns-debug"])"));
  auto identity = Review("good");
  EXPECT_TRUE(identity && *identity);
  EXPECT_EQ(json::parse(cluster_.server.requests().back().body)["spec"]["audiences"],
            json({"ns-debug", "other"}));
}

TEST_F(TokenReviewTest, KeepsAnIdentityForItsTime) {
  options_.token_ttl = milliseconds(1'000);
  for (milliseconds now : {milliseconds(0), milliseconds(999), milliseconds(1'000)}) {
    now_ = now;
    ASSERT_TRUE(Review());
  }
  EXPECT_EQ(asked(), 2u);
  ASSERT_TRUE(Review("another"));
  EXPECT_EQ(asked(), 3u);
}

TEST_F(TokenReviewTest, KeepsARefusalShortly) {
  Answer(kNobody);
  EXPECT_EQ(ReviewFails().code, Code::kUnauthenticated);
  Answer(kAlice);
  now_ = kRefusedTokenTtl - milliseconds(1);
  EXPECT_EQ(ReviewFails().code, Code::kUnauthenticated);
  EXPECT_EQ(asked(), 1u);
  now_ = kRefusedTokenTtl;
  EXPECT_TRUE(Review());
}

TEST_F(TokenReviewTest, KeepsABoundedNumberOfTokens) {
  options_.max_cached_tokens = 2;
  for (const char* token : {"a", "b", "a", "c", "a", "b"}) ASSERT_TRUE(Review(token));
  EXPECT_EQ(asked(), 4u);
}

TEST_F(TokenReviewTest, AFailedReviewIsNeverAYesAndNeverKept) {
  struct Case {
    int status;
    std::string body;
    Code code;
  };
  for (const Case& c :
       {Case{500, "{}", Code::kUnavailable}, Case{429, "{}", Code::kUnavailable},
        Case{403, "{}", Code::kUnavailable}, Case{401, "{}", Code::kUnavailable},
        Case{404, "{}", Code::kUnavailable}, Case{201, "", Code::kInternal},
        Case{201, "[]", Code::kInternal}, Case{201, "{\"status\":", Code::kInternal},
        Case{201, R"({"kind":"Status","status":"Failure"})", Code::kInternal},
        Case{201, R"({"status":{"authenticated":"true"}})", Code::kInternal},
        Case{201, R"({"status":{"authenticated":true}})", Code::kInternal},
        Case{201, R"({"status":{"authenticated":true,"user":{}}})", Code::kInternal},
        Case{201, R"({"status":{"authenticated":true,"user":{"username":7}}})", Code::kInternal},
        Case{201, R"({"status":{"authenticated":true,"user":{"username":"a","groups":"g"}}})",
             Code::kInternal}}) {
    Answer(c.body, c.status);
    Error error = ReviewFails("secret-token");
    EXPECT_EQ(error.code, c.code) << c.status << c.body;
    EXPECT_THAT(error.message,
                AllOf(HasSubstr("review the bearer token: "), Not(HasSubstr("secret-token"))));
  }
  Answer(kAlice);
  EXPECT_TRUE(Review("secret-token"));
}

TEST_F(TokenReviewTest, ManyCallersWithOneTokenAskOnce) {
  ASSERT_TRUE(Review("warm-up"));
  std::atomic<int> known{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 32; ++i) {
    threads.emplace_back([&] {
      auto identity = review_->Authenticate({.certificates = {}, .bearer_token = "shared"});
      if (identity && *identity) ++known;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(known, 32);
  EXPECT_EQ(asked(), 2u);
}

}  // namespace
}  // namespace nsdebug
