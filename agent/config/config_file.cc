#include "agent/config/config_file.h"

#include <fmt/format.h>

#include "agent/config/field.h"
#include "agent/config/yaml.h"
#include "base/io.h"
#include "base/text.h"

namespace nsdebug {

namespace {

using Kind = YamlNode::Kind;

// What is behind the dot that follows `prefix`, up to the next dot; empty: the key is elsewhere.
std::string_view NameBehind(std::string_view prefix, std::string_view key) {
  if (!key.starts_with(prefix)) return {};
  key.remove_prefix(prefix.size());
  return key.substr(0, key.find('.'));
}

/// Reads one file into one Settings.
class Reader {
 public:
  Reader(const std::string& name, Settings& settings)
      : name_(name), settings_(settings), fields_(FieldsOf(settings.config)) {}

  /// Reads a section, or the whole file: `prefix` is "" or ends with a dot.
  void ReadSection(const YamlNode& node, const std::string& prefix) {
    if (node.kind == Kind::kNull) return;  // all of its keys are commented out
    if (node.kind != Kind::kMap) {
      const std::string section = prefix.empty() ? "the file" : prefix.substr(0, prefix.size() - 1);
      Add(node.line, section, "expected keys and values: " + NamesIn(prefix));
      return;
    }
    std::map<std::string, int> lines;
    for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
      const YamlNode& key = node.items[i];
      if (key.kind != Kind::kText) {
        Add(key.line, prefix + "?", "a key that is not a word, expected " + NamesIn(prefix));
        continue;
      }
      const auto [first, is_new] = lines.emplace(key.text, key.line);
      if (is_new) {
        ReadKey(key, node.items[i + 1], prefix);
      } else {
        Add(key.line, prefix + key.text,
            fmt::format("duplicate key, expected it once: it is in line {} already",
                        first->second));
      }
    }
  }

  Problems Take() {
    if (untold_ > 0) problems_.push_back(fmt::format("{}: and {} more problems", name_, untold_));
    return std::move(problems_);
  }

 private:
  void ReadKey(const YamlNode& key, const YamlNode& value, const std::string& prefix) {
    const std::string path = prefix + key.text;
    if (const Field* field = FindField(fields_, path)) {
      ReadValue(*field, key.line, value);
    } else if (IsSection(path + ".")) {
      ReadSection(value, path + ".");
    } else {
      Add(key.line, path, "unknown key, expected one of " + NamesIn(prefix));
    }
  }

  void ReadValue(const Field& field, int line, const YamlNode& value) {
    std::vector<std::string> texts;
    if (field.is_list && value.kind == Kind::kList) {
      for (const YamlNode& item : value.items) {
        if (item.kind != Kind::kText) {
          Add(item.line, field.key, "the value is not " + field.expected);
          return;
        }
        texts.push_back(item.text);
      }
    } else if (!field.is_list && value.kind == Kind::kText) {
      texts.push_back(value.text);
    } else {
      Add(line, field.key,
          fmt::format("{}, expected {}", value.kind == Kind::kNull ? "no value" : WrongKind(field),
                      field.expected));
      return;
    }
    if (Result<void> taken = TakeValue(field, texts); !taken) {
      Add(line, field.key, taken.error().message);
      return;
    }
    settings_.origins[std::string(field.key)] = fmt::format("{}:{}", name_, line);
  }

  static std::string_view WrongKind(const Field& field) {
    return field.is_list ? "not a list" : "not a single value";
  }

  bool IsSection(std::string_view prefix) const {
    for (const Field& field : fields_) {
      if (field.key.starts_with(prefix)) return true;
    }
    return false;
  }

  // "address, port": the keys and sections right below `prefix`, in the order of the file.
  std::string NamesIn(std::string_view prefix) const {
    std::string names;
    std::string_view last;
    for (const Field& field : fields_) {
      const std::string_view name = NameBehind(prefix, field.key);
      if (name.empty() || name == last) continue;
      names += (names.empty() ? "" : ", ") + std::string(name);
      last = name;
    }
    return names;
  }

  void Add(int line, std::string_view key, std::string_view text) {
    if (problems_.size() == kMaxProblems) {
      ++untold_;
      return;
    }
    problems_.push_back(fmt::format("{}:{}: {}: {}", name_, line, Printable(key), text));
  }

  const std::string& name_;
  Settings& settings_;
  std::vector<Field> fields_;
  Problems problems_;
  size_t untold_ = 0;
};

}  // namespace

Problems ReadConfigText(const std::string& text, const std::string& name, Settings& settings) {
  Result<YamlNode> root = ParseYaml(text, name);
  if (!root) return {root.error().message};
  Reader reader(name, settings);
  reader.ReadSection(*root, "");
  return reader.Take();
}

Problems ReadConfigFile(const std::string& path, Settings& settings) {
  Result<std::string> text = ReadFile(path, kMaxConfigFileBytes);
  if (!text) return {text.error().message};
  return ReadConfigText(*text, path, settings);
}

}  // namespace nsdebug
