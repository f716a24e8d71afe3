#include "core/base/date.h"

#include <chrono>
#include <cstddef>

namespace orrery {

bool IsDate(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00";
  if (text.size() != kForm.size()) return false;
  int numbers[3] = {};
  std::size_t part = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (digit != (kForm[i] == '0') || (!digit && text[i] != kForm[i])) return false;
    if (digit)
      numbers[part] = 10 * numbers[part] + (text[i] - '0');
    else
      ++part;
  }
  return std::chrono::year_month_day(std::chrono::year(numbers[0]),
                                     std::chrono::month(static_cast<unsigned>(numbers[1])),
                                     std::chrono::day(static_cast<unsigned>(numbers[2])))
      .ok();
}

std::string_view CommitDate() {
  constexpr std::string_view kDate = ORRERY_COMMIT_DATE;
  return kDate.empty() ? "9999-12-31" : kDate;
}

}  // namespace orrery
