#include "core/base/error.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "core/base/text.h"

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

/// The first of the known names that are nearest by edit distance, fewer than `limit` edits off.
std::string NearestByEdits(std::string_view name, const std::vector<std::string>& known, std::size_t limit) {
  std::string nearest;
  for (const std::string& candidate : known) {
    const std::size_t shorter = std::min(name.size(), candidate.size());
    if (std::max(name.size(), candidate.size()) - shorter >= limit) continue;  // as far apart at least
    const std::size_t distance = EditDistance(name, candidate);
    if (distance < limit) {
      limit = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

/// The shortest known name that goes on where `name` ends: h200-sxm of h200.
std::string NearestLonger(std::string_view name, const std::vector<std::string>& known) {
  std::string longer;
  for (const std::string& candidate : known) {
    if (BeginsWithWords(FoldName(candidate), name) && (longer.empty() || candidate.size() < longer.size()))
      longer = candidate;
  }
  return longer;
}

/// The longest known name that `name` goes on from: kimi-k2 of kimi-k2-instruct.
std::string NearestShorter(std::string_view name, const std::vector<std::string>& known) {
  std::string shorter;
  for (const std::string& candidate : known) {
    if (BeginsWithWords(name, FoldName(candidate)) && candidate.size() > shorter.size()) shorter = candidate;
  }
  return shorter;
}

/// The only known name whose first word is `word`.
std::string OnlyOneWithFirstWord(std::string_view word, const std::vector<std::string>& known) {
  std::string found;
  for (const std::string& candidate : known) {
    if (!BeginsWithWords(FoldName(candidate), word)) continue;
    if (!found.empty()) return "";
    found = candidate;
  }
  return found;
}

}  // namespace

std::string FoldName(std::string_view name) {
  std::string folded;
  for (const char c : name) {
    folded += c == '_' || c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return folded;
}

bool BeginsWithWords(std::string_view name, std::string_view words) {
  return !words.empty() && name.substr(0, words.size()) == words &&
         (name.size() == words.size() || name[words.size()] == '-');
}

std::string NearestName(std::string_view name, const std::vector<std::string>& known) {
  const std::string folded = FoldName(name);
  if (std::string longer = NearestLonger(folded, known); !longer.empty()) return longer;
  const std::size_t half = name.size() / 2 + 1, slip = std::max<std::size_t>(name.size() / 4, 1) + 1;
  if (std::string near = NearestByEdits(name, known, std::min(slip, half)); !near.empty()) return near;
  for (std::size_t word = 0; word < folded.size();) {
    const std::string_view rest = std::string_view(folded).substr(word);
    if (std::string longer = NearestLonger(rest, known); !longer.empty()) return longer;
    if (std::string shorter = NearestShorter(rest, known); !shorter.empty()) return shorter;
    const std::size_t end = std::min(rest.find('-'), rest.size());
    if (std::string only = OnlyOneWithFirstWord(rest.substr(0, end), known); !only.empty()) return only;
    word += end + 1;
  }
  return NearestByEdits(name, known, half);
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& known) {
  const std::string nearest = NearestName(name, known);
  return nearest.empty() ? "" : " (did you mean '" + nearest + "'?)";
}

namespace internal {

void CheckFailed(const char* file, int line, const char* expression, const std::string& values) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s: %s\n", file, line, expression, values.c_str());
  std::abort();
}

}  // namespace internal
}  // namespace orrery
