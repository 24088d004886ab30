#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"

namespace nsdebug {

/// A certificate and its private key, as PEM.
struct CertificateAndKey {
  std::string certificate;
  std::string key;  ///< never printed
};

/// Whom a certificate is for. Addresses are IPv4 or IPv6.
struct CertificateNames {
  std::vector<std::string> hosts;  ///< the first is the subject's common name
  std::vector<std::string> addresses;
};

/// ECDSA P-256, signed by itself, for servers only and no authority: who trusts it trusts this one
/// server. Valid from shortly before `now`, for clocks that are behind.
Result<CertificateAndKey> MakeCertificate(const CertificateNames& names,
                                          std::chrono::system_clock::time_point now,
                                          std::chrono::seconds lifetime);

/// Whether the two belong together, are for all of `names`, and are valid now and for `least` more.
/// Unreadable ones are not.
bool IsGoodCertificate(const CertificateAndKey& pair, const CertificateNames& names,
                       std::chrono::system_clock::time_point now, std::chrono::seconds least);

/// SHA-256 of the DER, "AB:CD:...".
Result<std::string> CertificateFingerprint(const std::string& certificate);

}  // namespace nsdebug
