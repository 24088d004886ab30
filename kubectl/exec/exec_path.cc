#include "kubectl/exec/exec_path.h"

#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>
#include <string_view>

namespace nsdebug::kubectl {

namespace {

constexpr std::string_view kApi = "/apis/ns-debug.io/v1alpha1";

std::string Encode(const std::string& text) {
  return boost::urls::encode(text, boost::urls::unreserved_chars);
}

class Query {
 public:
  void Add(std::string_view name, const std::string& value) {
    text_ += text_.empty() ? '?' : '&';
    text_.append(name).append("=").append(Encode(value));
  }
  void AddUnlessEmpty(std::string_view name, const std::string& value) {
    if (!value.empty()) Add(name, value);
  }
  void AddFlag(std::string_view name, bool value) {
    if (value) Add(name, "true");
  }
  template <class Number>
  void AddNumber(std::string_view name, const std::optional<Number>& value) {
    if (value) Add(name, std::to_string(*value));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

std::string ExecPath(const ExecParameters& parameters) {
  std::string path(kApi);
  if (parameters.pod.empty()) {
    path += "/nodes/" + Encode(parameters.node);
  } else {
    path += "/namespaces/" + Encode(parameters.pod_namespace) + "/pods/" + Encode(parameters.pod);
  }
  Query query;
  for (const std::string& argument : parameters.command) query.Add("command", argument);
  query.AddUnlessEmpty("container", parameters.container);
  query.AddFlag("stdin", parameters.has_stdin);
  query.AddFlag("stdout", true);
  // A terminal has one output.
  query.AddFlag("stderr", !parameters.has_tty);
  query.AddFlag("tty", parameters.has_tty);
  if (parameters.has_tty && parameters.size) {
    query.Add("rows", std::to_string(parameters.size->rows));
    query.Add("columns", std::to_string(parameters.size->columns));
  }
  query.AddFlag("sandbox", parameters.sandbox);
  query.AddUnlessEmpty("profile", parameters.profile);
  query.AddUnlessEmpty("view", parameters.view);
  query.AddUnlessEmpty("namespaces", parameters.namespaces);
  query.AddNumber("uid", parameters.uid);
  query.AddNumber("gid", parameters.gid);
  query.AddUnlessEmpty("workingDir", parameters.working_directory);
  for (const std::string& variable : parameters.environment) query.Add("env", variable);
  query.AddNumber("timeoutSeconds", parameters.timeout_seconds);
  return path + "/exec" + query.text();
}

}  // namespace nsdebug::kubectl
