#include "base/message_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/io.h"

namespace nsdebug {

namespace {

// The whole message is in the last descriptor. No message of ours begins with a zero.
constexpr std::string_view kInMemoryFile("\0memfd", 6);
constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

Result<UniqueFd> MakeMemoryFile(std::string_view bytes) {
  // Linux 6.3; where vm.memfd_noexec asks for it nothing else is allowed.
  constexpr unsigned kNoExecSeal = 8;
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd file(::memfd_create("message", kFlags | kNoExecSeal));
  if (!file.valid()) file = UniqueFd(::memfd_create("message", kFlags));
  if (!file.valid()) return FailErrno("memfd_create");
  if (Result<void> written = WriteAll(file.get(), bytes, "a memory file"); !written) {
    return Propagate(written.error());
  }
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) return FailErrno("seal a memory file");
  return file;
}

/// What its sender can no longer change.
Result<std::string> ReadMemoryFile(int file) {
  if ((::fcntl(file, F_GET_SEALS) & kSeals) != kSeals || ::lseek(file, 0, SEEK_SET) != 0) {
    return Fail(Code::kInternal, "receive message: its memory file is not sealed");
  }
  return ReadAll(file, "the message", kMaxMessageBytes);
}

Result<void> SendInline(int socket, std::string_view bytes, const std::vector<int>& fds) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * (kMaxMessageFds + 1))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(socket, &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return FailErrno("send message");
  return {};
}

/// A buffer for the largest one would cost more than the message: the kernel clears its pages.
Result<size_t> SizeOfNext(int socket) {
  ssize_t size;
  do {
    size = ::recv(socket, nullptr, 0, MSG_PEEK | MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return FailErrno("receive message");
  if (static_cast<size_t>(size) > kMaxInlineBytes) {
    return Fail(Code::kInternal, "receive message: larger than its bound");
  }
  return static_cast<size_t>(size);
}

}  // namespace

Result<MessageSocketPair> MakeMessageSocketPair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return FailErrno("socketpair");
  }
  return MessageSocketPair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<void> SendMessage(int socket, std::string_view bytes, const std::vector<int>& fds) {
  if (bytes.size() > kMaxMessageBytes || fds.size() > kMaxMessageFds) {
    return Fail(Code::kInternal, "send message: larger than its bound");
  }
  if (bytes.size() <= kMaxInlineBytes) return SendInline(socket, bytes, fds);
  Result<UniqueFd> file = MakeMemoryFile(bytes);
  if (!file) return Propagate(file.error(), "send message");
  std::vector<int> with_file = fds;
  with_file.push_back(file->get());
  return SendInline(socket, kInMemoryFile, with_file);
}

Result<Message> ReceiveMessage(int socket, int timeout_ms) {
  pollfd poll_fd{socket, POLLIN, 0};
  int ready = ::poll(&poll_fd, 1, timeout_ms);
  if (ready < 0) return FailErrno("wait for message");
  if (ready == 0) {
    return Fail(Code::kDeadlineExceeded, "no answer within " + std::to_string(timeout_ms) + " ms");
  }
  Result<size_t> size = SizeOfNext(socket);
  if (!size) return Propagate(size.error());
  Message message;
  message.bytes.resize(*size);
  iovec part{message.bytes.data(), message.bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * (kMaxMessageFds + 1))> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t received;
  do {
    received = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return FailErrno("receive message");
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(item) + i * sizeof(int), sizeof(int));
      message.fds.emplace_back(fd);
    }
  }
  if (received == 0) return Fail(Code::kUnavailable, "the peer closed without an answer");
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return Fail(Code::kInternal, "receive message: larger than its bound");
  }
  message.bytes.resize(static_cast<size_t>(received));
  if (message.bytes != kInMemoryFile || message.fds.empty()) return message;
  Result<std::string> bytes = ReadMemoryFile(message.fds.back().get());
  if (!bytes) return Propagate(bytes.error());
  message.bytes = std::move(*bytes);
  message.fds.pop_back();
  return message;
}

}  // namespace nsdebug
