#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.h"

struct x509_store_st;

namespace nsdebug {

/// Adds all certificates of a text in PEM to OpenSSL's X509_STORE. kInvalidArgument: something that
/// begins like one is none, or there is none or there are too many.
Result<void> AddCertificates(x509_store_st& store, std::string_view pem, size_t max_certificates);

}  // namespace nsdebug
