#include "kubectl/verbs/table.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

constexpr size_t kGap = 3;
constexpr size_t kMaxCellBytes = 300;

}  // namespace

void Table::Add(std::vector<std::string> row) {
  row.resize(rows_.front().size());
  for (std::string& cell : row) {
    cell = cell.empty() ? "<none>" : Printable(cell, kMaxCellBytes);
  }
  rows_.push_back(std::move(row));
}

std::string Table::Text() const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      const bool is_last = i + 1 == row.size();
      if (!is_last) text.append(widths[i] - row[i].size() + kGap, ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace nsdebug::kubectl
