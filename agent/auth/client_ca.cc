#include "agent/auth/client_ca.h"

#include <fmt/format.h>
#include <openssl/x509.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/auth/certificate_store.h"

namespace nsdebug {

namespace {

using nlohmann::json;

constexpr char kPath[] =
    "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
constexpr char kName[] = "ConfigMap kube-system/extension-apiserver-authentication";
constexpr char kKey[] = "client-ca-file";

// Throws json::exception when the answer is not a ConfigMap.
Result<CertificatePool> ReadConfigMap(const std::string& body) {
  json answer = json::parse(body);
  if (answer.at("kind").get<std::string>() != "ConfigMap") {
    return Fail(Code::kInternal, "the API server's answer is not a ConfigMap");
  }
  auto data = answer.find("data");
  if (data == answer.end() || data->is_null()) return CertificatePool();
  auto pem = data->find(kKey);
  if (pem == data->end()) return CertificatePool();
  return ParseCertificatePool(pem->get_ref<const std::string&>());
}

Result<CertificatePool> FetchConfigMap(ApiServer& api_server) {
  Result<std::string> body = api_server.Get(kPath);
  if (!body) return Propagate(body.error(), fmt::format("read {}", kName));
  try {
    Result<CertificatePool> pool = ReadConfigMap(*body);
    if (!pool) return Propagate(pool.error(), fmt::format("read {}", kName));
    return pool;
  } catch (const std::exception&) {
    return Fail(Code::kInternal,
                fmt::format("read {}: the API server's answer is not a ConfigMap", kName));
  }
}

}  // namespace

Result<CertificatePool> ParseCertificatePool(std::string_view pem) {
  if (pem.size() > kMaxClientCaBytes) {
    return Fail(Code::kInvalidArgument,
                fmt::format("client CAs: more than {} bytes", kMaxClientCaBytes));
  }
  CertificatePool pool(::X509_STORE_new(), [](X509_STORE* made) { ::X509_STORE_free(made); });
  if (pool == nullptr) return Fail(Code::kInternal, "client CAs: no memory");
  Result<void> added = AddCertificates(*pool, pem, kMaxClientCas);
  if (!added) return Propagate(added.error(), "client CAs");
  return pool;
}

ClientCaFile::ClientCaFile(const std::string& path, std::chrono::milliseconds check_interval)
    : file_(
          path, kMaxClientCaBytes, OnFault::kKeepLastGood,
          [](const FileContent& content) { return ParseCertificatePool(content.text); },
          check_interval) {}

Result<CertificatePool> ClientCaFile::Pool() {
  Result<CertificatePool> pool = file_.Get();
  if (!pool) {
    return Fail(Code::kUnavailable,
                fmt::format("client CA file {}: {}", file_.path(), pool.error().message));
  }
  return pool;
}

std::optional<Error> ClientCaFile::last_error() const {
  std::optional<Error> error = file_.last_error();
  if (error) error->message = fmt::format("client CA file {}: {}", file_.path(), error->message);
  return error;
}

ClientCaConfigMap::ClientCaConfigMap(ApiServer& api_server, Intervals intervals)
    : api_server_(api_server),
      intervals_(intervals),
      pool_(Fail(Code::kUnavailable, fmt::format("read {}: not read yet", kName))),
      reader_([this] { Run(); }) {}

ClientCaConfigMap::~ClientCaConfigMap() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  is_stopping_changed_.notify_all();
  reader_.join();
}

Result<CertificatePool> ClientCaConfigMap::Pool() {
  std::lock_guard lock(mutex_);
  return pool_;
}

std::optional<Error> ClientCaConfigMap::last_error() const {
  std::lock_guard lock(mutex_);
  return last_error_;
}

void ClientCaConfigMap::Run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    lock.unlock();
    Result<CertificatePool> read = FetchConfigMap(api_server_);
    lock.lock();
    Store(std::move(read));
    auto interval = pool_ ? intervals_.usual : intervals_.until_first;
    is_stopping_changed_.wait_for(lock, interval, [this] { return is_stopping_; });
  }
}

void ClientCaConfigMap::Store(Result<CertificatePool> read) {
  // A cluster that never published a CA: an answer, and not one to wait for.
  if (!read && read.error().code == Code::kNotFound) read = CertificatePool();
  last_error_ = read ? std::nullopt : std::optional(read.error());
  if (read) {
    pool_ = std::move(read);
  } else if (!pool_) {
    // Whatever it was: not the caller's fault, and it will be tried again.
    pool_ = Fail(Code::kUnavailable, read.error().message);
  }
}

}  // namespace nsdebug
