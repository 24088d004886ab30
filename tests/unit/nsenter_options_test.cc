#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nsenter/options.h"

namespace nsdebug {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<Options> Parse(std::vector<std::string> words) {
  words.insert(words.begin(), "ns-enter");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return ParseOptions(static_cast<int>(words.size()), argv.data());
}

const Options::NamespaceSource& Source(const Options& options, int flag) {
  return options.namespaces[NamespaceIndex(flag)];
}

TEST(ParseOptionsTest, TakesWhatFollowsANamespaceLetterAsItsFile) {
  EXPECT_EQ(Source(*Parse({"-t", "42", "-mu"}), CLONE_NEWNS).source, "u");
}

TEST(ParseOptionsTest, TakesShortOptionsInOneWord) {
  Result<Options> options = Parse({"-eFt", "42", "-m", "-C", "ps", "-ef"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->target, "42");
  EXPECT_TRUE(Source(*options, CLONE_NEWCGROUP).wanted);
  EXPECT_FALSE(Source(*options, CLONE_NEWUSER).wanted);
  EXPECT_THAT(options->command, ElementsAre("ps", "-ef"));
}

TEST(ParseOptionsTest, TakesNamespaceFilesInEverySpelling) {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"-n/run/netns/x"}, {"-n=/run/netns/x"}, {"--net=/run/netns/x"}}) {
    Result<Options> options = Parse(words);
    ASSERT_TRUE(options);
    EXPECT_EQ(Source(*options, CLONE_NEWNET).source, "/run/netns/x");
  }
}

TEST(ParseOptionsTest, StopsAtTheCommandAndAtTwoDashes) {
  EXPECT_THAT(Parse({"-t", "1", "-n", "ip", "-n"})->command, ElementsAre("ip", "-n"));
  EXPECT_THAT(Parse({"-t", "1", "-n", "--", "-x"})->command, ElementsAre("-x"));
}

TEST(ParseOptionsTest, AcceptsAbbreviatedLongOptions) {
  EXPECT_TRUE(Parse({"-t1", "-n", "--preserve"})->preserve_credentials);
  EXPECT_THAT(Parse({"--se", "1"}).error().message,
              HasSubstr("unknown or ambiguous option '--se'"));
}

TEST(ParseOptionsTest, ShortCMeansTheContainerBehindPodOnly) {
  Result<Options> pod = Parse({"--pod", "shop/web", "-c", "app", "--", "ss"});
  ASSERT_TRUE(pod) << pod.error().message;
  EXPECT_EQ(pod->container, "app");
  EXPECT_FALSE(pod->join_cgroup);

  Result<Options> pid = Parse({"-t", "1", "-ecn", "ss"});
  ASSERT_TRUE(pid);
  EXPECT_TRUE(pid->join_cgroup);
  EXPECT_THAT(pid->command, ElementsAre("ss"));

  EXPECT_TRUE(Parse({"--join-cgroup", "--pod", "shop/web", "ss"})->join_cgroup);
  EXPECT_THAT(Parse({"-c", "--pod", "shop/web", "ss"}).error().message,
              HasSubstr("-c before --pod means --join-cgroup"));
}

TEST(ParseOptionsTest, ContainerIsATargetOrNamesOneOfThePod) {
  Result<Options> alone = Parse({"--container", "0123", "ss"});
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->target_kind, Options::TargetKind::kContainer);
  EXPECT_EQ(alone->target, "0123");
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"--container=app", "--pod=shop/web"}, {"--pod=shop/web", "--container=app"}}) {
    Result<Options> of_pod = Parse(words);
    ASSERT_TRUE(of_pod);
    EXPECT_EQ(of_pod->target_kind, Options::TargetKind::kPod);
    EXPECT_EQ(of_pod->container, "app");
  }
}

TEST(ParseOptionsTest, NodeIsProcessOneWithAllNamespaces) {
  Result<Options> node = Parse({"--node"});
  ASSERT_TRUE(node);
  EXPECT_EQ(node->target, "1");
  EXPECT_TRUE(node->all);
  EXPECT_FALSE(Parse({"--node", "-n"})->all);
}

TEST(ParseOptionsTest, HelpAndVersionEndTheReadingOfOptions) {
  EXPECT_EQ(Parse({"-h", "-t", "1", "-t", "2", "-V"})->action, Options::Action::kHelp);
  EXPECT_EQ(Parse({"-h", "--sandbox"})->action, Options::Action::kHelp);
  EXPECT_EQ(Parse({"-V", "-h"})->action, Options::Action::kVersion);
}

TEST(ParseOptionsTest, ReadsIdsAndFollow) {
  Result<Options> options = Parse({"-t1", "-n", "-S", "1000", "--setgid=follow"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->setuid->value, 1000u);
  EXPECT_TRUE(options->setgid->follow);
}

struct Refusal {
  std::vector<std::string> words;
  const char* message;
};

TEST(ParseOptionsTest, RefusesContradictionsAndNonsense) {
  const std::vector<Refusal> refusals = {
      {{"-t", "1", "-t", "1"}, "more than one target"},
      {{"-t", "1", "--pod", "a/b"}, "more than one target"},
      {{"-t", "1", "--container", "x"}, "a target of its own"},
      {{"--pod", "web"}, "'web' is not NAMESPACE/NAME"},
      {{"--pod", "a/b/c"}, "is not NAMESPACE/NAME"},
      {{"--pod", "/web"}, "is not NAMESPACE/NAME"},
      {{"--sandbox", "-t1"}, "--sandbox goes with --pod"},
      {{"--pod", "a/b", "--sandbox", "-c", "x"}, "it goes with no container name"},
      {{"-t1", "-w/", "-W/"}, "--wd and --wdns exclude each other"},
      {{"-t1", "-W", "/tmp"}, "--wdns needs a directory"},
      {{"-t1", "-S", "root"}, "neither a number nor 'follow'"},
      {{"-t1", "-S", "4294967295"}, "neither a number nor 'follow'"},
      {{"-t1", "-N", "x"}, "is not a descriptor"},
      {{"-t"}, "option '-t' needs an argument"},
      {{"--target"}, "option '-t' needs an argument"},
      {{"-y"}, "unknown or ambiguous option '-y'"},
      {{"--new", "net,foo"}, "--new: unknown namespace 'foo'"},
      {{"-t1", "-n", "-o", "json"}, "--output goes with --explain"},
      {{"-t1", "-n", "--explain", "-o", "xml"}, "neither text nor json"},
      {{"--\x1b[2J"}, "\\x1b[2J"},
  };
  for (const Refusal& refusal : refusals) {
    Result<Options> options = Parse(refusal.words);
    ASSERT_FALSE(options) << refusal.message;
    EXPECT_EQ(options.error().code, Code::kInvalidArgument);
    EXPECT_THAT(options.error().message, HasSubstr(refusal.message));
    EXPECT_EQ(options.error().message.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace nsdebug
