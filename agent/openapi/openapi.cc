#include "agent/openapi/openapi.h"

namespace nsdebug {

namespace {

constexpr unsigned char kDocument[] = {
#include "agent/openapi/openapi.json.inc"
};

}  // namespace

std::string_view OpenApiDocument() {
  return {reinterpret_cast<const char*>(kDocument), sizeof(kDocument)};
}

}  // namespace nsdebug
