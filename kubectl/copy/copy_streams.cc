#include "kubectl/copy/copy_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/pipe.h"
#include "base/text.h"
#include "copy/protocol.h"

namespace nsdebug::kubectl {

namespace {

// The faults of ns-copy are bounded; this is for what is no ns-copy.
constexpr size_t kMaxWordsBytes = 64 << 10;
constexpr size_t kMaxWordBytes = 5000;

/// To the end; of too much the last of it.
std::string Collect(const UniqueFd& fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
    if (text.size() > kMaxWordsBytes) text.erase(0, text.size() - kMaxWordsBytes);
  }
}

}  // namespace

RemoteWords ReadRemoteWords(std::string_view text) {
  RemoteWords words;
  for (const std::string_view line : Split(text, '\n')) {
    if (line.starts_with(kChecksumLine)) {
      words.sha256 = line.substr(kChecksumLine.size());
    } else if (!line.empty()) {
      words.said.push_back(Printable(line, kMaxWordBytes));
    }
  }
  return words;
}

Result<std::unique_ptr<CopyStreams>> CopyStreams::Start(bool is_download, Work work) {
  Result<Pipe> data = MakePipe("make a pipe for the copy");
  if (!data) return Propagate(std::move(data.error()));
  Result<Pipe> words = MakePipe("make a pipe for the copy");
  if (!words) return Propagate(std::move(words.error()));
  std::unique_ptr<CopyStreams> streams(new CopyStreams);
  streams->is_download_ = is_download;
  streams->data_ = std::move(is_download ? data->write_end : data->read_end);
  streams->words_ = std::move(words->write_end);
  UniqueFd own = std::move(is_download ? data->read_end : data->write_end);
  // Each closes its end as it returns, so that the session never waits for one that is gone. What a
  // lambda holds would live as long as its future.
  streams->report_ =
      std::async(std::launch::async, [held = std::move(own), work = std::move(work)]() mutable {
        const UniqueFd fd = std::move(held);
        return work(fd.get());
      });
  streams->collected_ =
      std::async(std::launch::async, [held = std::move(words->read_end)]() mutable {
        const UniqueFd fd = std::move(held);
        return Collect(fd);
      });
  return streams;
}

CopyStreams::~CopyStreams() { Close(); }

void CopyStreams::Close() {
  data_ = UniqueFd();
  words_ = UniqueFd();
}

LocalDescriptors CopyStreams::descriptors() const {
  // What has no use is never read, or never written.
  return {is_download_ ? STDIN_FILENO : data_.get(), is_download_ ? data_.get() : words_.get(),
          words_.get()};
}

Result<CopyReport> CopyStreams::Finish() {
  Close();
  return report_.get();
}

std::string CopyStreams::Words() { return collected_.get(); }

}  // namespace nsdebug::kubectl
