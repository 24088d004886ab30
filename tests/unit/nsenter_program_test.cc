#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nsenter/find_target.h"
#include "nsenter/program.h"

namespace nsdebug {
namespace {

TEST(FindInPasswdTest, FindsHomeAndShellOfTheUser) {
  constexpr const char kPasswd[] =
      "root:x:0:0:root:/root:/bin/bash\n"
      "broken:line\n"
      "web:x:1000:1000::/home/web:/bin/zsh\n"
      "many:x:1001:0:a:b:c:d:/bin/evil\n";
  EXPECT_EQ(FindInPasswd(kPasswd, 0).shell, "/bin/bash");
  EXPECT_EQ(FindInPasswd(kPasswd, 0).home, "/root");
  EXPECT_EQ(FindInPasswd(kPasswd, 1000).shell, "/bin/zsh");
  EXPECT_EQ(FindInPasswd(kPasswd, 1001).shell, "");
  EXPECT_EQ(FindInPasswd("", 0).shell, "");
}

TEST(ExecProgramTest, TellsNotFoundFromNotExecutable) {
  const ExecFailure missing = ExecProgram({"/nonexistent/\x1b"});
  EXPECT_EQ(missing.exit_code, kExitNotFound);
  EXPECT_EQ(missing.message, "execute /nonexistent/\\x1b: no such file or directory");
  const ExecFailure directory = ExecProgram({"/tmp"});
  EXPECT_EQ(directory.exit_code, kExitCannotExecute);
}

TEST(DescribeTest, NamesThePodTheContainerAndTheProcess) {
  Target target;
  EXPECT_EQ(Describe(target, 42), "pid 42");
  target.runtime = "containerd";
  target.pod_namespace = "shop";
  target.pod_name = "web";
  target.container_name = "app";
  target.container_id = "0123456789abcdef";
  EXPECT_EQ(Describe(target, 42), "container shop/web/app (containerd 0123456789ab, pid 42)");
  target.container_name.clear();
  EXPECT_EQ(Describe(target, 0), "sandbox of shop/web (containerd 0123456789ab, no process)");
}

}  // namespace
}  // namespace nsdebug
