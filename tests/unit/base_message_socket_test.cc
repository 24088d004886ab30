#include <gtest/gtest.h>
#include <sys/mman.h>

#include "base/io.h"
#include "base/message_socket.h"

namespace nsdebug {
namespace {

TEST(MessageSocketTest, CarriesBytesAndDescriptors) {
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  ASSERT_TRUE(pair);
  Result<UniqueFd> zero = Open("/dev/zero");
  ASSERT_TRUE(zero);
  ASSERT_TRUE(SendMessage(pair->first.get(), "hello", {zero->get()}));
  Result<Message> message = ReceiveMessage(pair->second.get(), 1000);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->bytes, "hello");
  ASSERT_EQ(message->fds.size(), 1u);
  char byte = 'x';
  EXPECT_EQ(::read(message->fds[0].get(), &byte, 1), 1);
  EXPECT_EQ(byte, '\0');
  EXPECT_EQ(::fcntl(message->fds[0].get(), F_GETFD), FD_CLOEXEC);
}

TEST(MessageSocketTest, TellsAClosedPeerFromASilentOne) {
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  ASSERT_TRUE(pair);
  Result<Message> silent = ReceiveMessage(pair->first.get(), 10);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Code::kDeadlineExceeded);
  pair->second.Reset();
  Result<Message> closed = ReceiveMessage(pair->first.get(), 1000);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code, Code::kUnavailable);
}

TEST(MessageSocketTest, CarriesWhatASocketDoesNotTakeAtOnce) {
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  ASSERT_TRUE(pair);
  Result<UniqueFd> zero = Open("/dev/zero");
  ASSERT_TRUE(zero);
  const std::vector<int> fds(kMaxMessageFds, zero->get());
  for (size_t size : {kMaxInlineBytes, kMaxInlineBytes + 1, kMaxMessageBytes}) {
    const std::string sent(size, 'x');
    ASSERT_TRUE(SendMessage(pair->first.get(), sent, fds));
    Result<Message> message = ReceiveMessage(pair->second.get(), 1000);
    ASSERT_TRUE(message) << message.error().message;
    EXPECT_TRUE(message->bytes == sent) << size;
    EXPECT_EQ(message->fds.size(), kMaxMessageFds);
  }
}

TEST(MessageSocketTest, RefusesAMemoryFileThatItsSenderCanChange) {
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  ASSERT_TRUE(pair);
  const UniqueFd file(::memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_TRUE(file.valid());
  ASSERT_TRUE(SendMessage(pair->first.get(), {"\0memfd", 6}, {file.get()}));
  EXPECT_FALSE(ReceiveMessage(pair->second.get(), 1000));
}

TEST(MessageSocketTest, RefusesWhatExceedsItsBound) {
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  ASSERT_TRUE(pair);
  Result<void> sent = SendMessage(pair->first.get(), std::string(kMaxMessageBytes + 1, 'x'));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::kInternal);
}

}  // namespace
}  // namespace nsdebug
