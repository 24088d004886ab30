#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/server/http_request.h"
#include "agent/server/route.h"
#include "base/text.h"

namespace nsdebug {
namespace {

constexpr char kApi[] = "/apis/ns-debug.io/v1alpha1";

/// What each path parameter is in the questions below: all different, so that a mix-up shows.
const PathParameters kParameters = {
    {"namespace", "shop"}, {"pod", "web-1"}, {"node", "node-7"}, {"id", "41"}};

using MethodAndPath = std::pair<std::string, std::string>;

const Attributes kExecInPod{"create", "ns-debug.io", "pods", "exec", "shop", "web-1"};
const Attributes kExecOnNode{"create", "ns-debug.io", "nodes", "exec", "", "node-7"};
const Attributes kGetPod{"get", "ns-debug.io", "pods", "", "shop", "web-1"};

/// The access of every route, written down a second time: a route that is new, or asks for less,
/// needs a line here and somebody who means it. nullopt is the closed list of those for whoever is
/// authenticated; they tell what the API is, or the caller of himself, and nothing of the node.
const std::map<MethodAndPath, std::optional<Attributes>>& ExpectedAccess() {
  const std::string api = kApi;
  static const std::map<MethodAndPath, std::optional<Attributes>> expected = {
      {{"GET", api + "/namespaces/{namespace}/pods/{pod}/exec"}, kExecInPod},
      {{"POST", api + "/namespaces/{namespace}/pods/{pod}/exec"}, kExecInPod},
      {{"GET", api + "/nodes/{node}/exec"}, kExecOnNode},
      {{"POST", api + "/nodes/{node}/exec"}, kExecOnNode},
      {{"GET", api + "/namespaces/{namespace}/pods/{pod}/access"}, std::nullopt},
      {{"GET", api + "/nodes/{node}/access"}, std::nullopt},
      {{"GET", api + "/namespaces/{namespace}/pods/{pod}"}, kGetPod},
      {{"GET", api + "/namespaces/{namespace}/pods"},
       Attributes{"list", "ns-debug.io", "pods", "", "shop", ""}},
      {{"GET", api + "/pods"}, Attributes{"list", "ns-debug.io", "pods", "", "", ""}},
      {{"GET", api + "/sessions"}, Attributes{"list", "ns-debug.io", "sessions", "", "", ""}},
      {{"DELETE", api + "/sessions/{id}"},
       Attributes{"delete", "ns-debug.io", "sessions", "", "", "41"}},
      {{"GET", api + "/openapi/v3"}, std::nullopt},
      {{"GET", "/openapi/v3"}, std::nullopt},
      {{"GET", "/version"}, std::nullopt},
      {{"GET", "/api/v1/namespaces/{namespace}/pods/{pod}/exec"}, kExecInPod},
      {{"POST", "/api/v1/namespaces/{namespace}/pods/{pod}/exec"}, kExecInPod},
      {{"GET", "/api/v1/namespaces/{namespace}/pods/{pod}"}, kGetPod},
      {{"GET", "/api/v1/namespaces/{namespace}"}, std::nullopt},
      {{"GET", "/api"}, std::nullopt},
      {{"GET", "/apis"}, std::nullopt},
      {{"GET", "/api/v1"}, std::nullopt},
  };
  return expected;
}

std::vector<std::string> SegmentsOf(std::string_view path) {
  std::vector<std::string> segments;
  for (std::string_view segment : Split(path.substr(1), '/')) segments.emplace_back(segment);
  return segments;
}

/// The path of a route with kParameters in it.
std::vector<std::string> Filled(const Route& route) {
  std::vector<std::string> segments = SegmentsOf(route.path);
  for (std::string& segment : segments) {
    if (segment.front() == '{') segment = kParameters.at(segment.substr(1, segment.size() - 2));
  }
  return segments;
}

std::optional<RouteMatch> FindByTarget(http::verb method, std::string_view target) {
  http::request<http::string_body> message(method, {target.data(), target.size()}, 11);
  Result<Request> request = MakeRequest(message);
  EXPECT_TRUE(request) << request.error().message;
  if (!request) return std::nullopt;
  return FindRoute(request->method, request->segments);
}

std::string Show(const Route& route) {
  return std::string(route.method) + " " + std::string(route.path);
}

TEST(RouteTest, EveryRouteAsksForTheAccessThatIsExpectedOfIt) {
  std::set<MethodAndPath> seen;
  for (const Route& route : Routes()) {
    const MethodAndPath key(route.method, route.path);
    EXPECT_TRUE(seen.insert(key).second) << Show(route) << " is there twice";
    const auto expected = ExpectedAccess().find(key);
    ASSERT_NE(expected, ExpectedAccess().end()) << Show(route) << " has no expected access";
    const std::optional<RouteMatch> match = FindRoute(route.method, Filled(route));
    ASSERT_TRUE(match) << Show(route);
    // The route itself, not another one that comes before it.
    ASSERT_EQ(match->route, &route) << Show(route);
    EXPECT_TRUE(AccessOf(*match->route, match->parameters) == expected->second) << Show(route);
  }
  EXPECT_EQ(seen.size(), ExpectedAccess().size()) << "an expectation is of no route";
}

TEST(RouteTest, AQuestionIsWholeOrThereIsNone) {
  for (const Route& route : Routes()) {
    if (route.verb.empty()) {
      EXPECT_TRUE(route.resource.empty() && route.subresource.empty()) << Show(route);
      // Who may see it is not asked, so it must not be about anything. This one always refuses,
      if (route.endpoint == Endpoint::kStockNamespace) continue;
      // and these ask the questions of exec, to tell the caller what he may.
      if (route.endpoint == Endpoint::kPodAccess) continue;
      if (route.endpoint == Endpoint::kNodeAccess) continue;
      EXPECT_EQ(route.path.find('{'), std::string_view::npos) << Show(route);
    } else {
      EXPECT_FALSE(route.resource.empty()) << Show(route);
    }
  }
}

TEST(RouteTest, ParametersAreThoseOfThePathAndNoOthers) {
  for (const Route& route : Routes()) {
    PathParameters expected;
    for (const std::string& segment : SegmentsOf(route.path)) {
      if (segment.front() != '{') continue;
      const std::string name = segment.substr(1, segment.size() - 2);
      expected[name] = kParameters.at(name);
    }
    const std::optional<RouteMatch> match = FindRoute(route.method, Filled(route));
    ASSERT_TRUE(match) << Show(route);
    EXPECT_EQ(match->parameters, expected) << Show(route);
  }
}

TEST(RouteTest, AnEmptySegmentIsNoName) {
  for (const Route& route : Routes()) {
    const std::vector<std::string> filled = Filled(route);
    for (size_t i = 0; i < filled.size(); ++i) {
      std::vector<std::string> segments = filled;
      segments[i].clear();
      EXPECT_FALSE(FindRoute(route.method, segments)) << Show(route) << ", segment " << i;
      segments = filled;
      segments.insert(segments.begin() + static_cast<std::ptrdiff_t>(i), "");
      EXPECT_FALSE(FindRoute(route.method, segments)) << Show(route) << ", before " << i;
    }
    std::vector<std::string> with_slash = filled;
    with_slash.emplace_back();
    EXPECT_FALSE(FindRoute(route.method, with_slash)) << Show(route) << " with a slash behind";
  }
  EXPECT_FALSE(FindRoute("GET", {}));
  EXPECT_FALSE(FindRoute("GET", {""}));
}

TEST(RouteTest, AnotherMethodOfAPathIsToldFromNoSuchPath) {
  for (const Route& route : Routes()) {
    // In other letters it is another method, as HTTP has it.
    for (const char* method : {"PUT", "PATCH", "HEAD", "OPTIONS", "CONNECT", "get", "post", ""}) {
      const std::optional<RouteMatch> match = FindRoute(method, Filled(route));
      ASSERT_TRUE(match) << method << " " << Show(route);
      EXPECT_EQ(match->route, nullptr) << method << " " << Show(route);
      // Nobody asked whether the caller may know them.
      EXPECT_TRUE(match->parameters.empty()) << method << " " << Show(route);
    }
  }
  for (const char* path :
       {"/apis/ns-debug.io", "/apis/ns-debug.io/v1alpha1", "/apis/ns-debug.io/v1/pods",
        "/api/v1/pods", "/api/v1/namespaces/shop/pods", "/API", "/healthz", "/metrics",
        "/apis/ns-debug.io/v1alpha1/namespaces/shop/pods/web-1/exec/more",
        "/apis/ns-debug.io/v1alpha1/namespaces/shop/pods/web-1/attach"}) {
    for (const char* method : {"GET", "POST", "DELETE"}) {
      EXPECT_FALSE(FindRoute(method, SegmentsOf(path))) << method << " " << path;
    }
  }
}

TEST(RouteTest, ParametersAreDecodedOnceAndOnlyBetweenTheSlashes) {
  struct Case {
    std::string target;
    std::string pod_namespace;
    std::string pod;
  };
  const std::string in = std::string(kApi) + "/namespaces/";
  for (const Case& one : {
           Case{in + "shop/pods/web%2D1/exec", "shop", "web-1"},
           Case{in + "%73hop/pods/web%201/exec", "shop", "web 1"},
           // Once: what is asked about is what is entered.
           Case{in + "shop/pods/web%252D1/exec", "shop", "web%2D1"},
           // A slash that is written so is a part of a name, never the end of one.
           Case{in + "shop%2Fpods%2Fweb/pods/a%2Fb/exec", "shop/pods/web", "a/b"},
           // No path of the file system: nothing goes up in it.
           Case{in + "bank/pods/../exec", "bank", ".."},
           Case{in + "shop/pods/web-1/exec?namespace=bank&pod=db", "shop", "web-1"},
           Case{in + "shop/pods/web+1/exec", "shop", "web+1"},
       }) {
    const std::optional<RouteMatch> match = FindByTarget(http::verb::get, one.target);
    ASSERT_TRUE(match && match->route != nullptr) << one.target;
    EXPECT_EQ(match->route->endpoint, Endpoint::kPodExec) << one.target;
    const std::optional<Attributes> question = AccessOf(*match->route, match->parameters);
    ASSERT_TRUE(question) << one.target;
    EXPECT_EQ(question->resource_namespace, one.pod_namespace) << one.target;
    EXPECT_EQ(question->name, one.pod) << one.target;
  }
  for (const std::string& target : {
           in + "shop/pods//exec",
           in + "/pods/web-1/exec",
           in + "shop/pods/web-1/exec/",
           "/" + in + "shop/pods/web-1/exec",
           in + "shop/pods/web-1%2Fexec/",
           in + "bank/../shop/pods/web-1/exec",
       }) {
    EXPECT_FALSE(FindByTarget(http::verb::get, target)) << target;
  }
}

TEST(RouteTest, TellsTheMethodsOfAPath) {
  EXPECT_EQ(AllowedMethods({"apis", "ns-debug.io", "v1alpha1", "nodes", "n", "exec"}), "GET, POST");
  EXPECT_EQ(AllowedMethods({"version"}), "GET");
  EXPECT_EQ(AllowedMethods({"nowhere"}), "");
}

}  // namespace
}  // namespace nsdebug
