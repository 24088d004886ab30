#include "nsenter/session/identity.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/io.h"
#include "base/json.h"
#include "base/text.h"
#include "nsenter/program.h"
#include "nsenter/session/working_directory.h"

namespace nsdebug {

namespace {

using nlohmann::json;

constexpr size_t kMaxGroups = 65536;  // NGROUPS_MAX
constexpr unsigned kUmaskBits = 0777;

CapabilitySet SpecSet(const json& capabilities, const char* name) {
  CapabilitySet set = 0;
  if (!capabilities.contains(name) || capabilities[name].is_null()) return set;
  for (const json& capability : capabilities[name]) {
    // A capability this kernel does not have, nobody can hold.
    if (Result<CapabilitySet> bit = ParseCapability(capability.get<std::string>())) set |= *bit;
  }
  return set;
}

std::vector<std::string> Variables(std::string_view environ) {
  std::vector<std::string> variables;
  for (std::string_view variable : Split(environ, '\0')) {
    const size_t equals = variable.find('=');
    if (equals != std::string_view::npos && equals > 0) variables.emplace_back(variable);
  }
  return variables;
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  size_t start = 0;
  while ((start = line.find_first_not_of(" \t", start)) != std::string_view::npos) {
    const size_t end = line.find_first_of(" \t", start);
    words.push_back(line.substr(start, end - start));
    if (end == std::string_view::npos) break;
    start = end;
  }
  return words;
}

/// The words behind "Name:" in a /proc/PID/status.
std::vector<std::string_view> StatusField(std::string_view status, std::string_view name) {
  for (std::string_view line : Split(status, '\n')) {
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    return Words(line.substr(name.size() + 1));
  }
  return {};
}

CapabilitySet StatusSet(std::string_view status, std::string_view name) {
  const std::vector<std::string_view> words = StatusField(status, name);
  return words.empty() ? 0 : std::strtoull(std::string(words[0]).c_str(), nullptr, 16);
}

/// Whether a filter confines the process. Which one, the kernel does not tell, and of the runtime's
/// specification we have the process object alone.
Result<void> ReadSeccomp(const ProcessHandle& process, Identity* identity) {
  Result<std::string> status = process.Read("status");
  if (!status) return Propagate(status.error());
  const std::vector<std::string_view> mode = StatusField(*status, "Seccomp");
  identity->seccomp = !mode.empty() && mode[0] != "0";
  return {};
}

/// /proc shows ids as they are out here; the command sets them in the target's user namespace.
Result<void> MapIds(const ProcessHandle& process, Identity* identity) {
  Result<std::string> uids = process.Read("uid_map");
  if (!uids) return Propagate(uids.error());
  Result<std::string> gids = process.Read("gid_map");
  if (!gids) return Propagate(gids.error());
  const auto uid = MapIntoUserNamespace(*uids, identity->uid);
  const auto gid = MapIntoUserNamespace(*gids, identity->gid);
  if (!uid || !gid) {
    return Fail(Code::kFailedPrecondition, "the target's user has no id in its user namespace");
  }
  identity->uid = *uid;
  identity->gid = *gid;
  std::vector<gid_t> groups;
  for (gid_t group : identity->groups) {
    if (const auto mapped = MapIntoUserNamespace(*gids, group)) groups.push_back(*mapped);
  }
  identity->groups = std::move(groups);
  return {};
}

Result<void> WriteLabel(int proc, const char* file, const std::string& label) {
  Result<UniqueFd> fd = Open(file, O_WRONLY, proc);
  // Before Linux 5.8 all modules have but the one file; see ReadSecurityLabel().
  if (!fd && fd.error().error_number == ENOENT) {
    fd = Open("thread-self/attr/exec", O_WRONLY, proc);
  }
  if (!fd) return Propagate(fd.error(), "take the target's security label");
  return WriteAll(fd->get(), label, file);
}

}  // namespace

Result<Identity> ParseProcessSpec(const std::string& text) {
  try {
    const json process = ParseJson(text);
    Identity identity;
    const json user = process.value("user", json::object());
    identity.uid = JsonInteger<uid_t>(user.value("uid", json(0)));
    identity.gid = JsonInteger<gid_t>(user.value("gid", json(0)));
    for (const json& gid : user.value("additionalGids", json::array())) {
      if (identity.groups.size() >= kMaxGroups) throw std::invalid_argument("too many groups");
      identity.groups.push_back(JsonInteger<gid_t>(gid));
    }
    const json capabilities = process.value("capabilities", json::object());
    identity.capabilities = {.bounding = SpecSet(capabilities, "bounding"),
                             .permitted = SpecSet(capabilities, "permitted"),
                             .effective = SpecSet(capabilities, "effective"),
                             .inheritable = SpecSet(capabilities, "inheritable"),
                             .ambient = SpecSet(capabilities, "ambient")};
    identity.no_new_privs = process.value("noNewPrivileges", false);
    identity.umask = JsonInteger<mode_t>(user.value("umask", json(kDefaultUmask))) & kUmaskBits;
    for (const json& limit : process.value("rlimits", json::array())) {
      const int resource = ParseResource(limit.at("type").get<std::string>());
      if (resource < 0) throw std::invalid_argument("unknown resource limit");
      identity.limits.push_back(
          {resource,
           {JsonInteger<rlim_t>(limit.at("soft")), JsonInteger<rlim_t>(limit.at("hard"))}});
    }
    identity.environment = process.value("env", std::vector<std::string>());
    identity.working_directory = process.value("cwd", std::string("/"));
    return identity;
  } catch (const std::exception& e) {
    return Fail(Code::kInternal,
                std::string("the runtime's process spec is malformed: ") + e.what());
  }
}

Result<Identity> ParseProcessStatus(const std::string& status, const std::string& environ) {
  Identity identity;
  const auto id = [&](std::string_view name) -> std::optional<uint64_t> {
    const std::vector<std::string_view> words = StatusField(status, name);
    // real, effective, saved, file system
    return words.size() == 4 ? ParseNumber(words[1], UINT32_MAX - 1) : std::nullopt;
  };
  const auto uid = id("Uid");
  const auto gid = id("Gid");
  if (!uid || !gid) return Fail(Code::kInternal, "read the target's user: malformed status");
  identity.uid = static_cast<uid_t>(*uid);
  identity.gid = static_cast<gid_t>(*gid);
  for (std::string_view word : StatusField(status, "Groups")) {
    if (auto group = ParseNumber(word, UINT32_MAX)) {
      identity.groups.push_back(static_cast<gid_t>(*group));
    }
  }
  identity.capabilities = {.bounding = StatusSet(status, "CapBnd"),
                           .permitted = StatusSet(status, "CapPrm"),
                           .effective = StatusSet(status, "CapEff"),
                           .inheritable = StatusSet(status, "CapInh"),
                           .ambient = StatusSet(status, "CapAmb")};
  const std::vector<std::string_view> no_new_privs = StatusField(status, "NoNewPrivs");
  identity.no_new_privs = !no_new_privs.empty() && no_new_privs[0] == "1";
  if (const auto umask = StatusField(status, "Umask"); !umask.empty()) {
    identity.umask =
        static_cast<mode_t>(std::strtoul(std::string(umask[0]).c_str(), nullptr, 8) & kUmaskBits);
  }
  identity.environment = Variables(environ);
  return identity;
}

std::optional<uint32_t> MapIntoUserNamespace(std::string_view map, uint32_t id) {
  for (std::string_view line : Split(map, '\n')) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() != 3) continue;
    const auto inside = ParseNumber(words[0], UINT32_MAX);
    const auto outside = ParseNumber(words[1], UINT32_MAX);
    const auto length = ParseNumber(words[2], UINT32_MAX);
    if (!inside || !outside || !length || id < *outside || id - *outside >= *length) continue;
    return static_cast<uint32_t>(*inside + (id - *outside));
  }
  return std::nullopt;
}

Result<Identity> ContainerIdentity(const ProcessHandle& process, const std::string& process_spec,
                                   const SecurityModules& modules) {
  Result<Identity> identity;
  if (!process_spec.empty()) {
    identity = ParseProcessSpec(process_spec);
  } else {
    Result<std::string> status = process.Read("status");
    if (!status) return Propagate(status.error());
    Result<std::string> environ = process.Read("environ");
    if (!environ) return Propagate(environ.error());
    identity = ParseProcessStatus(*status, *environ);
    if (identity) {
      if (Result<void> mapped = MapIds(process, &*identity); !mapped) {
        return Propagate(mapped.error());
      }
      Result<std::vector<ResourceLimit>> limits = LimitsOf(process);
      if (!limits) return Propagate(limits.error());
      identity->limits = std::move(*limits);
    }
  }
  if (!identity) return identity;
  Result<SecurityLabel> label =
      ReadSecurityLabel([&](const std::string& name) { return process.Read(name); }, modules);
  if (!label) return Propagate(label.error());
  identity->label = std::move(*label);
  if (Result<void> read = ReadSeccomp(process, &*identity); !read) return Propagate(read.error());
  return identity;
}

Result<void> TakeSecurityLabel(const SecurityLabel& label, int proc) {
  if (!label.selinux.empty()) return WriteLabel(proc, "thread-self/attr/exec", label.selinux);
  if (label.apparmor.empty() || label.apparmor == "unconfined") return {};
  return WriteLabel(proc, "thread-self/attr/apparmor/exec", "exec " + label.apparmor);
}

Result<void> AssumeIdentity(const Identity& identity, bool groups_dropped) {
  if (Result<void> dropped = DropBounding(identity.capabilities.bounding); !dropped) return dropped;
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return FailErrno("keep capabilities: prctl");
  if (::setgroups(identity.groups.size(), identity.groups.data()) != 0 &&
      !(identity.groups.empty() && groups_dropped)) {
    return FailErrno("set supplementary groups");
  }
  if (::setresgid(identity.gid, identity.gid, identity.gid) != 0) {
    return FailErrno(fmt::format("set group {}", identity.gid));
  }
  if (::setresuid(identity.uid, identity.uid, identity.uid) != 0) {
    return FailErrno(fmt::format("set user {}", identity.uid));
  }
  // With the user's own rights: a directory only root may enter is refused, as the runtime does.
  if (Result<void> entered = EnterWorkingDirectory(identity.working_directory); !entered) {
    return entered;
  }
  if (Result<void> applied = ApplySets(identity.capabilities); !applied) return applied;
  ::umask(identity.umask);
  ::clearenv();
  for (const std::string& variable : identity.environment) {
    const size_t equals = variable.find('=');
    if (equals == std::string::npos) continue;
    ::setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
  // As runc and crun: a home the image did not name is that of the container's own /etc/passwd.
  const std::string home = ReadPasswdEntry(identity.uid).home;
  ::setenv("HOME", home.empty() ? "/" : home.c_str(), 0);
  if (identity.no_new_privs && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return FailErrno("set no_new_privs");
  }
  return {};
}

}  // namespace nsdebug
