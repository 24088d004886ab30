#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"
#include "cri/endpoint.h"

namespace nsdebug::cri {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A directory with sockets in it that refuse, as a runtime that died leaves them.
class CriEndpointTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/nsdebug-endpoint-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr) << std::strerror(errno);
    directory_ = path;
  }

  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string MakeDeadSocket(const std::string& name) const {
    const std::string path = directory_ + "/" + name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    UniqueFd bound(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(bound.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return path;
  }

  std::string directory_;
};

TEST(CriParseEndpointTest, TakesAUrlOrAPath) {
  for (const char* endpoint :
       {"unix:///run/containerd/containerd.sock", "/run/containerd/containerd.sock"}) {
    Result<std::string> path = ParseEndpoint(endpoint);
    ASSERT_TRUE(path) << path.error().message;
    EXPECT_EQ(*path, "/run/containerd/containerd.sock");
  }
}

TEST(CriParseEndpointTest, RefusesWhatIsNoUnixSocket) {
  for (const char* endpoint : {"", "unix://", "unix://run/x.sock", "run/x.sock",
                               "tcp://127.0.0.1:3735", "http://localhost", "npipe:////./pipe/x",
                               "UNIX:///run/x.sock", "unix:/run/x.sock", "@abstract"}) {
    Result<std::string> path = ParseEndpoint(endpoint);
    ASSERT_FALSE(path) << endpoint;
    EXPECT_EQ(path.error().code, Code::kInvalidArgument);
    EXPECT_EQ(path.error().message, "runtime endpoint '" + std::string(endpoint) +
                                        "' is not a Unix socket: write unix:///PATH");
  }
}

// The kernel would cut the path there and connect to another socket.
TEST(CriParseEndpointTest, RefusesAnEmbeddedNul) {
  using namespace std::string_view_literals;
  Result<std::string> path = ParseEndpoint("/run/x.sock\0.evil"sv);
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, Code::kInvalidArgument);
  EXPECT_THAT(path.error().message, HasSubstr("\\x00"));
}

TEST(CriParseEndpointTest, KnowsHowLongAnAddressCanBe) {
  const std::string longest(sizeof(sockaddr_un::sun_path) - 1, 'x');
  Result<std::string> fits = ParseEndpoint("/" + longest.substr(1));
  ASSERT_TRUE(fits) << fits.error().message;
  EXPECT_EQ(fits->size(), longest.size());

  Result<std::string> too_long = ParseEndpoint("/" + longest);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, Code::kInvalidArgument);
  EXPECT_THAT(too_long.error().message,
              HasSubstr("is longer than a socket's path can be (107 bytes)"));
}

TEST(CriParseEndpointTest, PrintsNoControlCharacters) {
  Result<std::string> path = ParseEndpoint("tcp://\x1b[2J");
  ASSERT_FALSE(path);
  EXPECT_THAT(path.error().message, HasSubstr("'tcp://\\x1b[2J'"));
}

TEST(CriDefaultSocketsTest, AreAllAddresses) {
  EXPECT_FALSE(DefaultSockets().empty());
  for (const std::string& socket : DefaultSockets()) {
    EXPECT_TRUE(ParseEndpoint(socket)) << socket;
  }
}

TEST_F(CriEndpointTest, NamesTheSocketsThatDoNotExist) {
  Result<std::unique_ptr<Client>> client =
      ConnectRuntime("", {}, {directory_ + "/one.sock", directory_ + "/two.sock"});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::kUnavailable);
  EXPECT_EQ(client.error().message, "no container runtime on this node: none of " + directory_ +
                                        "/one.sock, " + directory_ +
                                        "/two.sock exists (name another with --runtime-endpoint)");
}

TEST_F(CriEndpointTest, SaysOfEachSocketWhyItDoesNotAnswer) {
  const std::string one = MakeDeadSocket("one.sock");
  const std::string two = MakeDeadSocket("two.sock");
  Result<std::unique_ptr<Client>> client =
      ConnectRuntime("", {}, {one, directory_ + "/absent.sock", two});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::kUnavailable);
  EXPECT_EQ(client.error().message,
            "no container runtime answers: connect to container runtime socket " + one +
                ": nobody listens; is the runtime running?; connect to container runtime socket " +
                two + ": nobody listens; is the runtime running?");
}

TEST_F(CriEndpointTest, LeavesTheConnectionOfANamedEndpointToTheFirstCall) {
  Result<std::unique_ptr<Client>> client = ConnectRuntime("unix://" + directory_ + "/absent.sock");
  ASSERT_TRUE(client) << client.error().message;
  Result<Version> version = (*client)->GetVersion();
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Code::kUnavailable);
  EXPECT_EQ(version.error().message, "connect to container runtime socket " + directory_ +
                                         "/absent.sock: no such socket; is the runtime installed?");
}

// connect(2) gives a plain file and a socket without a listener the same errno.
TEST_F(CriEndpointTest, SaysThatNobodyListensAtAFile) {
  const std::string path = directory_ + "/file";
  ASSERT_TRUE(std::ofstream(path) << "not a socket");
  Result<std::unique_ptr<Client>> client = ConnectRuntime(path);
  ASSERT_TRUE(client) << client.error().message;
  Result<Version> version = (*client)->GetVersion();
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Code::kUnavailable);
  EXPECT_EQ(version.error().message, "connect to container runtime socket " + path +
                                         ": nobody listens; is the runtime running?");
}

TEST_F(CriEndpointTest, TriesNothingWhenTheNamedEndpointCannotBeOne) {
  Result<std::unique_ptr<Client>> client = ConnectRuntime("tcp://node:1", {}, {"/dev/null"});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::kInvalidArgument);
  EXPECT_THAT(client.error().message, StartsWith("runtime endpoint 'tcp://node:1'"));
}

}  // namespace
}  // namespace nsdebug::cri
