#pragma once

#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace nsdebug {

/// A certificate and its key, made in the test. Whatever goes wrong aborts the test program.
class TestCertificate {
 public:
  struct Spec {
    std::vector<std::string> common_names = {"alice"};
    std::vector<std::string> organizations = {};
    std::vector<std::string> uids = {};
    /// As OpenSSL names them; empty: no extension.
    std::string extended_key_usage = "clientAuth";
    std::string subject_alternative_names = {};  ///< "IP:127.0.0.1,DNS:localhost"
    bool is_ca = false;
    long starts_in_seconds = -3600;
    long ends_in_seconds = 3600;
    int name_type = 0x1000;  ///< of the common names' bytes: MBSTRING_UTF8
  };

  /// A CA with this name.
  static TestCertificate Ca(const std::string& name);
  static TestCertificate SelfSigned(const Spec& spec);
  TestCertificate Issue(const Spec& spec) const;
  /// For 127.0.0.1, localhost and ::1.
  TestCertificate IssueServer() const;

  std::string pem() const;
  std::string der() const;
  x509_st* certificate() const { return certificate_.get(); }
  evp_pkey_st* key() const { return key_.get(); }

 private:
  TestCertificate(const Spec& spec, const TestCertificate* issuer);

  // Shared by copies of this object.
  std::shared_ptr<evp_pkey_st> key_;
  std::shared_ptr<x509_st> certificate_;
};

}  // namespace nsdebug
