#include "core/error.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "core/text.h"

namespace orrery {

std::string Place::Text() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line);
  if (line > 0 && column > 0) text += ":" + std::to_string(column);
  return text;
}

namespace {

/// Messages quote input, and input may hold what a terminal obeys, or megabytes. What is expected stands at
/// the end of a message, so the middle is what goes.
std::string OneMessage(std::string_view message) {
  if (message.size() <= kMaxMessage) return Printable(message);
  constexpr std::size_t kEnd = kMaxMessage / 4;
  return Printable(message.substr(0, kMaxMessage - kEnd)) + " ... " +
         Printable(message.substr(message.size() - kEnd));
}

}  // namespace

InputError::InputError(std::string_view message) : std::runtime_error(OneMessage(message)) {}

InputError::InputError(const Place& place, std::string_view message)
    : std::runtime_error((place.file.empty() ? "" : OneMessage(place.Text()) + ": ") + OneMessage(message)) {}

namespace {

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substitute, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string DidYouMean(std::string_view name, const std::vector<std::string>& known) {
  std::size_t best = name.size() / 2 + 1;
  std::string nearest;
  for (const std::string& candidate : known) {
    const std::size_t shorter = std::min(name.size(), candidate.size());
    if (std::max(name.size(), candidate.size()) - shorter >= best) continue;  // as far apart at least
    const std::size_t distance = EditDistance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest.empty() ? "" : " (did you mean '" + nearest + "'?)";
}

namespace internal {

void CheckFailed(const char* file, int line, const char* expression, const std::string& values) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s: %s\n", file, line, expression, values.c_str());
  std::abort();
}

}  // namespace internal
}  // namespace orrery
