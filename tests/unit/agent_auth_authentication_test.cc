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
  std::optional<Result<std::optional<Identity>>> AuthenticateHere(
      const Credentials& /*credentials*/) override {
    return here;
  }
  Result<std::optional<Identity>> answer = std::nullopt;
  std::optional<Result<std::optional<Identity>>> here;
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

TEST_F(AuthenticationTest, WithoutAQuestionOnlyWhatNoOtherWouldDecideIsKnown) {
  Authentication authentication({certificate_, token_});
  const auto known = [&] { return authentication.AuthenticateHere({}); };
  token_.here = User("bob");
  EXPECT_FALSE(known()) << "the certificate goes first, and is not known";
  certificate_.here = Fail(Code::kUnauthenticated, "expired");
  EXPECT_EQ((**known())->user, "bob");
  certificate_.here = User("alice");
  token_.here.reset();
  EXPECT_EQ((**known())->user, "alice");
  certificate_.here = std::nullopt;
  EXPECT_FALSE(known());
  certificate_.here.emplace(std::nullopt);
  EXPECT_FALSE(known());
  token_.here.emplace(Fail(Code::kUnauthenticated, "bad"));
  ASSERT_TRUE(known());
  EXPECT_EQ(known()->error().message, "bad");
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
