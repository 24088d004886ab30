// ns-copy: one end of `kubectl ns-debug cp`, run inside a session: reads files below /target, the
// target's root, or makes some there. Run by the plugin through exec, with exec's rights.
//
//   ns-copy read PATH               an archive of PATH to stdout
//   ns-copy write FOLDER NAME [-d]  an archive from stdin into FOLDER, as NAME; with -d into the
//                                   folder FOLDER/NAME, under the archive's own name, if it is one
//
// On stderr are the faults, then the checksum of the stream, which the other end compares.

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "base/unique_fd.h"
#include "copy/confined_path.h"
#include "copy/pack.h"
#include "copy/protocol.h"
#include "copy/unpack.h"

namespace {

using namespace nsdebug;

constexpr int kExitUsage = 2;

std::string BaseName(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::string_view name = path.substr(path.rfind('/') + 1);
  // Of "/" and of "..", whose names are not theirs to keep.
  return name.empty() || name == "." || name == ".." ? "root" : std::string(name);
}

int Say(const Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 1;
}

int Report(const Result<CopyReport>& report) {
  if (!report) return Say(report.error());
  for (const std::string& fault : report->faults) std::fprintf(stderr, "%s\n", fault.c_str());
  std::fprintf(stderr, "%s%s\n", std::string(kChecksumLine).c_str(), report->sha256.c_str());
  return report->faults.empty() ? 0 : 1;
}

Result<UniqueFd> OpenTarget() {
  UniqueFd root(::open(kTargetRoot, O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return FailErrno(fmt::format("open {}, the target's root", kTargetRoot));
  return root;
}

int Read(const std::string& path) {
  Result<UniqueFd> root = OpenTarget();
  if (!root) return Say(root.error());
  Result<UniqueFd> fd = OpenInRoot(root->get(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd) return Say(fd.error());
  return Report(Pack(fd->get(), BaseName(path), STDOUT_FILENO, nullptr));
}

int Write(const std::string& folder, const std::string& name, bool into_folder) {
  Result<UniqueFd> root = OpenTarget();
  if (!root) return Say(root.error());
  Result<UniqueFd> fd = OpenInRoot(root->get(), folder, O_RDONLY | O_DIRECTORY);
  if (!fd) return Say(fd.error());
  if (into_folder) {
    Result<UniqueFd> inner = OpenInRoot(root->get(), folder + "/" + name, O_RDONLY | O_DIRECTORY);
    if (inner) return Report(Unpack(STDIN_FILENO, inner->get(), {}, nullptr));
  }
  return Report(Unpack(STDIN_FILENO, fd->get(), name, nullptr));
}

}  // namespace

int main(int argc, char** argv) {
  // The end of whoever reads us is told by the write.
  ::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "read") return Read(words[1]);
  const bool has_flag = words.size() == 4 && words[3] == "-d";
  if ((words.size() == 3 || has_flag) && words[0] == "write") {
    return Write(words[1], words[2], has_flag);
  }
  std::fputs("usage: ns-copy read PATH | ns-copy write FOLDER NAME [-d]\n", stderr);
  return kExitUsage;
}
