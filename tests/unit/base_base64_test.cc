#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/base64.h"

namespace nsdebug {
namespace {

using testing::HasSubstr;

TEST(Base64Test, EncodesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"},
                                                         {"\xff\xfe\xfd", "//79"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(EncodeBase64(plain), text);
    EXPECT_EQ(DecodeBase64(text).value(), plain);
  }
}

TEST(Base64Test, EveryByteComesBack) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(DecodeBase64(EncodeBase64(all)).value(), all);
}

TEST(Base64Test, LineBreaksAreNoCharacters) {
  EXPECT_EQ(DecodeBase64("Zm9v\r\nYm\nFy\n").value(), "foobar");
}

TEST(Base64Test, RefusesWhatGoRefuses) {
  const std::pair<const char*, const char*> refused[] = {{"Z", "inside a group"},
                                                         {"Zg", "inside a group"},
                                                         {"Zg=", "inside a group"},
                                                         {"Z===", "padding inside"},
                                                         {"=", "padding inside"},
                                                         {"Zg=g", "behind the padding"},
                                                         {"Zg==Zg==", "behind the padding"},
                                                         {"Zg===", "behind the padding"},
                                                         {"Zm-v", "outside of the alphabet"},
                                                         {"Zm 9v", "outside of the alphabet"}};
  for (const auto& [text, reason] : refused) {
    Result<std::string> decoded = DecodeBase64(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code, Code::kInvalidArgument);
    EXPECT_THAT(decoded.error().message, HasSubstr(reason)) << text;
  }
}

TEST(Base64DecoderTest, TakesTheTextInAnyPieces) {
  const std::string text = "Zm9vYmFyIGJheg==";
  for (size_t size = 1; size <= text.size(); ++size) {
    Base64Decoder decoder;
    std::string decoded;
    for (size_t i = 0; i < text.size(); i += size) {
      ASSERT_TRUE(decoder.Decode(std::string_view(text).substr(i, size), &decoded));
    }
    EXPECT_TRUE(decoder.Finish());
    EXPECT_EQ(decoded, "foobar baz") << size;
  }
}

TEST(Base64DecoderTest, FinishMakesItReadyForAnotherText) {
  Base64Decoder decoder;
  std::string decoded;
  ASSERT_TRUE(decoder.Decode("Zg==", &decoded));
  ASSERT_TRUE(decoder.Finish());
  ASSERT_TRUE(decoder.Decode("Zm", &decoded));
  EXPECT_FALSE(decoder.Finish());
  ASSERT_TRUE(decoder.Decode("Zm8=", &decoded));
  EXPECT_TRUE(decoder.Finish());
  EXPECT_EQ(decoded, "ffo");
}

}  // namespace
}  // namespace nsdebug
