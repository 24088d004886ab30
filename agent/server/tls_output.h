#pragma once

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <string>
#include <string_view>

struct bio_st;

namespace nsdebug {

/// Where OpenSSL's records go, until they are sent together. So OpenSSL never has half a record
/// under way, which its other direction could not go on with: answering a peer that asks for new
/// keys is an error then (SSL_R_BAD_LENGTH, OpenSSL 3.0).
///
/// How much waits, its owner bounds: by not writing more before Flush() has emptied it.
class TlsOutput {
 public:
  /// `fd` is non-blocking and stays the caller's.
  explicit TlsOutput(int fd) : fd_(fd) {}
  TlsOutput(const TlsOutput&) = delete;
  TlsOutput& operator=(const TlsOutput&) = delete;

  /// For SSL_set0_wbio(), which takes it over. It must not outlive this.
  bio_st* MakeBio();

  void Append(std::string_view data) { waiting_.append(data); }

  /// Sends what waits, as far as that goes.
  boost::system::error_code Flush();

  size_t waiting() const { return waiting_.size(); }

 private:
  const int fd_;
  std::string waiting_;
};

}  // namespace nsdebug
