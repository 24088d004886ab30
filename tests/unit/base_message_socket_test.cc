#include <gtest/gtest.h>

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

TEST(MessageSocketTest, RefusesWhatExceedsItsBound) {
  Result<MessageSocketPair> pair = MakeMessageSocketPair();
  ASSERT_TRUE(pair);
  Result<void> sent = SendMessage(pair->first.get(), std::string(kMaxMessageBytes + 1, 'x'));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::kInternal);
}

}  // namespace
}  // namespace nsdebug
