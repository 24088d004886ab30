#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/config/config_file.h"
#include "agent/config/field.h"
#include "base/io.h"

namespace nsdebug {
namespace {

using testing::IsEmpty;

TEST(DocumentationTest, TheAnnotatedFileHasEveryKeyAtItsDefault) {
  Settings settings;
  ASSERT_THAT(ReadConfigFile(NS_DEBUG_DOCS "/ns-debug-agent.yaml", settings), IsEmpty());
  EXPECT_EQ(ShowConfig(settings.config), ShowConfig(Config{}));
  Config config;
  for (const Field& field : FieldsOf(config)) {
    EXPECT_EQ(settings.origins.count(std::string(field.key)), 1) << field.key << " is missing";
  }
}

TEST(DocumentationTest, EveryGroupOfKeysHasAComment) {
  Result<std::string> text = ReadFile(NS_DEBUG_DOCS "/ns-debug-agent.yaml");
  ASSERT_TRUE(text);
  // Keys that share a comment stand together; behind an empty line a comment comes first.
  size_t at = 0;
  while ((at = text->find("\n\n", at)) != std::string::npos) {
    at += 2;
    const size_t first = text->find_first_not_of(' ', at);
    EXPECT_EQ(text->at(first), '#') << text->substr(at, 40);
  }
}

}  // namespace
}  // namespace nsdebug
