#include "agent/standalone.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "agent/standalone_certificate.h"
#include "base/io.h"
#include "base/unique_fd.h"

namespace nsdebug {

namespace {

constexpr const char* kCertificateName = "tls.crt";
constexpr const char* kKeyName = "tls.key";
constexpr const char* kTokensName = "tokens.json";
constexpr size_t kMaxFileBytes = size_t{64} << 10;  // of a certificate or key of ours
constexpr mode_t kSecretMode = S_IRUSR | S_IWUSR;
constexpr mode_t kPublicMode = kSecretMode | S_IRGRP | S_IROTH;
constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;
constexpr mode_t kOthersMayAnything = S_IRWXG | S_IRWXO;

/// The state directory, open: every file is named relative to it, so that nobody can swap it.
class StateDirectory {
 public:
  static Result<StateDirectory> Open(const std::string& path) {
    if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
      return FailErrno("make directory " + path);
    }
    StateDirectory directory(path);
    Result<UniqueFd> fd = nsdebug::Open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!fd) return Propagate(fd.error());
    directory.fd_ = std::move(*fd);
    struct stat status = {};
    if (::fstat(directory.fd_.get(), &status) != 0) return FailErrno("stat " + path);
    if (!IsOurs(status) || (status.st_mode & kOthersMayWrite) != 0) {
      return Fail(Code::kPermissionDenied,
                  fmt::format("{}: others can write to it: chown it to the agent's user and "
                              "chmod 700 it, or name another stateDirectory",
                              path));
    }
    return directory;
  }

  /// nullopt: there is none. A secret that others may read is refused: it is none any more.
  Result<std::optional<std::string>> Read(const char* name, bool is_secret) const {
    const std::string path = PathOf(name);
    // O_NONBLOCK: a pipe in the file's place would hold us up.
    const UniqueFd fd(::openat(fd_.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT) return std::nullopt;
    if (!fd.valid()) return FailErrno("open " + path);
    struct stat status = {};
    if (::fstat(fd.get(), &status) != 0) return FailErrno("stat " + path);
    if (!S_ISREG(status.st_mode) || !IsOurs(status)) {
      return Fail(Code::kPermissionDenied,
                  fmt::format("{}: not a file of the agent's user: remove it", path));
    }
    const mode_t forbidden = is_secret ? kOthersMayAnything : kOthersMayWrite;
    if ((status.st_mode & forbidden) != 0) {
      return Fail(Code::kPermissionDenied,
                  fmt::format("{}: others have access to it: remove it and start again for a new "
                              "one, or chmod 600 it if nobody has read it",
                              path));
    }
    Result<std::string> text = ReadAll(fd.get(), path, kMaxFileBytes);
    if (!text) return Propagate(text.error());
    return std::move(*text);
  }

  /// The file is there whole or, after an error, as it was before.
  Result<void> Write(const char* name, std::string_view text, mode_t mode) const {
    const std::string temporary = fmt::format("{}.new", name);
    Result<void> written = WriteNew(temporary, text, mode);
    if (written && ::renameat(fd_.get(), temporary.c_str(), fd_.get(), name) != 0) {
      written = FailErrno("rename to " + PathOf(name));
    }
    // The rename itself is on disk when the directory is.
    if (written && ::fsync(fd_.get()) != 0) written = FailErrno("sync " + path_);
    if (!written) ::unlinkat(fd_.get(), temporary.c_str(), 0);
    return written;
  }

  std::string PathOf(std::string_view name) const { return fmt::format("{}/{}", path_, name); }

 private:
  explicit StateDirectory(std::string path) : path_(std::move(path)) {}

  static bool IsOurs(const struct stat& status) {
    return status.st_uid == ::geteuid() || status.st_uid == 0;
  }

  Result<void> WriteNew(const std::string& name, std::string_view text, mode_t mode) const {
    // Of an agent that was killed here.
    ::unlinkat(fd_.get(), name.c_str(), 0);
    const UniqueFd fd(::openat(fd_.get(), name.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!fd.valid()) return FailErrno("make " + PathOf(name));
    Result<void> written = WriteAll(fd.get(), text, PathOf(name));
    if (written && ::fsync(fd.get()) != 0) written = FailErrno("sync " + PathOf(name));
    return written;
  }

  std::string path_;
  UniqueFd fd_;
};

CertificateNames NamesFor(const Config& config) {
  CertificateNames names{{config.node_name, "localhost"}, {"127.0.0.1", "::1"}};
  if (config.node_name.empty() || config.node_name == "localhost") {
    names.hosts.erase(names.hosts.begin());
  }
  const std::string& address = config.server.address;
  const bool is_any = address == "0.0.0.0" || address == "::";
  if (!is_any &&
      std::find(names.addresses.begin(), names.addresses.end(), address) == names.addresses.end()) {
    names.addresses.push_back(address);
  }
  return names;
}

Result<void> PrepareCertificate(const StateDirectory& directory, const Config& config,
                                std::chrono::system_clock::time_point now, StandaloneFiles& files) {
  files.certificate_file = directory.PathOf(kCertificateName);
  files.key_file = directory.PathOf(kKeyName);
  auto certificate = directory.Read(kCertificateName, false);
  if (!certificate) return Propagate(certificate.error());
  auto key = directory.Read(kKeyName, true);
  if (!key) return Propagate(key.error());
  const CertificateNames names = NamesFor(config);
  CertificateAndKey pair{certificate->value_or(""), key->value_or("")};
  if (!IsGoodCertificate(pair, names, now, kCertificateLeast)) {
    Result<CertificateAndKey> made = MakeCertificate(names, now, kCertificateLifetime);
    if (!made) return Propagate(made.error());
    pair = std::move(*made);
    Result<void> written = directory.Write(kKeyName, pair.key, kSecretMode);
    if (written) written = directory.Write(kCertificateName, pair.certificate, kPublicMode);
    if (!written) return written;
    files.is_new_certificate = true;
  }
  Result<std::string> fingerprint = CertificateFingerprint(pair.certificate);
  if (!fingerprint) return Propagate(fingerprint.error());
  files.fingerprint = std::move(*fingerprint);
  return {};
}

Result<std::string> MakeToken() {
  std::array<unsigned char, kTokenBytes> bytes{};
  // Up to 256 bytes come whole or not at all (getrandom(2)).
  ssize_t count = 0;
  do {
    count = ::getrandom(bytes.data(), bytes.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count != static_cast<ssize_t>(bytes.size())) return FailErrno("getrandom");
  std::string token;
  for (const unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

Result<void> PrepareTokens(const StateDirectory& directory, const Config& config,
                           StandaloneFiles& files) {
  if (!config.auth.static_tokens_file.empty()) {
    files.tokens_file = config.auth.static_tokens_file;
    return {};
  }
  files.tokens_file = directory.PathOf(kTokensName);
  auto existing = directory.Read(kTokensName, true);
  if (!existing) return Propagate(existing.error());
  if (*existing) return {};
  Result<std::string> token = MakeToken();
  if (!token) return Propagate(token.error());
  // The form that agent/auth reads; a token is hexadecimal and needs no escaping.
  const std::string text =
      fmt::format(R"([{{"token": "{}", "user": "admin", "rules": [{{"verbs": ["*"], )"
                  R"("resources": ["*"], "namespaces": ["*"], "names": ["*"]}}]}}])"
                  "\n",
                  *token);
  Result<void> written = directory.Write(kTokensName, text, kSecretMode);
  if (!written) return written;
  files.new_token = std::move(*token);
  return {};
}

}  // namespace

Result<StandaloneFiles> PrepareStandalone(const Config& config,
                                          std::chrono::system_clock::time_point now) {
  constexpr std::string_view kOperation = "prepare standalone agent";
  Result<StateDirectory> directory = StateDirectory::Open(config.state_directory);
  if (!directory) return Propagate(directory.error(), kOperation);
  StandaloneFiles files;
  Result<void> prepared = PrepareCertificate(*directory, config, now, files);
  if (prepared) prepared = PrepareTokens(*directory, config, files);
  if (!prepared) return Propagate(prepared.error(), kOperation);
  return files;
}

}  // namespace nsdebug
