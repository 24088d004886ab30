#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "kubectl/kubeconfig/selection.h"

namespace nsdebug::kubectl {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPem = "-----BEGIN X-----\n";

class SelectionTest : public testing::Test {
 protected:
  SelectionTest() {
    std::string path = fs::temp_directory_path() / "selection_test.XXXXXX";
    directory_ = ::mkdtemp(path.data());
    config_.clusters["k"].server = "https://k";
    config_.clusters["other"].server = "https://other";
    config_.users["u"].token = "t";
    config_.users["v"].token = "v";
    config_.contexts["c"] = {"", "k", "u", "shop"};
    config_.contexts["d"] = {"", "other", "v", ""};
    config_.current_context = "c";
    environment_.service_account = directory_;
  }
  ~SelectionTest() override { fs::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }
  /// As a pod with a service account has it.
  void EnterCluster() {
    environment_.variables = {{"KUBERNETES_SERVICE_HOST", "10.0.0.1"},
                              {"KUBERNETES_SERVICE_PORT", "443"}};
    Write("token", "sa");
    Write("ca.crt", kPem);
    Write("namespace", "tools\n");
  }

  ClientConfig Select() {
    Result<ClientConfig> client = SelectClientConfig(config_, overrides_, environment_);
    EXPECT_TRUE(client) << client.error().message;
    return client.value_or(ClientConfig{});
  }
  std::string FaultOf() {
    Result<ClientConfig> client = SelectClientConfig(config_, overrides_, environment_);
    return client ? "none" : client.error().message;
  }

  Cluster& cluster() { return config_.clusters["k"]; }
  User& user() { return config_.users["u"]; }

  std::string directory_;
  Kubeconfig config_;
  Overrides overrides_;
  Environment environment_;
};

TEST_F(SelectionTest, FollowsTheCurrentContext) {
  const ClientConfig client = Select();
  EXPECT_EQ(client.server, "https://k");
  EXPECT_EQ(client.credential.token, "t");
  EXPECT_EQ(client.name_space, "shop");
  EXPECT_EQ(client.context + client.cluster + client.user, "cku");
}

TEST_F(SelectionTest, FlagsChooseOtherEntries) {
  overrides_.context = "d";
  EXPECT_EQ(Select().server, "https://other");
  EXPECT_EQ(Select().name_space, "default");
  overrides_.cluster = "k";
  overrides_.name_space = "mine";
  EXPECT_EQ(Select().server, "https://k");
  EXPECT_EQ(Select().credential.token, "v");
  EXPECT_EQ(Select().name_space, "mine");
  overrides_.user = "u";
  EXPECT_EQ(Select().credential.token, "t");
}

TEST_F(SelectionTest, AServerOfItsOwnNeedsNoKubeconfig) {
  config_ = {};
  overrides_.server = "https://x:6443";
  overrides_.token = "t";
  EXPECT_EQ(Select().server, "https://x:6443");
  EXPECT_EQ(Select().credential.token, "t");
}

TEST_F(SelectionTest, AnotherServerHasAnotherName) {
  cluster().tls_server_name = "inner";
  EXPECT_EQ(Select().tls_server_name, "inner");
  overrides_.server = "https://x";
  EXPECT_EQ(Select().tls_server_name, "");
  overrides_.tls_server_name = "mine";
  EXPECT_EQ(Select().tls_server_name, "mine");
}

TEST_F(SelectionTest, OneFlagAboutTrustReplacesWhatTheFileSays) {
  cluster().certificate_authority_data = kPem;
  overrides_.insecure_skip_tls_verify = true;
  EXPECT_EQ(Select().ca_pem, "");
  EXPECT_TRUE(Select().insecure_skip_tls_verify);
  overrides_.insecure_skip_tls_verify = false;
  cluster().certificate_authority_data.clear();
  cluster().insecure_skip_tls_verify = true;
  overrides_.certificate_authority = Write("ca.pem", kPem);
  EXPECT_EQ(Select().ca_pem, kPem);
  EXPECT_FALSE(Select().insecure_skip_tls_verify);
}

TEST_F(SelectionTest, FlagsReplaceCredentials) {
  user().token_file = "/none";
  user().client_certificate_data = "old";
  user().client_key_data = "old";
  overrides_.token = "mine";
  overrides_.client_certificate = Write("c.pem", kPem);
  overrides_.client_key = Write("k.pem", kPem);
  const CredentialSpec credential = Select().credential;
  EXPECT_EQ(credential.token, "mine");
  EXPECT_EQ(credential.token_file, "");
  EXPECT_EQ(credential.certificate_pem, kPem);
  EXPECT_EQ(credential.key_pem, kPem);
}

TEST_F(SelectionTest, KeepsThePathOfTheServerButNotTheQuery) {
  cluster().server = "https://rancher/k8s/clusters/c-1?x=y#z";
  EXPECT_EQ(Select().server, "https://rancher/k8s/clusters/c-1");
}

TEST_F(SelectionTest, GivesNoCredentialToAPlainServer) {
  cluster().server = "http://localhost:8001";
  user().client_certificate_data = kPem;
  user().client_key_data = kPem;
  EXPECT_FALSE(Select().has_tls());
  EXPECT_EQ(Select().credential.token, "");
  EXPECT_EQ(Select().credential.key_pem, "");
}

TEST_F(SelectionTest, AsksAPluginOnlyWhenThereIsNothingElse) {
  user().exec = ExecConfig{"client.authentication.k8s.io/v1", "x", {}, {}, "", true, "Never"};
  EXPECT_FALSE(Select().credential.exec);
  user().token.clear();
  cluster().exec_extension = "{\"a\":1}";
  cluster().certificate_authority = Write("ca.pem", kPem);
  const CredentialSpec credential = Select().credential;
  ASSERT_TRUE(credential.exec);
  EXPECT_EQ(credential.exec->command, "x");
  EXPECT_EQ(credential.exec_cluster.server, "https://k");
  EXPECT_EQ(credential.exec_cluster.certificate_authority_pem, kPem);
  EXPECT_EQ(credential.exec_cluster.config, "{\"a\":1}");
  user().client_certificate_data = kPem;
  user().client_key_data = kPem;
  EXPECT_FALSE(Select().credential.exec);
}

TEST_F(SelectionTest, NamesWhatIsNotThere) {
  config_.current_context = "x";
  EXPECT_EQ(FaultOf(), "context 'x' (current-context) is not in the kubeconfig");
  overrides_.context = "y";
  EXPECT_EQ(FaultOf(), "context 'y' is not in the kubeconfig");
  overrides_.context = "c";
  config_.contexts["c"] = {"", "k2", "u2", ""};
  EXPECT_EQ(FaultOf(),
            "cluster 'k2' of context 'c' is not in the kubeconfig\n"
            "user 'u2' of context 'c' is not in the kubeconfig");
  overrides_.cluster = "k3";
  overrides_.user = "u";
  EXPECT_EQ(FaultOf(), "cluster 'k3' is not in the kubeconfig");
}

TEST_F(SelectionTest, NamesWhatIsNotChosen) {
  config_.current_context = "";
  EXPECT_EQ(FaultOf(), "the kubeconfig has no current-context: choose one with --context");
  config_.current_context = "c";
  config_.contexts["c"] = {};
  EXPECT_EQ(FaultOf(), "context 'c' names no cluster");
  config_ = {};
  EXPECT_EQ(FaultOf(),
            "there is no kubeconfig: set KUBECONFIG, or give --kubeconfig FILE or --server URL");
}

struct Contradiction {
  std::function<void(Cluster&, User&)> make;
  std::string message;
};

TEST_F(SelectionTest, RefusesContradictions) {
  const ExecConfig exec{"client.authentication.k8s.io/v1", "x", {}, {}, "", false, "Never"};
  const Kubeconfig good = config_;
  for (const Contradiction& c : std::vector<Contradiction>{
           {[](Cluster&k, User&) { k.server = ""; }, "cluster 'k': it has no server"},
           {[](Cluster&k, User&) { k.server = "k:6443"; },
            "cluster 'k': server is not https://HOST[:PORT][/PATH] (or http)"},
           {[](Cluster&k, User&) { k.server = "https://k\r\nx"; },
            "cluster 'k': server is not https://HOST[:PORT][/PATH] (or http)"},
           {[](Cluster&k, User&) { k.proxy_url = "ftp://me:secret@x"; },
            "cluster 'k': proxy-url is not a URL of scheme http, https or socks5"},
           {[](Cluster&k, User&) {
              k.certificate_authority = "a";
              k.certificate_authority_data = "b";
            },
            "cluster 'k': certificate-authority and certificate-authority-data exclude each other"},
           {[](Cluster&k, User&) {
              k.insecure_skip_tls_verify = true;
              k.certificate_authority_data = "b";
            },
            "cluster 'k': a certificate authority and insecure-skip-tls-verify exclude each other"},
           {[](Cluster&, User&u) { u.username = "me"; },
            "user 'u': token and username/password exclude each other"},
           {[](Cluster&, User&u) {
              u.client_certificate = "a";
              u.client_certificate_data = "b";
              u.client_key = "a";
              u.client_key_data = "b";
            },
            "user 'u': client-certificate and client-certificate-data exclude each other\n"
            "user 'u': client-key and client-key-data exclude each other"},
           {[](Cluster&, User&u) { u.client_certificate_data = "b"; },
            "user 'u': a client certificate needs client-key or client-key-data"},
           {[&](Cluster&, User&u) {
              u.exec = exec;
              u.auth_provider = "oidc";
            },
            "user 'u': exec and auth-provider exclude each other"},
           {[&](Cluster&, User&u) {
              u.exec = exec;
              u.exec->command = "";
            },
            "user 'u': exec.command is missing"},
           {[](Cluster&, User&u) { u.as_groups = {"g"}; },
            "user 'u': as-uid, as-groups and as-user-extra need as"},
       }) {
    config_ = good;
    c.make(cluster(), user());
    EXPECT_EQ(FaultOf(), c.message);
  }
}

TEST_F(SelectionTest, RefusesWhatTheAgentCouldNotCheck) {
  overrides_.as = "other";
  EXPECT_TRUE(FaultOf().starts_with("--as: impersonation is not supported: the agent"));
  overrides_.as.clear();
  overrides_.as_groups = {"g"};
  EXPECT_TRUE(FaultOf().starts_with("--as: impersonation is not supported"));
  overrides_.as_groups.clear();
  user().as = "other";
  EXPECT_TRUE(FaultOf().starts_with("user 'u': impersonation is not supported"));
}

TEST_F(SelectionTest, RefusesAuthProvidersWithTheReason) {
  user().auth_provider = "oidc";
  EXPECT_EQ(FaultOf(), "none");  // the token goes before it
  user().token.clear();
  EXPECT_TRUE(FaultOf().starts_with(
      "user 'u': auth-provider 'oidc' is not supported, it renews tokens by rewriting"));
  user().auth_provider = "gcp";
  EXPECT_TRUE(FaultOf().starts_with(
      "user 'u': auth-provider 'gcp' is not supported, kubectl itself dropped it in 1.26"));
}

TEST_F(SelectionTest, NamesFilesThatCannotBeRead) {
  cluster().certificate_authority = "/none/ca.pem";
  user().client_certificate = Write("c.pem", "text");
  user().client_key = "/none/k.pem";
  EXPECT_EQ(FaultOf(),
            "certificate-authority: open /none/ca.pem: no such file or directory\n"
            "client-certificate: " +
                directory_ +
                "/c.pem is not PEM\n"
                "client-key: open /none/k.pem: no such file or directory");
}

TEST_F(SelectionTest, RefusesWhatIsNoNamespace) {
  overrides_.name_space = "a/b";
  EXPECT_EQ(FaultOf(), "namespace 'a/b': not the name of a namespace");
}

TEST_F(SelectionTest, UsesTheServiceAccountInAPod) {
  EnterCluster();
  config_ = {};
  const ClientConfig client = Select();
  EXPECT_EQ(client.server, "https://10.0.0.1:443");
  EXPECT_EQ(client.ca_pem, kPem);
  EXPECT_EQ(client.credential.token_file, directory_ + "/token");
  EXPECT_EQ(client.name_space, "tools");
  environment_.variables["POD_NAMESPACE"] = "pod";
  environment_.variables["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  EXPECT_EQ(Select().name_space, "pod");
  EXPECT_EQ(Select().server, "https://[fd00::1]:443");
  overrides_.token = "mine";
  EXPECT_EQ(Select().credential.token, "mine");
  EXPECT_EQ(Select().credential.token_file, "");
}

TEST_F(SelectionTest, AKubeconfigGoesBeforeTheServiceAccount) {
  EnterCluster();
  EXPECT_EQ(Select().server, "https://k");
  EXPECT_EQ(Select().name_space, "shop");
  config_.contexts["c"].name_space = "";
  EXPECT_EQ(Select().name_space, "tools");
}

}  // namespace
}  // namespace nsdebug::kubectl
