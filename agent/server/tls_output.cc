#include "agent/server/tls_output.h"

#include <openssl/bio.h>
#include <sys/socket.h>

#include <cerrno>

namespace nsdebug {

namespace {

using boost::system::error_code;

int WriteToBio(BIO* bio, const char* data, int size) {
  static_cast<TlsOutput*>(::BIO_get_data(bio))->Append({data, static_cast<size_t>(size)});
  return size;
}

long ControlBio(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* OutputMethod() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "TLS output");
    ::BIO_meth_set_write(made, &WriteToBio);
    ::BIO_meth_set_ctrl(made, &ControlBio);
    return made;
  }();
  return method;
}

/// Sends the start of `data` and takes it away.
error_code Send(int fd, std::string_view* data) {
  while (!data->empty()) {
    const ssize_t sent = ::send(fd, data->data(), data->size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      data->remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      return {errno, boost::system::system_category()};
    }
  }
  return {};
}

}  // namespace

BIO* TlsOutput::MakeBio() {
  BIO* bio = ::BIO_new(OutputMethod());
  if (bio == nullptr) return nullptr;
  ::BIO_set_data(bio, this);
  ::BIO_set_init(bio, 1);
  return bio;
}

error_code TlsOutput::Flush() {
  std::string_view left = waiting_;
  const error_code error = Send(fd_, &left);
  // Most connections have nothing waiting most of the time: then nothing is held for it either.
  if (left.size() < waiting_.size()) waiting_ = std::string(left);
  return error;
}

}  // namespace nsdebug
