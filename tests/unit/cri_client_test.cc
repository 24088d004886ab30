#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "base/unique_fd.h"
#include "cri/client.h"
#include "cri/runtime.grpc.pb.h"

namespace nsdebug::cri {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

/// Answers Version, and nothing else.
class VersionService : public ::runtime::v1::RuntimeService::Service {
  grpc::Status Version(grpc::ServerContext*, const ::runtime::v1::VersionRequest*,
                       ::runtime::v1::VersionResponse* response) override {
    response->set_runtime_name("fake");
    return grpc::Status::OK;
  }
};

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

TEST_F(ClientTest, PassesOnWhatTheRuntimeDoesNotImplement) {
  StartServer();
  Result<ContainerStatus> status = Client(socket_).GetContainerStatus("0123");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kUnimplemented);
}

TEST_F(ClientTest, GivesUpOnASilentListenerAtItsDeadline) {
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  Client client(socket_, {.connect_timeout = milliseconds(200),
                          .version_timeout = milliseconds(200),
                          .call_timeout = milliseconds(200)});
  Result<Version> version = client.GetVersion();
  ASSERT_FALSE(version);
  EXPECT_EQ(version.error().code, Code::kDeadlineExceeded);
  EXPECT_THAT(version.error().message, HasSubstr("no answer within 200 ms"));
}

}  // namespace
}  // namespace nsdebug::cri
