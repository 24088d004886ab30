#include "copy/pax_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace nsdebug {

namespace {

// Offsets and widths of ustar's fields.
struct Field {
  size_t offset;
  size_t width;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kUid{108, 8};
constexpr Field kGid{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kChecksum{148, 8};
constexpr size_t kTypeOffset = 156;
constexpr Field kLinkName{157, 100};
constexpr Field kMagic{257, 8};
constexpr Field kDeviceMajor{329, 8};
constexpr Field kDeviceMinor{337, 8};

constexpr std::string_view kUstar{
    "ustar\0"
    "00",
    8};
constexpr uint64_t kMaxUstarSize = 077777777777;

using Block = std::array<char, kPaxBlockBytes>;

void Put(Block* block, Field field, std::string_view text) {
  std::copy_n(text.begin(), std::min(text.size(), field.width), block->begin() + field.offset);
}

/// With a NUL behind the digits.
void PutOctal(Block* block, Field field, uint64_t number) {
  Put(block, field, fmt::format("{:0{}o}", number, field.width - 1));
}

std::string Ustar(std::string_view name, char type, mode_t mode, uint64_t size, uint64_t time) {
  Block block{};
  Put(&block, kName, name);
  PutOctal(&block, kMode, mode & 07777);
  PutOctal(&block, kUid, 0);
  PutOctal(&block, kGid, 0);
  PutOctal(&block, kSize, std::min(size, kMaxUstarSize));
  PutOctal(&block, kTime, std::min(time, kMaxUstarSize));
  // The sum is of a header with blanks in its place.
  Put(&block, kChecksum, "        ");
  block[kTypeOffset] = type;
  // Readers take the link of the extended header only for what is one without it.
  if (type == static_cast<char>(PaxEntry::Type::kLink)) Put(&block, kLinkName, "link");
  Put(&block, kMagic, kUstar);
  PutOctal(&block, kDeviceMajor, 0);
  PutOctal(&block, kDeviceMinor, 0);
  uint64_t sum = 0;
  for (const char byte : block) sum += static_cast<unsigned char>(byte);
  // Six digits, a NUL, and a blank, which is there already.
  Put(&block, {kChecksum.offset, kChecksum.width - 1}, fmt::format("{:06o}", sum) + '\0');
  return {block.begin(), block.end()};
}

/// "27 path=...\n", whose number counts itself.
std::string Record(std::string_view key, std::string_view value) {
  const size_t rest = key.size() + value.size() + std::string_view(" =\n").size();
  size_t length = rest + 1;
  while (length != rest + std::to_string(length).size()) {
    length = rest + std::to_string(length).size();
  }
  return fmt::format("{} {}={}\n", length, key, value);
}

}  // namespace

std::string EncodePaxHeader(const PaxEntry& entry) {
  // Names need not be UTF-8.
  std::string records = Record("hdrcharset", "BINARY");
  records += Record("path", entry.path);
  if (entry.type == PaxEntry::Type::kLink) records += Record("linkpath", entry.link);
  if (entry.type == PaxEntry::Type::kFile) records += Record("size", std::to_string(entry.size));
  const bool is_dated = entry.mtime.tv_sec >= 0;
  if (is_dated) {
    records += Record("mtime", fmt::format("{}.{:09}", entry.mtime.tv_sec, entry.mtime.tv_nsec));
  }
  const auto time = static_cast<uint64_t>(is_dated ? entry.mtime.tv_sec : 0);
  std::string header = Ustar("pax", 'x', 0600, records.size(), time);
  header += records + PaxPadding(records.size());
  // The name that counts is in the records.
  const bool is_file = entry.type == PaxEntry::Type::kFile;
  header +=
      Ustar("entry", static_cast<char>(entry.type), entry.mode, is_file ? entry.size : 0, time);
  return header;
}

std::string PaxPadding(uint64_t size) {
  return std::string((kPaxBlockBytes - size % kPaxBlockBytes) % kPaxBlockBytes, '\0');
}

std::string PaxEnd() { return std::string(2 * kPaxBlockBytes, '\0'); }

}  // namespace nsdebug
