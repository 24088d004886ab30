#include <gtest/gtest.h>

#include "kubectl/transport/proxy.h"

namespace nsdebug::kubectl {
namespace {

std::string Chosen(std::string_view https_proxy, std::string_view no_proxy,
                   const std::string& host = "api.example.org", uint16_t port = 6443) {
  const auto proxy = ProxyOfEnvironment({https_proxy, no_proxy}, host, port);
  if (!proxy) return "error";
  return proxy->has_value() ? (*proxy)->Name() : "none";
}

TEST(Proxy, ReadsUrls) {
  const auto proxy = ParseProxyUrl("https://us%40er:p%3Aw@proxy.example.org:3129/");
  ASSERT_TRUE(proxy && *proxy);
  EXPECT_EQ((*proxy)->kind, Proxy::Kind::kHttps);
  EXPECT_EQ((*proxy)->host, "proxy.example.org");
  EXPECT_EQ((*proxy)->port, 3129);
  EXPECT_EQ((*proxy)->username, "us@er");
  EXPECT_EQ((*proxy)->password, "p:w");
  EXPECT_EQ((*proxy)->Name(), "https://proxy.example.org:3129");
}

TEST(Proxy, HasTheUsualPorts) {
  EXPECT_EQ((*ParseProxyUrl("http://p"))->port, 80);
  EXPECT_EQ((*ParseProxyUrl("https://p"))->port, 443);
  EXPECT_EQ((*ParseProxyUrl("socks5://p"))->port, 1080);
  EXPECT_EQ((*ParseProxyUrl("socks5h://p"))->kind, Proxy::Kind::kSocks5);
  EXPECT_EQ((*ParseProxyUrl("http://[::1]:3128"))->host, "::1");
}

TEST(Proxy, RefusesOthersWithoutQuotingThem) {
  for (const char* url : {"ftp://u:secret@p", "p:3128", "http://", "http:// p", "http://p:99999"}) {
    const auto proxy = ParseProxyUrl(url);
    ASSERT_FALSE(proxy) << url;
    EXPECT_EQ(proxy.error().code, Code::kInvalidArgument);
    EXPECT_EQ(proxy.error().message.find("secret"), std::string::npos);
  }
  const auto none = ParseProxyUrl("");
  EXPECT_TRUE(none && !none->has_value());
}

TEST(Proxy, IsThatOfTheEnvironment) {
  EXPECT_EQ(Chosen("http://p:3128", ""), "http://p:3128");
  EXPECT_EQ(Chosen("p:3128", ""), "http://p:3128");
  EXPECT_EQ(Chosen("", ""), "none");
  EXPECT_EQ(Chosen("http://p:x", ""), "error");
}

TEST(Proxy, IsNeverForLoopback) {
  for (const char* host : {"localhost", "127.0.0.1", "127.8.9.1", "::1"}) {
    EXPECT_EQ(Chosen("p:1", "", host), "none") << host;
  }
  EXPECT_EQ(Chosen("p:1", "", "localhost.example.org"), "http://p:1");
}

struct Exclusion {
  const char* no_proxy;
  const char* host;
  bool is_excluded;
};

// What Go's golang.org/x/net/http/httpproxy does with them.
class NoProxy : public testing::TestWithParam<Exclusion> {};

TEST_P(NoProxy, ExcludesAsGoDoes) {
  const auto& [no_proxy, host, is_excluded] = GetParam();
  EXPECT_EQ(Chosen("p:1", no_proxy, host), is_excluded ? "none" : "http://p:1");
}

INSTANTIATE_TEST_SUITE_P(
    Rules, NoProxy,
    testing::Values(
        Exclusion{"*", "a.b", true}, Exclusion{"x, *", "a.b", true},
        Exclusion{"example.org", "example.org", true},
        Exclusion{"example.org", "api.example.org", true},
        Exclusion{"example.org", "anexample.org", false},
        Exclusion{".example.org", "example.org", false},
        Exclusion{".example.org", "api.example.org", true},
        Exclusion{"*.example.org", "api.example.org", true},
        Exclusion{"*.example.org", "example.org", false},
        Exclusion{"EXAMPLE.org", "api.Example.ORG", true},
        Exclusion{" a , example.org ,b", "example.org", true},
        Exclusion{"example.org:6443", "example.org", true},
        Exclusion{"example.org:443", "example.org", false},
        Exclusion{"10.0.0.0/8", "10.1.2.3", true}, Exclusion{"10.0.0.0/8", "11.1.2.3", false},
        Exclusion{"10.0.0.0/8", "ten.example.org", false}, Exclusion{"10.1.2.3", "10.1.2.3", true},
        Exclusion{"10.1.2.3:6443", "10.1.2.3", true}, Exclusion{"10.1.2.3:1", "10.1.2.3", false},
        Exclusion{"fd00::/8", "fd12::1", true}, Exclusion{"fd00::/8", "fe80::1", false},
        Exclusion{"fd12::1", "fd12:0::1", true}, Exclusion{"[fd12::1]:6443", "fd12::1", true},
        Exclusion{",", "a.b", false}, Exclusion{"", "a.b", false}));

}  // namespace
}  // namespace nsdebug::kubectl
