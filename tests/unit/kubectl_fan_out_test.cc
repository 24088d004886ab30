#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kubectl/fan_out/line_printer.h"
#include "kubectl/fan_out/run_bounded.h"
#include "kubectl/fan_out/target_result.h"
#include "kubectl/verbs/pod_on_node.h"
#include "kubectl/workload.h"

namespace nsdebug::kubectl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

struct Written {
  std::vector<std::pair<int, std::string>> pieces;
  LinePrinter Printer(std::string prefix) {
    return {std::move(prefix),
            [this](int fd, std::string_view lines) { pieces.emplace_back(fd, lines); }};
  }
};

TEST(LinePrinterTest, APrefixBeforeEachWholeLine) {
  Written written;
  LinePrinter printer = written.Printer("web ");
  printer.Take(1, "one\ntw");
  printer.Take(2, "oh");
  printer.Take(1, "o\n\nthr");
  printer.Finish();
  EXPECT_THAT(written.pieces, ElementsAre(Pair(1, "web one\n"), Pair(1, "web two\nweb \n"),
                                          Pair(1, "web thr\n"), Pair(2, "web oh\n")));
}

TEST(LinePrinterTest, AnEndlessLineIsPrintedInPieces) {
  Written written;
  LinePrinter printer = written.Printer("p ");
  printer.Take(1, std::string(kMaxLineBytes + 10, 'x'));
  ASSERT_EQ(written.pieces.size(), 1U);
  EXPECT_EQ(written.pieces[0].second.size(), 2 + kMaxLineBytes + 1);
  printer.Take(1, "\n");
  EXPECT_EQ(written.pieces.back().second, "p xxxxxxxxxx\n");
  // One of exactly the bound is one line.
  printer.Take(1, std::string(kMaxLineBytes, 'y') + "\n");
  EXPECT_EQ(written.pieces.size(), 3U);
  printer.Finish();
  EXPECT_EQ(written.pieces.size(), 3U);
}

TEST(LinePrinterTest, TheNextTargetHasAnotherColour) {
  EXPECT_EQ(PrefixOf("shop/web", 0, false), "shop/web ");
  EXPECT_NE(PrefixOf("shop/web", 0, true), PrefixOf("shop/web", 1, true));
  EXPECT_THAT(PrefixOf("shop/web", 0, true), HasSubstr("mshop/web\x1b[0m "));
}

TEST(TargetResultTest, JsonIsOneLineOfAscii) {
  TargetResult result;
  result.name_space = "shop";
  result.pod = "web";
  result.node = "n1";
  result.exit_code = 3;
  result.duration = std::chrono::milliseconds(12);
  result.stdout_data.Append("a\nb");
  result.stderr_data.Append("\xff\xfe");
  const std::string text = ResultJson(result);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_EQ(nlohmann::json::parse(text),
            nlohmann::json::parse(R"({"namespace": "shop", "pod": "web", "node": "n1",
      "exitCode": 3, "durationMs": 12, "stdout": "a\nb", "stdoutTruncated": false,
      "stderrBase64": "//4=", "stderrTruncated": false})"));
}

TEST(TargetResultTest, MoreThanTheBoundIsDroppedAndSaidSo) {
  Collected collected;
  collected.Append(std::string(kMaxCollectedBytes - 1, 'x'));
  EXPECT_FALSE(collected.truncated);
  collected.Append("yz");
  EXPECT_TRUE(collected.truncated);
  EXPECT_EQ(collected.data.size(), kMaxCollectedBytes);
  EXPECT_EQ(collected.data.back(), 'y');
  collected.Append("more");
  EXPECT_EQ(collected.data.size(), kMaxCollectedBytes);
}

TEST(TargetResultTest, TheSummaryNamesWhatFailed) {
  std::vector<TargetResult> results(3);
  results[0].pod = "a";
  results[0].name_space = "shop";
  EXPECT_EQ(Summary({results[0]}), "1 target: 1 succeeded");
  results[1] = results[0];
  results[1].exit_code = 7;
  results[2].node = "n1";
  results[2].error = "denied";
  EXPECT_EQ(Summary(results),
            "3 targets: 1 succeeded, 2 failed (shop/a: exit code 7, node/n1: denied)");
  const std::vector<TargetResult> many(20, results[1]);
  EXPECT_THAT(Summary(many), HasSubstr(", ...)"));
}

/// Runs them to the end; what was thrown.
std::exception_ptr RunAll(size_t count, size_t limit,
                          const std::function<asio::awaitable<void>(size_t)>& task) {
  asio::io_context loop;
  std::exception_ptr thrown;
  asio::co_spawn(loop, RunBounded(count, limit, task),
                 [&](const std::exception_ptr& error) { thrown = error; });
  loop.run();
  return thrown;
}

TEST(RunBoundedTest, AllRunAndNeverMoreThanTheLimit) {
  for (const auto& [count, limit] :
       std::vector<std::pair<size_t, size_t>>{{10, 3}, {2, 5}, {5, 1}, {0, 4}, {3, 0}}) {
    size_t running = 0;
    size_t most = 0;
    std::vector<size_t> begun;
    const auto task = [&](size_t index) -> asio::awaitable<void> {
      begun.push_back(index);
      most = std::max(most, ++running);
      co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
      --running;
    };
    EXPECT_EQ(RunAll(count, limit, task), nullptr);
    std::vector<size_t> all(count);
    for (size_t i = 0; i < count; ++i) all[i] = i;
    EXPECT_EQ(begun, all);
    EXPECT_EQ(most, std::min(count, std::max<size_t>(limit, 1)));
  }
}

TEST(RunBoundedTest, WhatOneThrowsDoesNotLeaveTheOthersBehind) {
  size_t ended = 0;
  const auto task = [&](size_t index) -> asio::awaitable<void> {
    if (index == 0) throw std::runtime_error("x");
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    ++ended;
  };
  EXPECT_NE(RunAll(4, 2, task), nullptr);
  EXPECT_EQ(ended, 3U);
}

TEST(PodsPathTest, ASelectorIsEncoded) {
  EXPECT_EQ(PodsPath("shop", "env in (a)"),
            "/api/v1/namespaces/shop/pods?labelSelector=env%20in%20%28a%29");
  EXPECT_EQ(PodsPath("", ""), "/api/v1/pods");
}

TEST(PodsPathTest, WhatDoesNotStandForSeveralPods) {
  EXPECT_TRUE(CheckSelectsPods({TargetKind::kStatefulSet, "db"}));
  EXPECT_TRUE(CheckSelectsPods({TargetKind::kService, "db"}));
  for (const TargetKind kind : {TargetKind::kPod, TargetKind::kNode, TargetKind::kCronJob}) {
    EXPECT_FALSE(CheckSelectsPods({kind, "x"})) << KindName(kind);
  }
}

TEST(PodOnNodeTest, OnlyPodsThatAreUp) {
  const auto pods = PodsOfAgent(R"({"node": "n1", "items": [
      {"namespace": "shop", "name": "web", "state": "ready", "containers": [{"name": "app"}]},
      {"namespace": "shop", "name": "old", "state": "notReady"}]})");
  ASSERT_TRUE(pods);
  ASSERT_EQ(pods->size(), 1U);
  EXPECT_EQ(pods->front().name, "web");
  EXPECT_EQ(pods->front().node, "n1");
  EXPECT_THAT(pods->front().containers, ElementsAre("app"));
}

}  // namespace
}  // namespace nsdebug::kubectl
