#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "agent/openapi/openapi.h"
#include "agent/pods/documents.h"

namespace nsdebug {
namespace {

using nlohmann::json;

const json& Document() {
  static const json kDocument = json::parse(OpenApiDocument());
  return kDocument;
}

/// Resolves references into the document itself.
const json& Resolve(const json& schema) {
  if (!schema.contains("$ref")) return schema;
  return Document().at(json::json_pointer(schema["$ref"].get<std::string>().substr(1)));
}

const json& Schema(const std::string& name) { return Document()["components"]["schemas"][name]; }

/// Of an object, those of the parts of an allOf together.
std::set<std::string> Keys(const json& schema, const char* which) {
  std::set<std::string> keys;
  if (schema.contains("allOf")) {
    for (const json& part : schema["allOf"]) keys.merge(Keys(Resolve(part), which));
  } else if (std::string(which) == "required") {
    for (const json& key : schema.value("required", json::array())) keys.insert(key);
  } else {
    for (const auto& item : schema.at(which).items()) keys.insert(item.key());
  }
  return keys;
}

void ExpectDescribed(const json& object, const json& schema) {
  const std::set<std::string> described = Keys(schema, "properties");
  for (const auto& item : object.items()) {
    EXPECT_TRUE(described.contains(item.key())) << item.key() << " in " << object;
  }
  for (const std::string& key : Keys(schema, "required")) {
    EXPECT_TRUE(object.contains(key)) << key << " is missing in " << object;
  }
}

Pod FullPod() {
  Pod pod;
  pod.sandbox.runtime_handler = "runc";
  pod.sandbox.created_at = 1'700'000'000'000'000'000;
  pod.containers.resize(1);
  pod.containers[0].created_at = pod.sandbox.created_at;
  pod.containers[0].annotations["io.kubernetes.container.type"] = "init";
  pod.truncated = true;
  return pod;
}

TEST(OpenApiTest, IsWhatStandsInTheFile) {
  EXPECT_EQ(Document()["info"]["title"], "ns-debug");
  EXPECT_TRUE(OpenApiDocument().ends_with("}\n"));
}

TEST(OpenApiTest, DescribesThePodList) {
  PodList list;
  list.pods = {FullPod(), Pod()};
  list.pods[1].containers.resize(1);
  const json document = json::parse(PodListJson(list, "node-1"));
  ExpectDescribed(document, Schema("PodList"));
  for (const json& pod : document["items"]) {
    ExpectDescribed(pod, Schema("Pod"));
    ExpectDescribed(pod["containers"][0], Schema("Container"));
  }
}

TEST(OpenApiTest, DescribesTheExplanationOfAPod) {
  PodExplanation explanation;
  explanation.pod = FullPod();
  Entry entry;
  entry.pid = 7;
  entry.user = ProcessUser{1, 2};
  entry.namespaces.namespaces = {{"net", 8, true}, {"pid", 0, true}};
  explanation.containers = {entry};
  explanation.sandbox.refusal = "it has stopped";
  const json document = json::parse(PodExplanationJson(explanation, "node-1"));
  ExpectDescribed(document, Schema("PodExplanation"));
  ExpectDescribed(document["sandbox"], Schema("Entry"));
  const json& container = document["containers"][0];
  ExpectDescribed(container, Schema("PodExplanation")["properties"]["containers"]["items"]);
  for (const json& one : container["namespaces"]) ExpectDescribed(one, Schema("Namespace"));
}

}  // namespace
}  // namespace nsdebug
