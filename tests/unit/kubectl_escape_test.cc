#include <gtest/gtest.h>

#include "kubectl/exec/terminal.h"

namespace nsdebug::kubectl {
namespace {

struct Typed {
  std::vector<std::string> pieces;
  std::string sent;
  bool leaves;
};

TEST(EscapeFilterTest, LeavesOnlyAtTheStartOfALine) {
  const std::vector<Typed> cases = {
      {{"ls\r"}, "ls\r", false},     {{"~."}, "", true},
      {{"ls\r~."}, "ls\r", true},    {{"ls\r", "~", "."}, "ls\r", true},
      {{"a~."}, "a~.", false},       {{"~~."}, "~.", false},
      {{"~a"}, "~a", false},         {{"~\r~."}, "~\r", true},
      {{"cd ~\r"}, "cd ~\r", false},
  };
  for (const Typed& one : cases) {
    EscapeFilter filter;
    std::string sent;
    bool leaves = false;
    for (const std::string& piece : one.pieces) {
      EscapeFilter::Filtered filtered = filter.Take(piece);
      sent += filtered.bytes;
      leaves = leaves || filtered.leave;
    }
    EXPECT_EQ(sent, one.sent) << one.pieces.back();
    EXPECT_EQ(leaves, one.leaves) << one.pieces.back();
  }
}

}  // namespace
}  // namespace nsdebug::kubectl
