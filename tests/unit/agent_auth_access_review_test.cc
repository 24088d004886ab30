#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "agent/auth/access_review.h"
#include "agent/auth/denial.h"
#include "tests/fake_api_server/fake_cluster.h"

namespace nsdebug {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;

const std::string kYes = R"({"status":{"allowed":true}})";
const std::string kNo = R"({"status":{"allowed":false,"reason":"no\u0007pe"}})";
const Identity kAlice{.user = "alice", .uid = "u1", .groups = {"ops"}, .extra = {{"k", {"v"}}}};
const Attributes kExec{.verb = "create",
                       .group = kApiGroup,
                       .resource = "pods",
                       .subresource = "exec",
                       .resource_namespace = "bank",
                       .name = "web-7"};

class AccessReviewTest : public testing::Test {
 protected:
  AccessReviewTest()
      : cluster_([this](const auto& connection, const auto& /*request*/) {
          std::lock_guard lock(mutex_);
          return connection.Send(answer_);
        }) {}

  void Answer(const std::string& body, int status = 201) {
    std::lock_guard lock(mutex_);
    answer_ = HttpAnswer(status, body);
  }

  // nullopt: allowed.
  std::optional<Error> Ask(const Identity& identity = kAlice,
                           const Attributes& attributes = kExec) {
    if (client_ == nullptr) client_ = cluster_.Client();
    if (!review_) {
      review_.emplace(*client_, options_,
                      [this] { return AccessReview::Cache::Clock::time_point(now_.load()); });
    }
    Result<void> allowed = review_->Authorize(identity, attributes);
    return allowed ? std::nullopt : std::optional(allowed.error());
  }

  size_t asked() const { return cluster_.server.requests().size(); }

  std::mutex mutex_;
  std::string answer_ = HttpAnswer(201, kYes);  // guarded by mutex_
  FakeCluster cluster_;
  AccessReview::Options options_;
  std::atomic<milliseconds> now_{milliseconds(0)};
  std::unique_ptr<ApiServer> client_;
  std::optional<AccessReview> review_;
};

TEST_F(AccessReviewTest, AsksTheWholeQuestion) {
  EXPECT_FALSE(Ask());
  FakeApiServer::Request request = cluster_.server.requests().at(0);
  EXPECT_EQ(request.first_line, "POST /apis/authorization.k8s.io/v1/subjectaccessreviews HTTP/1.1");
  EXPECT_EQ(json::parse(request.body), json::parse(R"(
      {"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{
        "user":"alice","uid":"u1","groups":["ops"],"extra":{"k":["v"]},
        "resourceAttributes":{"verb":"create","group":"ns-debug.io","version":"v1alpha1",
          "resource":"pods","subresource":"exec","namespace":"bank","name":"web-7"}}})"));
}

TEST_F(AccessReviewTest, LeavesOutWhatIsEmpty) {
  EXPECT_FALSE(Ask({.user = "bob", .uid = "", .groups = {}, .extra = {}}, {.verb = "list",
                                                                           .group = kApiGroup,
                                                                           .resource = "sessions",
                                                                           .subresource = "",
                                                                           .resource_namespace = "",
                                                                           .name = ""}));
  EXPECT_EQ(json::parse(cluster_.server.requests().at(0).body)["spec"], json::parse(R"(
      {"user":"bob","resourceAttributes":{"verb":"list","group":"ns-debug.io",
        "version":"v1alpha1","resource":"sessions"}})"));
}

TEST_F(AccessReviewTest, SpeaksOfADenialAsKubectlDoes) {
  Answer(kNo);
  EXPECT_EQ(Ask()->code, Code::kPermissionDenied);
  EXPECT_EQ(Ask()->message,
            R"(user "alice" cannot create resource "pods/exec" in API group "ns-debug.io" )"
            R"(in the namespace "bank" with the name "web-7": no\x07pe)");
  Answer(R"({"status":{"allowed":false}})");
  Attributes sessions{.verb = "list",
                      .group = kApiGroup,
                      .resource = "sessions",
                      .subresource = "",
                      .resource_namespace = "",
                      .name = ""};
  EXPECT_EQ(Ask(kAlice, sessions)->message,
            R"(user "alice" cannot list resource "sessions" in API group "ns-debug.io" )"
            R"(at the cluster scope)");
}

TEST_F(AccessReviewTest, CutsALongReason) {
  Answer(R"({"status":{"allowed":false,"reason":")" + std::string(100'000, 'x') + "\"}}");
  EXPECT_THAT(Ask()->message, EndsWith("xxx..."));
  EXPECT_LT(Ask()->message.size(), kMaxReasonBytes + 200);
}

TEST_F(AccessReviewTest, DeniedIsStrongerThanAllowed) {
  Answer(R"({"status":{"allowed":true,"denied":true}})");
  EXPECT_EQ(Ask()->code, Code::kPermissionDenied);
}

TEST_F(AccessReviewTest, KeepsDecisionsForTheirTimes) {
  EXPECT_FALSE(Ask());
  now_ = options_.allowed_ttl - milliseconds(1);
  Answer(kNo);
  EXPECT_FALSE(Ask());
  EXPECT_EQ(asked(), 1u);
  now_ = options_.allowed_ttl;
  EXPECT_TRUE(Ask());
  Answer(kYes);
  now_ = options_.allowed_ttl + options_.denied_ttl - milliseconds(1);
  EXPECT_TRUE(Ask());
  EXPECT_EQ(asked(), 2u);
  now_ = options_.allowed_ttl + options_.denied_ttl;
  EXPECT_FALSE(Ask());
}

TEST_F(AccessReviewTest, KnowsWithoutAQuestionWhatItKeeps) {
  EXPECT_FALSE(Ask());
  ASSERT_TRUE(review_->AuthorizeHere(kAlice, kExec));
  EXPECT_TRUE(*review_->AuthorizeHere(kAlice, kExec));
  Attributes other = kExec;
  other.name = "other";
  EXPECT_FALSE(review_->AuthorizeHere(kAlice, other));
  Answer(kNo);
  const std::optional<Error> denied = Ask(kAlice, other);
  const auto known = review_->AuthorizeHere(kAlice, other);
  ASSERT_TRUE(denied && known && !*known);
  EXPECT_EQ(known->error().message, denied->message);
  now_ = options_.allowed_ttl;
  EXPECT_FALSE(review_->AuthorizeHere(kAlice, kExec));
  EXPECT_EQ(asked(), 2u);
}

TEST_F(AccessReviewTest, KeepsABoundedNumberOfDecisions) {
  options_.max_cached_decisions = 2;
  for (const char* name : {"a", "b", "a", "c", "a", "b"}) {
    Attributes attributes = kExec;
    attributes.name = name;
    EXPECT_FALSE(Ask(kAlice, attributes));
  }
  EXPECT_EQ(asked(), 4u);
}

TEST_F(AccessReviewTest, AFailedReviewIsNeverAYesAndNeverKept) {
  struct Case {
    int status;
    std::string body;
    Code code;
  };
  for (const Case& c :
       {Case{500, "{}", Code::kUnavailable}, Case{429, "{}", Code::kUnavailable},
        // The agent's own right, which the caller must not take for theirs.
        Case{403, "{}", Code::kUnavailable}, Case{401, "{}", Code::kUnavailable},
        Case{201, "", Code::kInternal}, Case{201, "{}", Code::kInternal},
        Case{201, R"({"status":{}})", Code::kInternal},
        Case{201, R"({"status":"allowed"})", Code::kInternal},
        Case{201, R"({"status":{"allowed":"true"}})", Code::kInternal},
        Case{201, R"({"status":{"allowed":true,"denied":"false"}})", Code::kInternal}}) {
    Answer(c.body, c.status);
    auto error = Ask();
    ASSERT_TRUE(error) << c.body;
    EXPECT_EQ(error->code, c.code) << c.status << c.body;
    EXPECT_THAT(error->message, HasSubstr("review the access: "));
  }
  Answer(kYes);
  EXPECT_FALSE(Ask());
}

TEST_F(AccessReviewTest, NeverAsksAnIncompleteOrUnspeakableQuestion) {
  Attributes no_verb = kExec;
  no_verb.verb = "";
  EXPECT_EQ(Ask(kAlice, no_verb)->code, Code::kInternal);
  EXPECT_EQ(Ask({.user = "", .uid = "", .groups = {}, .extra = {}})->code, Code::kInternal);
  Attributes not_utf8 = kExec;
  not_utf8.name = "web\xff";
  EXPECT_EQ(Ask(kAlice, not_utf8)->code, Code::kInternal);
  EXPECT_EQ(asked(), 0u);
}

TEST(AccessQuestionTest, EveryFieldMakesAnotherQuestion) {
  std::vector<std::pair<Identity, Attributes>> questions(12, {kAlice, kExec});
  questions[1].first.user = "alic";
  questions[2].first.uid = "";
  questions[3].first.groups = {"ops", ""};
  questions[4].first.groups = {"o", "ps"};
  questions[5].first.extra = {{"k", {"v", "v"}}};
  questions[6].first.extra = {{"k", {}}, {"v", {}}};
  questions[7].second.verb = "get";
  questions[8].second.group = "";
  questions[9].second.resource = "podsexec", questions[9].second.subresource = "";
  questions[10].second.resource_namespace = "", questions[10].second.name = "bank";
  questions[11].second.name = "web-7bank", questions[11].second.resource_namespace = "";
  std::set<std::string> encoded;
  for (const auto& [identity, attributes] : questions) {
    encoded.insert(EncodeQuestion(identity, attributes));
  }
  EXPECT_EQ(encoded.size(), questions.size());
}

}  // namespace
}  // namespace nsdebug
