#include "kubectl/kubeconfig/document.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/text.h"
#include "kubectl/kubeconfig/scalar.h"

namespace nsdebug::kubectl {

namespace {

using nlohmann::json;
using Kind = Node::Kind;

constexpr std::string_view kMergeKey = "<<";

// yaml-cpp counts from 0.
int LineOf(const YAML::Mark& mark) { return mark.line + 1; }

size_t SizeOf(const Node& node) {
  size_t size = 1;
  for (const Node& item : node.items) size += SizeOf(item);
  return size;
}

/// `<<: *defaults`: the keys of another map, or of a list of maps, that this one does not have.
/// They go in front, where those written later override them.
void ResolveMergeKeys(Node& map) {
  std::vector<Node> inherited;
  std::vector<Node> own;
  for (size_t i = 0; i + 1 < map.items.size(); i += 2) {
    Node& value = map.items[i + 1];
    const bool is_merge = map.items[i].text == kMergeKey && map.items[i].kind == Kind::kText;
    if (is_merge && value.kind == Kind::kMap) {
      std::move(value.items.begin(), value.items.end(), std::back_inserter(inherited));
    } else if (is_merge && value.kind == Kind::kList) {
      // Of several, the first counts.
      for (auto item = value.items.rbegin(); item != value.items.rend(); ++item) {
        if (item->kind != Kind::kMap) continue;
        std::move(item->items.begin(), item->items.end(), std::back_inserter(inherited));
      }
    } else {
      own.push_back(std::move(map.items[i]));
      own.push_back(std::move(value));
    }
  }
  std::move(own.begin(), own.end(), std::back_inserter(inherited));
  map.items = std::move(inherited);
}

/// Builds the tree from the parser's events: yaml-cpp's own nodes share what an alias repeats, and
/// walking ten lines of such a file can take for ever. Here what repeats is counted.
class TreeBuilder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    // Also an alias inside of what it names.
    if (found == anchors_.end()) throw YAML::ParserException(mark, "an alias to nothing");
    Count(mark, SizeOf(found->second));
    if (open_.size() + DepthOf(found->second) > kMaxDocumentDepth) RefuseDepth(mark);
    Add(found->second);
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Count(mark, 1);
    Keep(Node{Kind::kNull, LineOf(mark), {}, {}}, anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Count(mark, 1);
    Node node{Kind::kText, LineOf(mark), value, {}};
    // "?" is the parser's for plain values, "!" for quoted ones.
    if (tag == "?") ResolveScalar(node);
    Keep(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Begin(Kind::kList, mark, anchor);
  }
  void OnSequenceEnd() override { End(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Begin(Kind::kMap, mark, anchor);
  }
  void OnMapEnd() override {
    ResolveMergeKeys(open_.back().node);
    End();
  }

  Node Take() { return std::move(root_); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor;
  };

  [[noreturn]] static void RefuseDepth(const YAML::Mark& mark) {
    throw YAML::ParserException(mark, "nested too deep");
  }

  static size_t DepthOf(const Node& node) {
    size_t deepest = 0;
    for (const Node& item : node.items) deepest = std::max(deepest, DepthOf(item));
    return deepest + 1;
  }

  void Count(const YAML::Mark& mark, size_t nodes) {
    count_ += nodes;
    if (count_ > kMaxDocumentNodes) throw YAML::ParserException(mark, "too many values");
  }

  void Begin(Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    Count(mark, 1);
    if (open_.size() == kMaxDocumentDepth) RefuseDepth(mark);
    open_.push_back(Open{Node{kind, LineOf(mark), {}, {}}, anchor});
  }

  void End() {
    Open open = std::move(open_.back());
    open_.pop_back();
    Keep(std::move(open.node), open.anchor);
  }

  void Keep(Node node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      YAML::Mark mark;
      mark.line = node.line - 1;
      Count(mark, SizeOf(node));  // the copy
      anchors_[anchor] = node;
    }
    Add(std::move(node));
  }

  void Add(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else {
      open_.back().node.items.push_back(std::move(node));
    }
  }

  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  Node root_;
  size_t count_ = 0;
};

Result<Node> ParseYaml(const std::string& text, std::string_view name) {
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    TreeBuilder builder;
    parser.HandleNextDocument(builder);
    return builder.Take();
  } catch (const YAML::Exception& e) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{}:{}: not YAML that can be read: {}", name,
                            e.mark.is_null() ? 1 : LineOf(e.mark), Printable(e.msg)));
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, fmt::format("{}:1: {}", name, Printable(e.what())));
  }
}

Node FromJson(const json& value) {
  Node node;
  if (value.is_boolean()) {
    node.kind = Kind::kBool;
    node.text = value.get<bool>() ? "true" : "false";
  } else if (value.is_number()) {
    node.kind = Kind::kNumber;
    node.text = value.dump();
  } else if (value.is_string()) {
    node.kind = Kind::kText;
    node.text = value.get<std::string>();
  } else if (value.is_array()) {
    node.kind = Kind::kList;
    for (const json& item : value) node.items.push_back(FromJson(item));
  } else if (value.is_object()) {
    node.kind = Kind::kMap;
    for (const auto& [key, item] : value.items()) {
      node.items.push_back(Node{Kind::kText, 0, key, {}});
      node.items.push_back(FromJson(item));
    }
  }
  return node;
}

/// False: not JSON, or deeper than we go. Its strings are not quite YAML's (\ud83d\ude00, tabs), so
/// yaml-cpp cannot read all of it.
bool ParseJson(const std::string& text, Node* node) {
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string::npos || text[start] != '{') return false;
  bool is_deep = false;
  const auto bound = [&is_deep](int depth, json::parse_event_t /*event*/, json& /*value*/) {
    if (depth > static_cast<int>(kMaxDocumentDepth)) is_deep = true;
    return !is_deep;
  };
  const json value = json::parse(text, bound, /*allow_exceptions=*/false);
  if (value.is_discarded() || is_deep) return false;
  *node = FromJson(value);
  return true;
}

Result<json> JsonOf(const Node& node) {
  switch (node.kind) {
    case Kind::kNull:
      return json(nullptr);
    case Kind::kBool:
      return json(node.text == "true");
    case Kind::kText:
      return json(node.text);
    case Kind::kNumber: {
      const auto number = JsonNumber(node.text);
      if (!number) return Fail(Code::kInvalidArgument, "a number that JSON does not have");
      return json::parse(*number);
    }
    case Kind::kList: {
      json list = json::array();
      for (const Node& item : node.items) {
        Result<json> value = JsonOf(item);
        if (!value) return value;
        list.push_back(std::move(*value));
      }
      return list;
    }
    case Kind::kMap:
      break;
  }
  json map = json::object();
  for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
    Result<json> value = JsonOf(node.items[i + 1]);
    if (!value) return value;
    map[node.items[i].text] = std::move(*value);
  }
  return map;
}

}  // namespace

const Node* Node::Find(std::string_view key) const {
  const Node* found = nullptr;
  if (kind != Kind::kMap) return nullptr;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].text == key) found = &items[i + 1];
  }
  return found;
}

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kBool:
      return "true or false";
    case Kind::kNumber:
      return "a number";
    case Kind::kText:
      return "a string";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      break;
  }
  return "a map";
}

Result<Node> ParseDocument(const std::string& text, std::string_view name) {
  Node node;
  if (ParseJson(text, &node)) return node;
  return ParseYaml(text, name);
}

Result<std::string> ToJson(const Node& node) {
  try {
    Result<json> value = JsonOf(node);
    if (!value) return Propagate(value.error());
    return value->dump();
  } catch (const json::exception&) {
    return Fail(Code::kInvalidArgument, "not UTF-8");
  }
}

}  // namespace nsdebug::kubectl
