#pragma once

#include <string>
#include <vector>

namespace nsdebug::kubectl {

/// Columns as kubectl prints them: headings in capitals, three spaces between, nothing behind the
/// last. What is in the cells comes from outside and is made printable; an empty cell is "<none>".
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }

  void Add(std::vector<std::string> row);
  bool empty() const { return rows_.size() == 1; }
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace nsdebug::kubectl
