#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agent/auth/authentication.h"

namespace nsdebug {
namespace {

using testing::HasSubstr;

// Answers what the test sets.
class FixedAuthenticator : public Authenticator {
 public:
  Result<std::optional<Identity>> Authenticate(const Credentials& /*credentials*/) override {
    ++asked;
    return answer;
  }
  Result<std::optional<Identity>> answer = std::nullopt;
  int asked = 0;
};

Identity User(const std::string& name) {
  return {.user = name, .uid = "", .groups = {}, .extra = {}};
}

class AuthenticationTest : public testing::Test {
 protected:
  Result<std::optional<Identity>> Authenticate() {
    return Authentication({certificate_, token_}).Authenticate({});
  }

  FixedAuthenticator certificate_;
  FixedAuthenticator token_;
};

TEST_F(AuthenticationTest, TheFirstThatKnowsTheCallerDecides) {
  certificate_.answer = User("alice");
  token_.answer = User("bob");
  EXPECT_EQ((*Authenticate())->user, "alice");
  EXPECT_EQ(token_.asked, 0);
  certificate_.answer = std::nullopt;
  EXPECT_EQ((*Authenticate())->user, "bob");
}

TEST_F(AuthenticationTest, ABadCertificateDoesNotSpoilAGoodToken) {
  certificate_.answer = Fail(Code::kUnauthenticated, "expired");
  token_.answer = User("bob");
  EXPECT_EQ((*Authenticate())->user, "bob");
  certificate_.answer = Fail(Code::kUnavailable, "no CA yet");
  EXPECT_EQ((*Authenticate())->user, "bob");
}

TEST_F(AuthenticationTest, SaysWhatToSendWhenThereIsNothing) {
  auto identity = Authenticate();
  ASSERT_FALSE(identity);
  EXPECT_EQ(identity.error().code, Code::kUnauthenticated);
  EXPECT_THAT(identity.error().message, HasSubstr("send a client certificate or a bearer token"));
}

TEST_F(AuthenticationTest, CollectsWhatTheySaid) {
  certificate_.answer = Fail(Code::kUnauthenticated, "expired");
  token_.answer = Fail(Code::kUnauthenticated, "unknown");
  EXPECT_EQ(Authenticate().error().code, Code::kUnauthenticated);
  EXPECT_EQ(Authenticate().error().message, "expired; unknown");
  token_.answer = Fail(Code::kDeadlineExceeded, "slow");
  EXPECT_EQ(Authenticate().error().code, Code::kDeadlineExceeded);
  certificate_.answer = Fail(Code::kUnavailable, "no CA yet");
  EXPECT_EQ(Authenticate().error().code, Code::kUnavailable);
  EXPECT_EQ(Authenticate().error().message, "no CA yet; slow");
}

}  // namespace
}  // namespace nsdebug
