#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kubectl/kubeconfig/document.h"

namespace nsdebug::kubectl {

/// Where a document is read: its name, and the first fault that was found in it.
struct DocumentReading {
  std::string name;
  std::string fault;  ///< "FILE:12: users[0].user.token: expected a string, found a number"

  Result<void> Finish() const;
};

/// Reads the typed fields of one map of a document. What is missing or null leaves its place as it
/// is, what nobody asks for is ignored, as in client-go; a wrong type is a fault of the reading.
/// Messages never quote a value: many are secret.
class MapReader {
 public:
  /// `node` may be nullptr or null: a map without fields.
  MapReader(DocumentReading& reading, const Node* node, std::string path);

  void String(std::string_view key, std::string& place) const;
  void Bool(std::string_view key, bool& place) const;
  void Strings(std::string_view key, std::vector<std::string>& place) const;
  /// Base64 of bytes, as all the *-data fields.
  void Data(std::string_view key, std::string& place) const;

  /// The map in a field.
  MapReader Map(std::string_view key) const;
  /// Calls for each item of a list, which are maps.
  void List(std::string_view key, const std::function<void(const MapReader&)>& take) const;

  /// nullptr when it is missing or null.
  const Node* Find(std::string_view key) const;
  bool exists() const { return node_ != nullptr; }
  const std::string& document() const { return reading_.name; }

  /// Notes a fault in the field, or in the map itself when the key is empty.
  void Fault(std::string_view key, std::string_view what) const;

 private:
  const Node* FindKind(std::string_view key, Node::Kind kind) const;

  DocumentReading& reading_;
  const Node* node_;
  std::string path_;
};

}  // namespace nsdebug::kubectl
