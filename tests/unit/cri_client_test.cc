#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "cri/client.h"
#include "cri/endpoint.h"
#include "cri/runtime.grpc.pb.h"

namespace nsdebug::cri {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

/// Answers Version, and keeps the filter of a list.
class VersionService : public ::runtime::v1::RuntimeService::Service {
  grpc::Status Version(grpc::ServerContext*, const ::runtime::v1::VersionRequest*,
                       ::runtime::v1::VersionResponse* response) override {
    response->set_runtime_name("fake");
    return grpc::Status::OK;
  }

  grpc::Status ListContainers(grpc::ServerContext*,
                              const ::runtime::v1::ListContainersRequest* request,
                              ::runtime::v1::ListContainersResponse* response) override {
    filter = request->filter();
    response->add_containers()->set_id("0123");
    return grpc::Status::OK;
  }

 public:
  ::runtime::v1::ContainerFilter filter;  // read after the call has returned
};

constexpr ClientOptions kImpatient = {.connect_timeout = milliseconds(200),
                                      .version_timeout = milliseconds(200),
                                      .call_timeout = milliseconds(200)};

class ClientTest : public testing::Test {
 protected:
  ClientTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "nsdebug-client-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    socket_ = directory_ + "/cri.sock";
  }
  ~ClientTest() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  void StartServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix://" + socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  void StopServer() {
    server_->Shutdown();
    server_->Wait();
    server_.reset();
    std::filesystem::remove(socket_);
  }

  /// A runtime that hangs: connections are made, and nobody answers on them.
  static UniqueFd ListenAt(const std::string& path) {
    UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener.get(), 1), 0);
    return listener;
  }

  /// The connection of the client, once its call is on the way.
  static UniqueFd AcceptCall(int listener) {
    UniqueFd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    std::string received;
    char bytes[4096];
    // The call's path, which HTTP/2 compresses, follows the preface and the settings.
    while (received.find("localhost") == std::string::npos) {
      const ssize_t count = ::read(connection.get(), bytes, sizeof(bytes));
      if (count <= 0) break;
      received.append(bytes, static_cast<size_t>(count));
    }
    return connection;
  }

  std::string directory_;
  std::string socket_;
  VersionService service_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(ClientTest, ReconnectsAfterTheRuntimeRestarted) {
  StartServer();
  Client client(socket_);
  ASSERT_EQ(client.GetVersion().value().runtime_name, "fake");
  StopServer();
  Result<Version> away = client.GetVersion();
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().code, Code::kUnavailable);
  EXPECT_THAT(away.error().message, HasSubstr(socket_));
  StartServer();
  Result<Version> back = client.GetVersion();
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->runtime_name, "fake");
}

TEST_F(ClientTest, AsksOnceMoreWhenTheRuntimeRestartsUnderACall) {
  UniqueFd old = ListenAt(socket_);
  std::thread restart([&] {
    UniqueFd connection = AcceptCall(old.get());
    old.Reset();
    std::filesystem::remove(socket_);
    StartServer();
    connection.Reset();
  });
  Client client(socket_);
  Result<Version> version = client.GetVersion();
  restart.join();
  ASSERT_TRUE(version) << version.error().message;
  EXPECT_EQ(version->runtime_name, "fake");
}

TEST_F(ClientTest, SaysThatTheRuntimeWentAwayUnderACall) {
  UniqueFd listener = ListenAt(socket_);
  std::thread stop([&] {
    UniqueFd connection = AcceptCall(listener.get());
    listener.Reset();
    std::filesystem::remove(socket_);
    connection.Reset();
  });
  Client client(socket_);
  Result<Version> version = client.GetVersion();
  stop.join();
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Code::kUnavailable);
  EXPECT_THAT(version.error().message, HasSubstr("no such socket"));
}

TEST_F(ClientTest, ServesSeveralThreadsOverARestart) {
  constexpr int kThreads = 8;
  StartServer();
  Client client(socket_);
  std::atomic<int> answered{0};
  std::atomic<bool> is_over{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      while (!is_over) {
        Result<Version> version = client.GetVersion();
        if (version && version->runtime_name == "fake") {
          ++answered;
        } else if (version || version.error().code != Code::kUnavailable) {
          ++wrong;
        }
      }
    });
  }
  const auto wait_for_answers = [&](int more) {
    const int enough = answered + more;
    while (answered < enough && wrong == 0) std::this_thread::yield();
  };
  wait_for_answers(20 * kThreads);
  StopServer();
  StartServer();
  wait_for_answers(20 * kThreads);
  is_over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(ClientTest, ConnectRuntimePassesOverASocketThatHangs) {
  const std::string hanging = directory_ + "/hanging.sock";
  const UniqueFd listener = ListenAt(hanging);
  StartServer();
  Result<std::unique_ptr<Client>> client = ConnectRuntime("", kImpatient, {hanging, socket_});
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ((*client)->GetVersion().value().runtime_name, "fake");
}

TEST_F(ClientTest, ConnectRuntimeSaysThatTheOnlySocketHangs) {
  const UniqueFd listener = ListenAt(socket_);
  Result<std::unique_ptr<Client>> client = ConnectRuntime("", kImpatient, {socket_});
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, Code::kDeadlineExceeded);
  EXPECT_THAT(client.error().message, HasSubstr("no answer within 200 ms"));
}

TEST_F(ClientTest, ListsWhatTheFilterSays) {
  StartServer();
  Result<std::vector<Container>> listed = Client(socket_).ListContainers(
      {.id = "01", .pod_sandbox_id = "5a", .labels = {{"io.kubernetes.pod.namespace", "shop"}}});
  ASSERT_TRUE(listed) << listed.error().message;
  ASSERT_EQ(listed->size(), 1);
  EXPECT_EQ(listed->front().id, "0123");
  EXPECT_EQ(service_.filter.id(), "01");
  EXPECT_EQ(service_.filter.pod_sandbox_id(), "5a");
  ASSERT_EQ(service_.filter.label_selector_size(), 1);
  EXPECT_EQ(service_.filter.label_selector().at("io.kubernetes.pod.namespace"), "shop");
}

TEST_F(ClientTest, PassesOnWhatTheRuntimeDoesNotImplement) {
  StartServer();
  Result<ContainerStatus> status = Client(socket_).GetContainerStatus("0123");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUnimplemented);
}

TEST_F(ClientTest, GivesUpOnASilentListenerAtItsDeadline) {
  const UniqueFd listener = ListenAt(socket_);
  Client client(socket_, kImpatient);
  Result<Version> version = client.GetVersion();
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Code::kDeadlineExceeded);
  EXPECT_THAT(version.error().message, HasSubstr("no answer within 200 ms"));
}

}  // namespace
}  // namespace nsdebug::cri
