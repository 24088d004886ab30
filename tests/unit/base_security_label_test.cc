#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/security_label.h"

namespace nsdebug {
namespace {

constexpr SecurityModules kNone{};
constexpr SecurityModules kSelinux{.selinux = true, .apparmor = false};
constexpr SecurityModules kAppArmor{.selinux = false, .apparmor = true};

using Files = std::map<std::string, std::string>;

/// The label of a process whose folder in /proc has these files.
Result<SecurityLabel> Read(const SecurityModules& modules, const Files& files) {
  return ReadSecurityLabel(
      [&](const std::string& name) -> Result<std::string> {
        const auto file = files.find(name);
        if (file == files.end()) return Fail(Code::kNotFound, name);
        return file->second;
      },
      modules);
}

SecurityLabel LabelOf(const SecurityModules& modules, const Files& files) {
  return Read(modules, files).value();
}

TEST(SecurityLabelTest, IsAppArmorsProfileWithoutItsMode) {
  const auto profile = [](const std::string& text) {
    return LabelOf(kAppArmor, {{"attr/apparmor/current", text}}).apparmor;
  };
  EXPECT_EQ(profile("cri-containerd.apparmor.d (enforce)\n"), "cri-containerd.apparmor.d");
  EXPECT_EQ(profile("a profile (with) spaces (complain)\n"), "a profile (with) spaces");
  EXPECT_EQ(profile("unconfined\n"), "unconfined");
  EXPECT_EQ(profile(std::string("ends with a zero\0", 17)), "ends with a zero");
  EXPECT_EQ(profile(""), "");
}

TEST(SecurityLabelTest, IsInTheSharedFileOfOlderKernels) {
  EXPECT_EQ(LabelOf(kAppArmor, {{"attr/current", "crio-default (enforce)\n"}}).apparmor,
            "crio-default");
}

TEST(SecurityLabelTest, IsAppArmorsWhereNothingElseTellsOfIt) {
  EXPECT_EQ(LabelOf(kNone, {{"attr/apparmor/current", "crio-default (enforce)\n"}}).apparmor,
            "crio-default");
}

TEST(SecurityLabelTest, IsSelinuxsContextAsItIs) {
  const std::string context = "system_u:system_r:container_t:s0:c1,c2";
  const SecurityLabel label = LabelOf(kSelinux, {{"attr/current", context + '\0'}});
  EXPECT_EQ(label.selinux, context);
  EXPECT_EQ(label.apparmor, "");
}

TEST(SecurityLabelTest, IsNoneWhereSelinuxHasNoPolicy) {
  EXPECT_EQ(LabelOf(kSelinux, {{"attr/current", std::string("kernel\0", 7)}}).selinux, "");
}

TEST(SecurityLabelTest, OfAnotherModuleIsNotTaken) {
  EXPECT_EQ(NameOf(LabelOf(kNone, {{"attr/current", "system_u:system_r:t:s0"}})), "");
}

TEST(SecurityLabelTest, ThatCannotBeReadIsNoLabelOnlyWithoutModules) {
  EXPECT_EQ(NameOf(LabelOf(kNone, {})), "");
  for (const SecurityModules& modules : {kSelinux, kAppArmor}) {
    const Result<SecurityLabel> label = Read(modules, {});
    ASSERT_FALSE(label);
    EXPECT_NE(label.error().message.find("of the target: attr/current"), std::string::npos);
  }
}

TEST(SecurityLabelTest, IsSelinuxsWhereThereIsOne) {
  EXPECT_EQ(NameOf({"system_u:system_r:container_t:s0", ""}), "system_u:system_r:container_t:s0");
  EXPECT_EQ(NameOf({"", "unconfined"}), "unconfined");
}

TEST(FindSecurityModulesTest, AsksFilesThatEveryContainerHas) {
  std::string root = testing::TempDir() + "security-XXXXXX";
  ASSERT_NE(::mkdtemp(root.data()), nullptr);
  const auto found = [&] { return FindSecurityModules(root, root); };
  EXPECT_FALSE(found().selinux || found().apparmor);

  std::ofstream(root + "/filesystems") << "nodev\tsysfs\nnodev\tnotselinuxfs\n\text4\n";
  std::filesystem::create_directories(root + "/module/apparmor/parameters");
  std::ofstream(root + "/module/apparmor/parameters/enabled") << "N\n";
  EXPECT_FALSE(found().selinux || found().apparmor);

  std::ofstream(root + "/filesystems") << "nodev\tsysfs\nnodev\tselinuxfs\n\text4\n";
  EXPECT_TRUE(found().selinux);
  std::ofstream(root + "/module/apparmor/parameters/enabled") << "Y\n";
  EXPECT_TRUE(found().apparmor);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace nsdebug
