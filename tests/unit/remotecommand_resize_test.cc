#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remotecommand/resize.h"

namespace nsdebug {
namespace {

constexpr TerminalSize kUsual{80, 24};
constexpr std::string_view kUsualText = "{\"Width\":80,\"Height\":24}\n";

TEST(ResizeParserTest, ReadsWhatKubectlSends) {
  EXPECT_EQ(ResizeParser().Take(kUsualText), kUsual);
  EXPECT_EQ(EncodeResize(kUsual), kUsualText);
}

TEST(ResizeParserTest, ReadsOtherWaysToWriteIt) {
  for (const char* text :
       {R"({"Height":24,"Width":80})", R"( { "width" : 80 , "HEIGHT":24 } )",
        R"({"Width":80,"Height":24,"Pixels":{"a":"}"}})", R"({"Width":1,"Width":80,"Height":24})",
        R"(][ "{"Width":80,"Height":24})"}) {
    EXPECT_EQ(ResizeParser().Take(text), kUsual) << text;
  }
}

TEST(ResizeParserTest, TheLastOfSeveralCounts) {
  ResizeParser parser;
  EXPECT_EQ(parser.Take(R"({"Width":1,"Height":1}{"Width":80,"Height":24}{"Width":9)"), kUsual);
  EXPECT_EQ(parser.Take(R"(0,"Height":30})"), (TerminalSize{90, 30}));
}

TEST(ResizeParserTest, TakesThePiecesAsTheyCome) {
  ResizeParser parser;
  for (const char byte : kUsualText.substr(0, kUsualText.size() - 2)) {
    EXPECT_EQ(parser.Take({&byte, 1}), std::nullopt);
  }
  EXPECT_EQ(parser.Take("}"), kUsual);
}

TEST(ResizeParserTest, LeavesOutWhatIsNoSizeAndGoesOn) {
  for (const char* text :
       {R"({"Width":0,"Height":24})", R"({"Width":80,"Height":0})", R"({"Width":80})", "{}",
        R"({"Width":65536,"Height":24})", R"({"Width":-1,"Height":24})",
        R"({"Width":80.5,"Height":24})", R"({"Width":"80","Height":24})",
        R"({"Width":null,"Height":24})", R"({"Width":18446744073709551616,"Height":24})",
        R"({Width:80,Height:24})", "{\"\xff\":1}", "{{}}", "80 24", R"({"\"}":1})", "}}"}) {
    ResizeParser parser;
    EXPECT_EQ(parser.Take(text), std::nullopt) << text;
    EXPECT_EQ(parser.Take(kUsualText), kUsual) << text;
  }
}

TEST(ResizeParserTest, LeavesOutWhatIsLongerThanTheBound) {
  const auto padded = [](size_t length) {
    std::string text = R"({"Width":80,"Height":24})";
    return text.insert(1, length - text.size(), ' ');
  };
  ResizeParser parser;
  EXPECT_EQ(parser.Take(padded(kMaxSizeBytes)), kUsual);
  EXPECT_EQ(parser.Take(padded(kMaxSizeBytes + 1)), std::nullopt);
  EXPECT_EQ(parser.Take(std::string(1 << 20, '{') + std::string(1 << 20, '}')), std::nullopt);
  EXPECT_EQ(parser.Take(kUsualText), kUsual);
}

}  // namespace
}  // namespace nsdebug
