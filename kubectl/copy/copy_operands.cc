#include "kubectl/copy/copy_operands.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/text.h"

namespace nsdebug::kubectl {

namespace {

std::string_view WithoutSlashes(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

/// Where the colon is that ends a TARGET; nullopt of a local path.
std::optional<size_t> EndOfTarget(std::string_view operand) {
  if (operand.empty() || operand.front() == '/' || operand.front() == '.') return std::nullopt;
  const size_t colon = operand.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return colon;
}

}  // namespace

Result<CopyOperands> ParseCopyOperands(const std::string& source, const std::string& destination) {
  const std::optional<size_t> of_source = EndOfTarget(source);
  const std::optional<size_t> of_destination = EndOfTarget(destination);
  if (of_source.has_value() == of_destination.has_value()) {
    return Fail(Code::kInvalidArgument,
                fmt::format("cp: expected one TARGET:PATH and one local path, got '{}' and '{}'",
                            Printable(source), Printable(destination)));
  }
  CopyOperands operands;
  operands.is_download = of_source.has_value();
  const std::string& remote = operands.is_download ? source : destination;
  const size_t colon = operands.is_download ? *of_source : *of_destination;
  operands.target = remote.substr(0, colon);
  operands.remote_path = remote.substr(colon + 1);
  operands.local_path = operands.is_download ? destination : source;
  if (operands.remote_path.empty() || operands.remote_path.front() != '/') {
    return Fail(Code::kInvalidArgument,
                fmt::format("cp: '{}': the path in a target begins with /", Printable(remote)));
  }
  if (operands.local_path.empty()) return Fail(Code::kInvalidArgument, "cp: no local path");
  return operands;
}

std::string LastPart(std::string_view path) {
  path = WithoutSlashes(path);
  const std::string_view last = path.substr(path.rfind('/') + 1);
  return last.empty() || last == ".." ? "." : std::string(last);
}

std::string FolderOf(std::string_view path) {
  path = WithoutSlashes(path);
  // "x/.." names no entry of a folder: it is the folder itself.
  if (LastPart(path) == ".") return std::string(path);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

}  // namespace nsdebug::kubectl
