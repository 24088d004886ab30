#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/unique_fd.h"
#include "copy/pack.h"
#include "kubectl/exec/local_descriptors.h"

namespace nsdebug::kubectl {

/// What ns-copy said on stderr.
struct RemoteWords {
  std::string sha256;             ///< empty: it said none
  std::vector<std::string> said;  ///< everything else, printable
};
RemoteWords ReadRemoteWords(std::string_view text);

/// The local end of a copy: an archive that a thread packs or unpacks at one end of a pipe, while a
/// session carries what is at the other. Closing, and the destructor, end it whatever it waits for.
class CopyStreams {
 public:
  /// Packs or unpacks with the descriptor that it is given, to the end.
  using Work = std::function<Result<CopyReport>(int fd)>;

  /// kResourceExhausted: no more descriptors.
  static Result<std::unique_ptr<CopyStreams>> Start(bool is_download, Work work);
  ~CopyStreams();

  /// For the session.
  LocalDescriptors descriptors() const;

  /// When the session has ended: closes its ends and waits for the local one.
  Result<CopyReport> Finish();
  /// After Finish(): what came on the session's stderr, the end of it when it was much.
  std::string Words();

 private:
  CopyStreams() = default;
  void Close();

  bool is_download_ = false;
  UniqueFd data_;   ///< the session's end
  UniqueFd words_;  ///< likewise, of its stderr
  std::future<Result<CopyReport>> report_;
  std::future<std::string> collected_;
};

}  // namespace nsdebug::kubectl
