#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kubectl/target.h"

namespace nsdebug::kubectl {
namespace {

std::string Parsed(std::string_view argument) {
  Result<TargetName> target = ParseTargetName(argument);
  if (!target) return target.error().message;
  return std::string(KindName(target->kind)) + " " + target->name;
}

TEST(TargetTest, KnowsEveryNameOfAType) {
  struct Case {
    const char* argument;
    const char* target;
  };
  for (const Case& c : std::vector<Case>{
           {"web-7.x", "pod web-7.x"},
           {"pod/x", "pod x"},
           {"pods/x", "pod x"},
           {"po/x", "pod x"},
           {"Pod/x", "pod x"},
           {"pods.v1/x", "pod x"},
           {"deploy/x", "deployment x"},
           {"deployments/x", "deployment x"},
           {"deployment.apps/x", "deployment x"},
           {"deployments.v1.apps/x", "deployment x"},
           {"deploy.apps/x", "deployment x"},
           {"rs/x", "replicaset x"},
           {"sts/x", "statefulset x"},
           {"StatefulSet/x", "statefulset x"},
           {"ds/x", "daemonset x"},
           {"job/x", "job x"},
           {"jobs.batch/x", "job x"},
           {"cj/x", "cronjob x"},
           {"cronjobs/x", "cronjob x"},
           {"svc/x", "service x"},
           {"services/x", "service x"},
           {"no/x", "node x"},
           {"node/ip-10-0-0-1.example", "node ip-10-0-0-1.example"},
       }) {
    EXPECT_EQ(Parsed(c.argument), c.target);
  }
}

TEST(TargetTest, SaysWhatIsWrong) {
  EXPECT_EQ(Parsed(""), "a TARGET must be specified: POD or TYPE/NAME");
  EXPECT_EQ(Parsed("a/b/c"), "arguments in resource/name form may not have more than one slash");
  for (const char* argument : {"pod/", "/x", "/"}) {
    EXPECT_EQ(Parsed(argument),
              "arguments in resource/name form must have a single resource and name");
  }
  const std::string types = ": use one of pod, deploy, rs, sts, ds, job, cronjob, svc and node";
  EXPECT_EQ(Parsed("cm/x"), "there is nothing to enter in a 'cm'" + types);
  EXPECT_EQ(Parsed("deplyoment/x"),
            "there is nothing to enter in a 'deplyoment' (did you mean deployment?)" + types);
  EXPECT_EQ(Parsed("deployment.extensions/x"),
            "there is nothing to enter in a 'deployment.extensions'" + types);
  EXPECT_EQ(Parsed("Web"),
            "'Web' cannot be the name of a pod: names have lower-case letters, "
            "digits, '-' and '.'");
  EXPECT_TRUE(Parsed("svc/..").starts_with("'..' cannot be the name of a service"));
  EXPECT_TRUE(Parsed("a?b").starts_with("'a?b' cannot be"));
  EXPECT_TRUE(Parsed("a\x1b[2J").starts_with("'a\\x1b[2J' cannot be"));
}

}  // namespace
}  // namespace nsdebug::kubectl
