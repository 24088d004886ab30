#include "agent/config/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <utility>

#include "base/text.h"

namespace nsdebug {

namespace {

using Kind = YamlNode::Kind;

// yaml-cpp counts from 0.
int LineOf(const YAML::Mark& mark) { return mark.line + 1; }

/// Builds the tree from the parser's events. yaml-cpp's own nodes would do, but they share what an
/// alias repeats: walking ten lines of such a file can take for ever.
class TreeBuilder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& /*name*/) override {
    RefuseAnchor(mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override { RefuseAnchor(mark); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (anchor != YAML::NullAnchor) RefuseAnchor(mark);
    Add(YamlNode{Kind::kNull, LineOf(mark), {}, {}});
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Check(mark, tag, anchor);
    Add(YamlNode{Kind::kText, LineOf(mark), value, {}});
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Begin(Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { End(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Begin(Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { End(); }

  YamlNode Take() { return std::move(root_); }

 private:
  [[noreturn]] static void RefuseAnchor(const YAML::Mark& mark) {
    throw YAML::ParserException(mark, "anchors and aliases (& and *) are not used here");
  }

  static void Check(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) RefuseAnchor(mark);
    // "?" is the parser's for plain values, "!" for quoted ones.
    if (!tag.empty() && tag != "?" && tag != "!") {
      throw YAML::ParserException(mark, "tags (!) are not used here");
    }
  }

  void Begin(Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    Check(mark, tag, anchor);
    if (open_.size() == kMaxYamlDepth) throw YAML::ParserException(mark, "nested too deep");
    open_.push_back(YamlNode{kind, LineOf(mark), {}, {}});
  }

  void End() {
    YamlNode node = std::move(open_.back());
    open_.pop_back();
    Add(std::move(node));
  }

  void Add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
    } else {
      open_.back().items.push_back(std::move(node));
    }
  }

  std::vector<YamlNode> open_;
  YamlNode root_;
};

}  // namespace

Result<YamlNode> ParseYaml(const std::string& text, std::string_view name) {
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    TreeBuilder builder;
    parser.HandleNextDocument(builder);
    YamlNode root = builder.Take();
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) {
      return Fail(Code::kInvalidArgument, fmt::format("{}:{}: a second document, expected one only",
                                                      name, second.Take().line));
    }
    return root;
  } catch (const YAML::Exception& e) {
    return Fail(Code::kInvalidArgument,
                fmt::format("{}:{}: not YAML that can be read: {}", name,
                            e.mark.is_null() ? 1 : LineOf(e.mark), Printable(e.msg)));
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, fmt::format("{}:1: {}", name, Printable(e.what())));
  }
}

}  // namespace nsdebug
