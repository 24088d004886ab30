#include "nsenter/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/io.h"
#include "base/text.h"

namespace nsdebug {

namespace {

constexpr size_t kMaxPasswdBytes = size_t{1} << 20;

ExecFailure FailureOf(std::string_view program, int error_number) {
  return {error_number == ENOENT ? kExitNotFound : kExitCannotExecute,
          fmt::format("execute {}: {}", Printable(program), ErrnoText(error_number))};
}

std::string ChooseShell() {
  const char* shell = std::getenv("SHELL");
  if (shell != nullptr && *shell != '\0') return shell;
  std::string from_passwd = ReadPasswdEntry(::getuid()).shell;
  return from_passwd.empty() ? "/bin/sh" : from_passwd;
}

}  // namespace

ExecFailure ExecProgram(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  return FailureOf(command[0], errno);
}

ExecFailure ExecShell() {
  const std::string shell = ChooseShell();
  // A leading "-" makes it a login shell.
  const std::string name = "-" + shell.substr(shell.rfind('/') + 1);
  ::execl(shell.c_str(), name.c_str(), nullptr);
  return FailureOf(shell, errno);
}

PasswdEntry FindInPasswd(std::string_view passwd, unsigned uid) {
  for (std::string_view line : Split(passwd, '\n')) {
    const std::vector<std::string_view> fields = Split(line, ':');
    if (fields.size() == 7 && ParseNumber(fields[2]) == uid) {
      return {std::string(fields[5]), std::string(fields[6])};
    }
  }
  return {};
}

PasswdEntry ReadPasswdEntry(unsigned uid) {
  // O_NONBLOCK and the check for a regular file: a FIFO or device in its place must not hold us.
  Result<UniqueFd> fd = Open("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return {};
  struct stat info {};
  if (::fstat(fd->get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  Result<std::string> text = ReadAll(fd->get(), "/etc/passwd", kMaxPasswdBytes);
  return text ? FindInPasswd(*text, uid) : PasswdEntry{};
}

}  // namespace nsdebug
