#include <gtest/gtest.h>

#include "kubectl/exec/exec_path.h"

namespace nsdebug::kubectl {
namespace {

TEST(ExecPathTest, NamesThePodAndEveryArgumentInOrder) {
  ExecParameters parameters;
  parameters.pod_namespace = "shop";
  parameters.pod = "web";
  parameters.command = {"sh", "-c", "echo a&b=c d+e"};
  EXPECT_EQ(ExecPath(parameters),
            "/apis/ns-debug.io/v1alpha1/namespaces/shop/pods/web/exec?command=sh&command=-c"
            "&command=echo%20a%26b%3Dc%20d%2Be&stdout=true&stderr=true");
}

TEST(ExecPathTest, ATerminalHasOneOutput) {
  ExecParameters parameters;
  parameters.node = "node-1";
  parameters.has_stdin = true;
  parameters.has_tty = true;
  EXPECT_EQ(ExecPath(parameters),
            "/apis/ns-debug.io/v1alpha1/nodes/node-1/exec?stdin=true&stdout=true&tty=true");
}

TEST(ExecPathTest, SaysWhatWasAskedForAndNothingElse) {
  ExecParameters parameters;
  parameters.pod_namespace = "shop";
  parameters.pod = "web";
  parameters.container = "app";
  parameters.size = TerminalSize{77, 33};  // of no terminal
  parameters.sandbox = true;
  parameters.profile = "netadmin";
  parameters.view = "toolbox";
  parameters.namespaces = "net,pid";
  parameters.uid = 0;
  parameters.gid = 7;
  parameters.working_directory = "/tmp";
  parameters.environment = {"A=1", "B="};
  parameters.timeout_seconds = 30;
  EXPECT_EQ(ExecPath(parameters),
            "/apis/ns-debug.io/v1alpha1/namespaces/shop/pods/web/exec?container=app&stdout=true"
            "&stderr=true&sandbox=true&profile=netadmin&view=toolbox&namespaces=net%2Cpid&uid=0"
            "&gid=7&workingDir=%2Ftmp&env=A%3D1&env=B%3D&timeoutSeconds=30");
}

}  // namespace
}  // namespace nsdebug::kubectl
