#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/base64.h"
#include "kubectl/kubeconfig/kubeconfig.h"

namespace nsdebug::kubectl {
namespace {

Kubeconfig Parsed(const std::string& text) {
  Result<Kubeconfig> config = ParseKubeconfig(text, "FILE");
  EXPECT_TRUE(config) << config.error().message;
  return config.value_or(Kubeconfig{});
}

std::string FaultOf(const std::string& text) {
  Result<Kubeconfig> config = ParseKubeconfig(text, "FILE");
  return config ? "none" : config.error().message;
}

constexpr const char* kWhole = R"(apiVersion: v1
kind: Config
preferences: {colors: true}
current-context: c
clusters:
- name: k
  cluster:
    server: https://k.example:6443/prefix
    tls-server-name: inner
    insecure-skip-tls-verify: true
    certificate-authority: ca.pem
    certificate-authority-data: UEVN
    proxy-url: socks5://proxy
    disable-compression: true
    extensions:
    - name: other
      extension: {a: 1}
    - name: client.authentication.k8s.io/exec
      extension: {audience: "x", retries: 0x10, on: yes, list: [~, 1.5]}
users:
- name: u
  user:
    client-certificate: c.pem
    client-certificate-data: Q0VSVA==
    client-key: k.pem
    client-key-data: S0VZ
    token: "123"
    tokenFile: token
    username: me
    password: secret
    as: other
    as-uid: "7"
    as-groups: [a, b]
    as-user-extra: {scope: [x]}
    auth-provider: {name: oidc, config: {id-token: x}}
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: bin/plugin
      args: [get, "1"]
      env: [{name: A, value: b=c}]
      installHint: install it
      provideClusterInfo: true
      interactiveMode: Never
contexts:
- name: c
  context: {cluster: k, user: u, namespace: shop}
)";

TEST(KubeconfigTest, ReadsEveryFieldOfACluster) {
  const Cluster cluster = Parsed(kWhole).clusters.at("k");
  EXPECT_EQ(cluster.origin, "FILE");
  EXPECT_EQ(cluster.server, "https://k.example:6443/prefix");
  EXPECT_EQ(cluster.tls_server_name, "inner");
  EXPECT_TRUE(cluster.insecure_skip_tls_verify);
  EXPECT_EQ(cluster.certificate_authority, "ca.pem");
  EXPECT_EQ(cluster.certificate_authority_data, "PEM");
  EXPECT_EQ(cluster.proxy_url, "socks5://proxy");
  EXPECT_TRUE(cluster.disable_compression);
  EXPECT_EQ(cluster.exec_extension,
            R"({"audience":"x","list":[null,1.5],"retries":16,"true":true})");
}

TEST(KubeconfigTest, ReadsEveryFieldOfAUserAndAContext) {
  const Kubeconfig config = Parsed(kWhole);
  const User& user = config.users.at("u");
  EXPECT_EQ(user.client_certificate, "c.pem");
  EXPECT_EQ(user.client_certificate_data, "CERT");
  EXPECT_EQ(user.client_key, "k.pem");
  EXPECT_EQ(user.client_key_data, "KEY");
  EXPECT_EQ(user.token, "123");
  EXPECT_EQ(user.token_file, "token");
  EXPECT_EQ(user.username, "me");
  EXPECT_EQ(user.password, "secret");
  EXPECT_EQ(user.as, "other");
  EXPECT_EQ(user.as_uid, "7");
  EXPECT_EQ(user.as_groups, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(user.has_as_user_extra);
  EXPECT_EQ(user.auth_provider, "oidc");
  const Context& context = config.contexts.at("c");
  EXPECT_EQ(context.cluster, "k");
  EXPECT_EQ(context.user, "u");
  EXPECT_EQ(context.name_space, "shop");
  EXPECT_EQ(config.current_context, "c");
}

TEST(KubeconfigTest, ReadsACredentialPlugin) {
  const Kubeconfig config = Parsed(kWhole);
  const auto& exec = config.users.at("u").exec;
  ASSERT_TRUE(exec);
  EXPECT_EQ(exec->api_version, "client.authentication.k8s.io/v1");
  EXPECT_EQ(exec->command, "bin/plugin");
  EXPECT_EQ(exec->args, (std::vector<std::string>{"get", "1"}));
  ASSERT_EQ(exec->env.size(), 1U);
  EXPECT_EQ(exec->env[0].name, "A");
  EXPECT_EQ(exec->env[0].value, "b=c");
  EXPECT_EQ(exec->install_hint, "install it");
  EXPECT_TRUE(exec->provide_cluster_info);
  EXPECT_EQ(exec->interactive_mode, "Never");
}

TEST(KubeconfigTest, ReadsJson) {
  const Kubeconfig config =
      Parsed("{\n\t\"users\": [{\"name\": \"a\\/\\ud83d\\ude00\", \"user\": {\"token\": \"t\"}}]}");
  EXPECT_EQ(config.users.at("a/\xf0\x9f\x98\x80").token, "t");
}

TEST(KubeconfigTest, AnEmptyFileIsAnEmptyConfiguration) {
  for (const char* text : {"", "\n", "# nothing\n", "---\n", "clusters: null\nusers: []\n"}) {
    EXPECT_TRUE(Parsed(text).is_empty()) << text;
  }
}

TEST(KubeconfigTest, ReadsTheFirstDocumentOnly) {
  const Kubeconfig config = Parsed("current-context: a\n---\ncurrent-context: b\n");
  EXPECT_EQ(config.current_context, "a");
}

TEST(KubeconfigTest, ResolvesAliasesAndMergeKeys) {
  const Kubeconfig config = Parsed(R"(
base: &base {server: "https://a", tls-server-name: x}
clusters:
- name: one
  cluster: *base
- name: two
  cluster:
    server: https://b
    <<: *base
)");
  EXPECT_EQ(config.clusters.at("one").server, "https://a");
  EXPECT_EQ(config.clusters.at("two").server, "https://b");
  EXPECT_EQ(config.clusters.at("two").tls_server_name, "x");
}

TEST(KubeconfigTest, RefusesAliasesThatBlowUp) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) text += ", " + before;
    text += "]\n";
  }
  EXPECT_EQ(FaultOf(text), "FILE:5: not YAML that can be read: too many values");
}

TEST(KubeconfigTest, RefusesADocumentThatIsTooDeep) {
  EXPECT_EQ(FaultOf("a: " + std::string(100, '[')),
            "FILE:1: not YAML that can be read: nested too deep");
  EXPECT_NE(FaultOf("{\"a\": " + std::string(1000, '[') + std::string(1000, ']') + "}"), "none");
}

TEST(KubeconfigTest, RefusesAFileThatIsTooLarge) {
  EXPECT_EQ(FaultOf("#" + std::string(kMaxKubeconfigBytes, 'x')), "FILE: more than 8388608 bytes");
}

struct Fault {
  const char* text;
  const char* message;
};

TEST(KubeconfigTest, NamesFileLineAndFieldOfWhatIsWrong) {
  const std::vector<Fault> faults = {
      {"users:\n- name: u\n  user:\n    token: 123\n",
       "FILE:4: users[0].user.token: expected a string, found a number: put it in quotes"},
      {"contexts: [{name: a, context: {namespace: yes}}]\n",
       "FILE:1: contexts[0].context.namespace: expected a string, found true or false: put it in "
       "quotes"},
      {"users:\n- name: u\n  user:\n    token: [secret]\n",
       "FILE:4: users[0].user.token: expected a string, found a list"},
      {"clusters:\n- name: k\n  cluster:\n    insecure-skip-tls-verify: \"true\"\n",
       "FILE:4: clusters[0].cluster.insecure-skip-tls-verify: expected true or false, found a "
       "string"},
      {"users:\n- name: u\n  user:\n    client-key-data: se*cret\n",
       "FILE:4: users[0].user.client-key-data: not base64"},
      {"users:\n- name: u\n  user: text\n",
       "FILE:3: users[0].user: expected a map, found a string"},
      {"clusters: {}\n", "FILE:1: clusters: expected a list, found a map"},
      {"clusters: [a]\n", "FILE:1: clusters[0]: expected a map, found a string"},
      {"- a\n", "FILE:1: expected a map, found a list"},
      {"users:\n- name: a\n- name: a\n", "FILE:3: users[1].name: 'a' is there twice"},
      {"kind: Pod\n", "FILE:1: kind: expected Config, found 'Pod'"},
      {"apiVersion: v2\n", "FILE:1: apiVersion: expected v1, found 'v2'"},
      {"users: [{name: u, user: {exec: {args: [1]}}}]",
       "FILE:1: users[0].user.exec.args: expected a list of strings, found a number in it: put it "
       "in quotes"},
      {"users: [{name: u, user: {exec: {env: [{name: 'A=B'}]}}}]",
       "FILE:1: users[0].user.exec.env[0].name: a name with '=' in it"},
      {"{\"users\": [{\"name\": 1}]}",
       "FILE: users[0].name: expected a string, found a number: put it in quotes"},
      {"users: [{name: \"a\\0b\"}]", "FILE:1: users[0].name: it holds a NUL"},
      {"clusters:\n- name: k\n  cluster:\n    extensions:\n    - name: "
       "client.authentication.k8s.io/exec\n      extension: [.inf]\n",
       "FILE:6: clusters[0].cluster.extensions[0].extension: a number that JSON does not have"},
  };
  for (const Fault& fault : faults) EXPECT_EQ(FaultOf(fault.text), fault.message);
  EXPECT_TRUE(FaultOf("a: [\nb").starts_with("FILE:2: not YAML that can be read: "));
}

// As kubectl 1.34 has them: Kubernetes reads YAML 1.1.
TEST(KubeconfigTest, KnowsTextFromNumbersAndBooleans) {
  for (const char* text : {"yes", "y", "1e5", "0o7", "1_000", ".inf", "0b11", "+5", "Off", "-.5"}) {
    EXPECT_NE(FaultOf(std::string("current-context: ") + text), "none") << text;
  }
  for (const char* text : {"2001-01-01", "12:30", "1.2.3", "=", "1a", "0x", "e5", "1e", "_1"}) {
    EXPECT_EQ(Parsed(std::string("current-context: ") + text).current_context, text);
  }
  for (const char* text : {"~", "null", ""}) {
    EXPECT_EQ(Parsed(std::string("current-context: ") + text).current_context, "") << text;
  }
}

}  // namespace
}  // namespace nsdebug::kubectl
