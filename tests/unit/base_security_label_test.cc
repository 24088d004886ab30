#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/security_label.h"

namespace nsdebug {
namespace {

/// The label of a process whose folder in /proc has these files.
SecurityLabel LabelOf(const std::map<std::string, std::string>& files) {
  return ReadSecurityLabel([&](const std::string& name) -> Result<std::string> {
    const auto file = files.find(name);
    if (file == files.end()) return Fail(Code::kNotFound, name);
    return file->second;
  });
}

TEST(SecurityLabelTest, IsAppArmorsProfileWithoutItsMode) {
  const auto profile = [](const std::string& text) {
    return LabelOf({{"attr/apparmor/current", text}}).apparmor;
  };
  EXPECT_EQ(profile("cri-containerd.apparmor.d (enforce)\n"), "cri-containerd.apparmor.d");
  EXPECT_EQ(profile("a profile (with) spaces (complain)\n"), "a profile (with) spaces");
  EXPECT_EQ(profile("unconfined\n"), "unconfined");
  EXPECT_EQ(profile(std::string("ends with a zero\0", 17)), "ends with a zero");
  EXPECT_EQ(profile(""), "");
}

TEST(SecurityLabelTest, IsEmptyWhereNothingCanBeRead) { EXPECT_EQ(NameOf(LabelOf({})), ""); }

TEST(SecurityLabelTest, IsSelinuxsWhereThereIsOne) {
  EXPECT_EQ(NameOf({"system_u:system_r:container_t:s0", ""}), "system_u:system_r:container_t:s0");
  EXPECT_EQ(NameOf({"", "unconfined"}), "unconfined");
}

}  // namespace
}  // namespace nsdebug
