#include "kubectl/kubeconfig/map_reader.h"

#include <fmt/format.h>

#include "base/base64.h"

namespace nsdebug::kubectl {

using Kind = Node::Kind;

Result<void> DocumentReading::Finish() const {
  if (fault.empty()) return {};
  return Fail(Code::kInvalidArgument, fault);
}

MapReader::MapReader(DocumentReading& reading, const Node* node, std::string path)
    : reading_(reading), node_(node), path_(std::move(path)) {
  if (node_ == nullptr || node_->kind == Kind::kMap) return;
  if (node_->kind != Kind::kNull) {
    Fault("", fmt::format("expected a map, found {}", KindName(node_->kind)));
  }
  node_ = nullptr;
}

void MapReader::Fault(std::string_view key, std::string_view what) const {
  if (!reading_.fault.empty()) return;
  const Node* field = key.empty() || node_ == nullptr ? nullptr : node_->Find(key);
  const int line = field != nullptr ? field->line : node_ != nullptr ? node_->line : 0;
  std::string where = path_;
  if (!key.empty()) where += fmt::format("{}{}", where.empty() ? "" : ".", key);
  reading_.fault = line > 0 ? fmt::format("{}:{}: ", reading_.name, line) : reading_.name + ": ";
  reading_.fault += where.empty() ? std::string(what) : fmt::format("{}: {}", where, what);
}

const Node* MapReader::Find(std::string_view key) const {
  const Node* field = node_ == nullptr ? nullptr : node_->Find(key);
  return field == nullptr || field->kind == Kind::kNull ? nullptr : field;
}

const Node* MapReader::FindKind(std::string_view key, Kind kind) const {
  const Node* field = Find(key);
  if (field == nullptr || field->kind == kind) return field;
  const bool needs_quotes =
      kind == Kind::kText && (field->kind == Kind::kNumber || field->kind == Kind::kBool);
  Fault(key, fmt::format("expected {}, found {}{}", KindName(kind), KindName(field->kind),
                         needs_quotes ? ": put it in quotes" : ""));
  return nullptr;
}

void MapReader::String(std::string_view key, std::string& place) const {
  const Node* field = FindKind(key, Kind::kText);
  if (field == nullptr) return;
  // What follows it would be lost on the way through system calls, unseen.
  if (field->text.find('\0') != std::string::npos) return Fault(key, "it holds a NUL");
  place = field->text;
}

void MapReader::Bool(std::string_view key, bool& place) const {
  const Node* field = FindKind(key, Kind::kBool);
  if (field != nullptr) place = field->text == "true";
}

void MapReader::Strings(std::string_view key, std::vector<std::string>& place) const {
  const Node* field = FindKind(key, Kind::kList);
  if (field == nullptr) return;
  std::vector<std::string> texts;
  for (const Node& item : field->items) {
    if (item.kind != Kind::kText) {
      return Fault(key, fmt::format("expected a list of strings, found {} in it: put it in quotes",
                                    KindName(item.kind)));
    }
    if (item.text.find('\0') != std::string::npos) return Fault(key, "it holds a NUL");
    texts.push_back(item.text);
  }
  place = std::move(texts);
}

void MapReader::Data(std::string_view key, std::string& place) const {
  const Node* field = FindKind(key, Kind::kText);
  if (field == nullptr) return;
  Result<std::string> bytes = DecodeBase64(field->text);
  // The decoder's own words could quote a piece of a key.
  if (!bytes) return Fault(key, "not base64");
  place = std::move(*bytes);
}

MapReader MapReader::Map(std::string_view key) const {
  return MapReader(reading_, Find(key),
                   path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key));
}

void MapReader::List(std::string_view key,
                     const std::function<void(const MapReader&)>& take) const {
  const Node* field = FindKind(key, Kind::kList);
  if (field == nullptr) return;
  const std::string prefix = path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
  for (size_t i = 0; i < field->items.size(); ++i) {
    take(MapReader(reading_, &field->items[i], fmt::format("{}[{}]", prefix, i)));
  }
}

}  // namespace nsdebug::kubectl
