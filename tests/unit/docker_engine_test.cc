#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/io.h"
#include "docker/engine.h"
#include "tests/docker/fake_engine.h"
#include "tests/privileged.h"

namespace nsdebug::docker {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string kId(64, 'a');
const std::string kDescription =
    R"({"Id":")" + kId +
    R"(","Name":"/web","State":{"Status":"running","Running":true,"Pid":42,"ExitCode":0},)" +
    R"("HostConfig":{"Runtime":"runc"}})";
// Long enough for a loaded machine, short enough for a unit test that waits it out.
constexpr std::chrono::milliseconds kShort{200};

class EngineTest : public testing::Test {
 protected:
  Result<Container> Inspect(const FakeEngine& fake, std::string_view name = "web") {
    return Engine({.socket_path = fake.path(), .connect_timeout = kShort}).InspectContainer(name);
  }

  Result<Container> InspectBriefly(const FakeEngine& fake) {
    return Engine({.socket_path = fake.path(), .connect_timeout = kShort, .answer_timeout = kShort})
        .InspectContainer("web");
  }

  Error InspectAt(const std::string& path) {
    Result<Container> container =
        Engine({.socket_path = path, .connect_timeout = kShort}).InspectContainer("web");
    return container ? Error{Code::kInternal, "no error"} : container.error();
  }

  TemporaryDirectory directory_;
};

TEST_F(EngineTest, InspectsByNameWithOrWithoutASlash) {
  FakeEngine fake(AnswerWith(HttpAnswer(200, kDescription)));
  for (const char* name : {"web", "/web"}) {
    Result<Container> container = Inspect(fake, name);
    ASSERT_TRUE(container) << container.error().message;
    EXPECT_EQ(container->pid, 42);
    EXPECT_EQ(container->engine, "docker");
  }
  ASSERT_EQ(fake.requests().size(), 2U);
  for (const std::string& request : fake.requests()) {
    EXPECT_THAT(request, StartsWith("GET /containers/web/json HTTP/1.1\r\n"));
    // Go's server refuses a Host that is a path.
    EXPECT_THAT(request, HasSubstr("\r\nHost: localhost\r\n"));
    EXPECT_THAT(request, HasSubstr("\r\nAccept-Encoding: identity\r\n"));
  }
}

TEST_F(EngineTest, AsksPodmanForTheRuntimeItHides) {
  const std::string podman = "Libpod-Api-Version: 4.3.1\r\n";
  FakeEngine fake([&](const FakeEngine::Connection& connection, const std::string& line) {
    bool is_own = line == "GET /v4.0.0/libpod/containers/" + kId + "/json HTTP/1.1";
    connection.Send(HttpAnswer(200, is_own ? R"({"OCIRuntime":"crun"})" : kDescription, podman));
  });
  Result<Container> container = Inspect(fake);
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_EQ(container->engine, "podman");
  EXPECT_EQ(container->oci_runtime, "crun");
}

TEST_F(EngineTest, RefusesAnImpossibleNameBeforeSendingIt) {
  FakeEngine fake(AnswerWith(HttpAnswer(200, kDescription)));
  for (const char* name : {"", "/", "//web", "../images/json?a", "web/../../info", "-x"}) {
    Result<Container> container = Inspect(fake, name);
    ASSERT_FALSE(container) << name;
    EXPECT_EQ(container.error().code, Code::kInvalidArgument);
    EXPECT_EQ(
        container.error().message,
        fmt::format("container name \"{}\": it must start with a letter or digit and hold only "
                    "letters, digits, '_', '.' and '-'",
                    name));
  }
  EXPECT_TRUE(fake.requests().empty());
}

struct Status {
  int status;
  std::string body;
  Code code;
  std::string message;  // {} is the socket's path
};

class StatusTest : public testing::TestWithParam<Status> {};

TEST_P(StatusTest, BecomesADistinctError) {
  FakeEngine fake(AnswerWith(HttpAnswer(GetParam().status, GetParam().body)));
  Result<Container> container = Engine({.socket_path = fake.path()}).InspectContainer("a");
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().code, GetParam().code);
  EXPECT_EQ(container.error().message, fmt::format(fmt::runtime(GetParam().message), fake.path()));
}

const std::string kAmbiguous =
    "container a is ambiguous: more than one id of the engine at {} starts with it: give more "
    "digits "
    "or the name";

INSTANTIATE_TEST_SUITE_P(
    AllForms, StatusTest,
    testing::Values(
        Status{404, R"({"message":"No such container: a"})", Code::kNotFound,
               "container a not found: the engine at {} says: No such container: a"},
        Status{404, R"({"message":"\u001b[2Jgone"})", Code::kNotFound,
               "container a not found: the engine at {} says: \\x1b[2Jgone"},
        Status{404, "404 page not found", Code::kInternal,
               "inspect container a: the engine at {} answers status 404"},
        // What Docker 20.10, newer ones and Podman 4.3 say.
        Status{500, R"({"message":"Multiple IDs found with provided prefix: a"})",
               Code::kFailedPrecondition, kAmbiguous},
        Status{400, R"({"message":"multiple IDs found with provided prefix: a"})",
               Code::kFailedPrecondition, kAmbiguous},
        Status{404, R"({"message":"more than one result for container ID a: it exists"})",
               Code::kFailedPrecondition, kAmbiguous},
        Status{403, R"({"message":"denied by plugin"})", Code::kPermissionDenied,
               "inspect container a: the engine at {} answers status 403: denied by plugin"},
        Status{301, "", Code::kInternal,
               "inspect container a: the engine at {} answers status 301"},
        Status{500, "{\"message\":\"" + std::string(300, 'x') + "\"}", Code::kInternal,
               "inspect container a: the engine at {} answers status 500: " +
                   std::string(200, 'x') + "..."}));

TEST_F(EngineTest, SaysThatTheSocketIsMissing) {
  std::string path = directory_.path() + "/none.sock";
  Error error = InspectAt(path);
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_EQ(error.message, "inspect container web: connect to the engine at " + path +
                               ": no such file or directory: start Docker or Podman's API service, "
                               "or name its socket with --docker-host");
}

TEST_F(EngineTest, SaysThatNothingListens) {
  std::string path = directory_.path() + "/left.sock";
  ListenOn(path).Reset();  // the file of a dead engine stays
  Error error = InspectAt(path);
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_EQ(error.message, "inspect container web: connect to the engine at " + path +
                               ": connection refused: nothing listens there: start the engine");
}

TEST_F(EngineTest, SaysThatTheEngineAcceptsNoMore) {
  std::string path = directory_.path() + "/full.sock";
  UniqueFd listener = ListenOn(path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  std::vector<UniqueFd> waiting;
  for (;;) {
    waiting.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    auto* target = reinterpret_cast<sockaddr*>(&address);
    if (::connect(waiting.back().get(), target, sizeof(address)) != 0) break;
    ASSERT_LT(waiting.size(), 100U);
  }
  Error error = InspectAt(path);
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_EQ(error.message,
            "inspect container web: connect to the engine at " + path +
                ": its queue of connections stayed full for 200 ms: the engine hangs, restart it");
}

TEST_F(EngineTest, SaysThatTheSocketIsNotForUs) {
  NSDEBUG_REQUIRE_ROOT();
  std::string path = directory_.path() + "/private.sock";
  UniqueFd listener = ListenOn(path);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  // A process of its own, because the change of user is for ever.
  constexpr uid_t kNobody = 65534;
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::setresuid(kNobody, kNobody, kNobody) != 0) ::_exit(1);
    Error error = InspectAt(path);
    bool is_written = WriteAll(writer.get(), error.message, "pipe").has_value();
    ::_exit(is_written && error.code == Code::kPermissionDenied ? 0 : 1);
  }
  writer.Reset();
  Result<std::string> message = ReadAll(reader.get(), "pipe");
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(message.value(), "inspect container web: connect to the engine at " + path +
                                 ": permission denied: run as root or as a member of the socket's "
                                 "group");
}

TEST_F(EngineTest, GivesUpOnAnEngineThatHangs) {
  FakeEngine fake(
      [](const FakeEngine::Connection& connection, const std::string&) { connection.Hang(); });
  Result<Container> container = InspectBriefly(fake);
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(container.error().message,
            "inspect container web: ask the engine at " + fake.path() +
                ": no whole answer within 200 ms: the engine hangs or is overloaded");
}

TEST_F(EngineTest, BoundsTheTimeOfAnAnswerThatDrips) {
  // In the head and in the body: each byte would start the library's own timeout anew.
  for (const char* start :
       {"HTTP/1.1 200 OK\r\nX-Drip: ", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"}) {
    FakeEngine fake([start](const FakeEngine::Connection& connection, const std::string&) {
      connection.Send(start);
      while (connection.Pause(20) && connection.Send("x")) {
      }
    });
    Result<Container> container = InspectBriefly(fake);
    ASSERT_FALSE(container);
    EXPECT_EQ(container.error().code, Code::kDeadlineExceeded) << container.error().message;
  }
}

TEST_F(EngineTest, SaysThatThePeerIsNoEngine) {
  for (const char* answer : {"", "SSH-2.0-OpenSSH_9.2\r\n", "\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"Id\":"}) {
    FakeEngine fake(AnswerWith(answer));
    Result<Container> container = Inspect(fake);
    ASSERT_FALSE(container) << answer;
    EXPECT_EQ(container.error().code, Code::kInternal);
    EXPECT_EQ(
        container.error().message,
        "inspect container web: ask the engine at " + fake.path() +
            ": it closed the connection without an HTTP answer: is this the socket of a Docker "
            "Engine?");
  }
}

TEST_F(EngineTest, RefusesAnAnswerThatIsNoContainer) {
  FakeEngine fake(AnswerWith(HttpAnswer(200, "<html>hello</html>")));
  Result<Container> container = Inspect(fake);
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().code, Code::kInternal);
  EXPECT_EQ(container.error().message,
            "inspect container web: engine at " + fake.path() +
                ": description of a container: the answer is not a JSON object");
}

TEST_F(EngineTest, BoundsTheSizeOfAnAnswer) {
  const std::string too_long(kMaxAnswerBytes + 1, 'x');
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                              fmt::format("{:x}\r\n{}\r\n", too_long.size(), too_long);
  const std::string unbounded = "HTTP/1.1 200 OK\r\n\r\n" + too_long;
  for (const std::string& answer : {HttpAnswer(200, too_long), chunked, unbounded}) {
    FakeEngine fake([&](const FakeEngine::Connection& connection, const std::string&) {
      connection.Send(answer);
      connection.Hang();
    });
    Result<Container> container = Inspect(fake);
    ASSERT_FALSE(container);
    EXPECT_EQ(container.error().code, Code::kResourceExhausted) << container.error().message;
    EXPECT_EQ(container.error().message, "inspect container web: ask the engine at " + fake.path() +
                                             ": its answer is longer than 1048576 bytes");
  }
}

TEST_F(EngineTest, BoundsTheSizeOfAHead) {
  // In a single line and in many.
  for (const char* part : {"x", "X: y\r\n"}) {
    FakeEngine fake([part](const FakeEngine::Connection& connection, const std::string&) {
      std::string flood = "HTTP/1.1 200 OK\r\n";
      while (flood.size() <= kMaxAnswerBytes) flood += part;
      connection.Send(flood);
      connection.Hang();
    });
    Result<Container> container = Inspect(fake);
    ASSERT_FALSE(container);
    EXPECT_EQ(container.error().code, Code::kResourceExhausted) << container.error().message;
  }
}

TEST_F(EngineTest, DoesNotUnpackAnAnswerItDidNotAskFor) {
  FakeEngine fake(AnswerWith(HttpAnswer(200, "\x1f\x8b", "Content-Encoding: gzip\r\n")));
  Result<Container> container = Inspect(fake);
  ASSERT_FALSE(container);
  EXPECT_EQ(container.error().message,
            "inspect container web: engine at " + fake.path() +
                ": description of a container: the answer is not a JSON object");
}

TEST_F(EngineTest, TakesALongAnswerWithinTheBound) {
  constexpr size_t kHeadBytes = 1024;
  std::string padded =
      kDescription + std::string(kMaxAnswerBytes - kHeadBytes - kDescription.size(), ' ');
  FakeEngine fake(AnswerWith(HttpAnswer(200, padded)));
  Result<Container> container = Inspect(fake);
  ASSERT_TRUE(container) << container.error().message;
  EXPECT_EQ(container->id, kId);
}

}  // namespace
}  // namespace nsdebug::docker
