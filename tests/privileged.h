#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

// Skips the test with a reason where it cannot run, or fails it when NS_DEBUG_MUST_RUN=1 says that
// this machine is meant to run everything.
#define NSDEBUG_SKIP_UNLESS(condition, reason)                                              \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      const char* must_run = std::getenv("NS_DEBUG_MUST_RUN");                              \
      if (must_run != nullptr && std::string(must_run) == "1") {                            \
        GTEST_FAIL() << "NS_DEBUG_MUST_RUN=1, but this test cannot run here: " << (reason); \
      }                                                                                     \
      GTEST_SKIP() << (reason);                                                             \
    }                                                                                       \
  } while (false)

#define NSDEBUG_REQUIRE_ROOT() NSDEBUG_SKIP_UNLESS(::geteuid() == 0, "needs root")
