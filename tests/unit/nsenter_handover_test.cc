#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/io.h"
#include "base/process.h"
#include "nsenter/handover.h"

namespace nsdebug {
namespace {

Result<Target> SendAndDecode(const Target& target) {
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  if (Result<void> sent = SendTarget(pair->first.get(), target); !sent) {
    return Propagate(sent.error());
  }
  return DecodeAnswer(ReceiveMessage(pair->second.get(), 1000).value());
}

TEST(HandoverTest, RequestSurvivesTheRoundTrip) {
  const ResolveRequest request{"pod", "shop/web", "app", true, "unix:///run/x.sock", ""};
  Result<ResolveRequest> decoded = DecodeRequest(EncodeRequest(request));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->kind, "pod");
  EXPECT_EQ(decoded->target, "shop/web");
  EXPECT_EQ(decoded->container, "app");
  EXPECT_TRUE(decoded->sandbox);
  EXPECT_EQ(decoded->runtime_endpoint, "unix:///run/x.sock");
}

TEST(HandoverTest, RefusesAnotherVersionUnknownFieldsAndGarbage) {
  for (const char* text : {R"({"version":2,"kind":"pod"})", R"({"version":1,"extra":1})", "", "[]",
                           R"({"version":1,"kind":7})"}) {
    Result<ResolveRequest> decoded = DecodeRequest(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_THAT(decoded.error().message, testing::StartsWith("malformed request: "));
  }
}

TEST(HandoverTest, TargetArrivesWithItsPidfd) {
  Target target;
  target.pidfd = std::move(OpenPidfd(::getpid()).value());
  target.pid = ::getpid();
  target.runtime = "containerd";
  target.pod_namespace = "shop";
  target.pod_name = "web";
  target.container_name = "app";
  target.container_id = "0123";
  target.note = "not UTF-8: \xff";
  Result<Target> received = SendAndDecode(target);
  ASSERT_TRUE(received) << received.error().message;
  EXPECT_EQ(PidOf(received->pidfd.get()).value(), ::getpid());
  EXPECT_EQ(received->container_name, "app");
  EXPECT_EQ(received->note, "not UTF-8: \xef\xbf\xbd");
}

TEST(HandoverTest, SandboxWithoutAProcessArrivesWithItsNamespaces) {
  Target target;
  target.namespaces.push_back(
      {"net", "/run/netns/x", std::move(Open("/proc/self/ns/net").value())});
  Result<Target> received = SendAndDecode(target);
  ASSERT_TRUE(received) << received.error().message;
  EXPECT_FALSE(received->pidfd.valid());
  ASSERT_EQ(received->namespaces.size(), 1u);
  EXPECT_EQ(received->namespaces[0].kind, "net");
  EXPECT_TRUE(received->namespaces[0].fd.valid());
}

TEST(HandoverTest, ErrorsKeepTheirCode) {
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  ASSERT_TRUE(SendError(pair->first.get(), {Code::kFailedPrecondition, "it is not running"}));
  Result<Target> decoded = DecodeAnswer(ReceiveMessage(pair->second.get(), 1000).value());
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(decoded.error().message, "it is not running");
}

TEST(HandoverTest, RefusesAnAnswerWithoutItsDescriptors) {
  Message message;
  message.bytes =
      R"({"version":1,"pid":7,"runtime":"","podNamespace":"","podName":"","containerName":"",)"
      R"("containerId":"","processSpec":"","note":"","namespaces":[]})";
  Result<Target> decoded = DecodeAnswer(std::move(message));
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().message, testing::HasSubstr("descriptors does not match"));
}

}  // namespace
}  // namespace nsdebug
