#include "base/timestamp.h"

#include <cstddef>
#include <cstdint>

#include "base/text.h"

namespace nsdebug {

namespace {

using std::chrono::microseconds;
using std::chrono::minutes;

/// Takes what one after the other stands in a text; once something is missing, nothing is there.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  uint64_t Number(size_t digits, uint64_t most) {
    const auto number = ParseNumber(rest_.substr(0, digits), most);
    if (rest_.size() < digits || !number) good_ = false;
    if (!good_) return 0;
    rest_.remove_prefix(digits);
    return *number;
  }

  /// One of the characters, or '\0'.
  char OneOf(std::string_view characters) {
    if (!good_ || rest_.empty() || characters.find(rest_[0]) == std::string_view::npos) return '\0';
    const char found = rest_[0];
    rest_.remove_prefix(1);
    return found;
  }

  void Expect(std::string_view characters) {
    if (OneOf(characters) == '\0') good_ = false;
  }

  size_t Digits() const {
    const size_t count = rest_.find_first_not_of("0123456789");
    return count == std::string_view::npos ? rest_.size() : count;
  }

  bool AtEnd() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

microseconds ReadFraction(Scanner& scanner) {
  constexpr size_t kKept = 6;
  uint64_t fraction = 0;
  size_t digits = scanner.Digits();
  if (digits == 0) scanner.Expect("0");
  for (size_t i = 0; i < digits || i < kKept; ++i) {
    const uint64_t digit = i < digits ? scanner.Number(1, 9) : 0;
    if (i < kKept) fraction = fraction * 10 + digit;
  }
  return microseconds(fraction);
}

minutes ReadOffset(Scanner& scanner) {
  const char sign = scanner.OneOf("+-Zz");
  if (sign == 'Z' || sign == 'z') return minutes(0);
  if (sign == '\0') scanner.Expect("Z");
  const uint64_t hours = scanner.Number(2, 23);
  scanner.Expect(":");
  const auto offset = minutes(hours * 60 + scanner.Number(2, 59));
  return sign == '-' ? -offset : offset;
}

}  // namespace

std::optional<std::chrono::system_clock::time_point> ParseTimestamp(std::string_view text) {
  namespace chrono = std::chrono;
  Scanner scanner(text);
  const auto year = static_cast<int>(scanner.Number(4, 9999));
  scanner.Expect("-");
  const auto month = static_cast<unsigned>(scanner.Number(2, 12));
  scanner.Expect("-");
  const auto day = static_cast<unsigned>(scanner.Number(2, 31));
  scanner.Expect("Tt");
  chrono::seconds time = chrono::hours(scanner.Number(2, 23));
  scanner.Expect(":");
  time += minutes(scanner.Number(2, 59));
  scanner.Expect(":");
  time += chrono::seconds(scanner.Number(2, 60));  // with leap seconds
  const microseconds fraction =
      scanner.OneOf(".") != '\0' ? ReadFraction(scanner) : microseconds(0);
  const minutes offset = ReadOffset(scanner);
  const chrono::year_month_day date{chrono::year(year), chrono::month(month), chrono::day(day)};
  // What a clock of nanoseconds can hold; Go's own ends are far outside.
  if (!scanner.AtEnd() || !date.ok() || year < 1700 || year > 2200) return std::nullopt;
  return chrono::system_clock::time_point(chrono::sys_days(date)) + time + fraction - offset;
}

}  // namespace nsdebug
