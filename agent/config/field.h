#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/config/config.h"
#include "base/error.h"

namespace nsdebug {

/// One key of the configuration file, bound to its place in a Config.
struct Field {
  std::string_view key;  ///< with its sections: "auth.apiServer.url"
  bool is_list = false;
  std::string expected;  ///< what a value must be: "a number from 1 to 64"
  /// Whether messages may quote the value: not those that can hold a password.
  bool is_quotable = true;
  /// Takes the value, or the values of a list; false when it is not what is expected, and then
  /// nothing has changed.
  std::function<bool(const std::vector<std::string>&)> take;
  /// The value as the file would have it; of a list, its items.
  std::function<std::vector<std::string>()> show;
};

/// Every key there is, in the order of the file: the one table that reading, checking and the test
/// of the documentation go by. The fields are valid as long as `config` is.
std::vector<Field> FieldsOf(Config& config);

/// nullptr: there is no such key.
const Field* FindField(const std::vector<Field>& fields, std::string_view key);

/// Takes one value; the error says what was expected, without the key.
Result<void> TakeValue(const Field& field, const std::vector<std::string>& values);

/// The whole of it as "key=value" lines: what two configurations are compared by.
std::string ShowConfig(const Config& config);

}  // namespace nsdebug
