#include <gtest/gtest.h>

#include <array>
#include <string>

#include "docker/endpoint.h"
#include "tests/docker/fake_engine.h"

namespace nsdebug::docker {
namespace {

class EndpointTest : public testing::Test {
 protected:
  TemporaryDirectory directory_;
  const std::string docker_ = directory_.path() + "/docker.sock";
  const std::string podman_ = directory_.path() + "/podman.sock";
  const std::array<std::string_view, 2> defaults_ = {docker_, podman_};
};

TEST_F(EndpointTest, TakesAUnixUrlOrABarePath) {
  EXPECT_EQ(ChooseEndpoint("unix:///run/x.sock", defaults_).value(), "/run/x.sock");
  EXPECT_EQ(ChooseEndpoint("/run/x.sock", defaults_).value(), "/run/x.sock");
}

TEST_F(EndpointTest, PrefersDockerAndFallsBackToPodman) {
  UniqueFd podman = ListenOn(podman_);
  EXPECT_EQ(ChooseEndpoint("", defaults_).value(), podman_);
  UniqueFd docker = ListenOn(docker_);
  EXPECT_EQ(ChooseEndpoint("", defaults_).value(), docker_);
}

TEST_F(EndpointTest, NamesBothSocketsWhenThereIsNone) {
  Result<std::string> endpoint = ChooseEndpoint("", defaults_);
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().code, Code::kNotFound);
  EXPECT_EQ(endpoint.error().message,
            "find the Docker Engine: neither " + docker_ + " nor " + podman_ +
                " exists: start Docker or Podman's API service, or name its socket with "
                "--docker-host");
}

struct Refused {
  std::string docker_host;
  std::string message;
};

class RefusedEndpointTest : public testing::TestWithParam<Refused> {};

TEST_P(RefusedEndpointTest, SaysWhy) {
  Result<std::string> endpoint = ChooseEndpoint(GetParam().docker_host);
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().code, Code::kInvalidArgument);
  EXPECT_EQ(endpoint.error().message, GetParam().message);
}

const std::string kRemote =
    ": only an engine on this node can be used, through unix:///path, because the pids that a "
    "remote "
    "engine tells name other processes here";
const std::string kRelative =
    ": the socket must be an absolute path, as in unix:///var/run/docker.sock";

INSTANTIATE_TEST_SUITE_P(
    AllForms, RefusedEndpointTest,
    testing::Values(Refused{"tcp://10.0.0.1:2375", "docker host of scheme tcp" + kRemote},
                    // The password must not reach a log.
                    Refused{"ssh://root:secret@host", "docker host of scheme ssh" + kRemote},
                    Refused{"un\nix:///x", "docker host of scheme un\\x0aix" + kRemote},
                    Refused{"unix://", "docker host " + kRelative},
                    Refused{"unix://run/x.sock", "docker host run/x.sock" + kRelative},
                    Refused{"localhost:2375", "docker host localhost:2375" + kRelative},
                    Refused{"/" + std::string(107, 'a'),
                            "docker host /" + std::string(107, 'a') +
                                ": the path of a Unix socket has at most 107 bytes"},
                    Refused{std::string("/run/a\0b", 8),
                            "docker host /run/a\\x00b: a NUL byte in the path"}));

}  // namespace
}  // namespace nsdebug::docker
