#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace nsdebug {

/// SHA-256 of what has gone by.
class Digest {
 public:
  Digest();
  ~Digest();
  Digest(Digest&&) noexcept;

  void Add(std::string_view data);
  /// In hexadecimal; the last call.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nsdebug
