#include "core/config/written.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/config/document.h"

namespace orrery {
namespace {

struct Unit {
  const char* name;
  double factor;
};

/// `value` in the unit in which the number is shortest among those from which it reads back, as `same` says;
/// in the last unit, which is exact, if that takes more than `kLongest` characters.
template <std::size_t N, class Same>
std::string InUnits(double value, const Unit (&units)[N], Same same) {
  constexpr std::size_t kLongest = 8;
  std::string best;
  const char* best_unit = nullptr;
  for (const Unit& unit : units) {
    const std::string text = fmt::format("{:.15g}", value / unit.factor);
    if (text.find('e') != std::string::npos || !same(std::stod(text) * unit.factor)) continue;
    if (text.starts_with("0.") && unit.factor != units[N - 1].factor) continue;  // "300 GB/s", not "0.3 TB/s"
    if (best_unit == nullptr || text.size() < best.size()) best = text, best_unit = unit.name;
  }
  const Unit& last = units[N - 1];
  if (best_unit == nullptr || best.size() > kLongest)
    return NumberText(value / last.factor) + " " + last.name;
  return best + " " + best_unit;
}

bool IsPlainCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("_./+-() %").find(c) != std::string_view::npos;
}

/// Words that YAML reads as something else than a text.
bool IsYamlWord(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower == "null" || lower == "~" || lower.empty();
}

std::string DoubleQuoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

constexpr std::size_t kLineWidth = 100;

/// On one line; lists and maps inside too.
std::string FlowText(const Written& value) {
  if (value.kind == Written::Kind::kScalar) return YamlScalar(value.text);
  std::string text = value.kind == Written::Kind::kList ? "[" : "{";
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    if (i > 0) text += ", ";
    if (value.kind == Written::Kind::kMap) text += YamlScalar(value.keys[i]) + ": ";
    text += FlowText(value.items[i]);
  }
  return text + (value.kind == Written::Kind::kList ? "]" : "}");
}

void WriteBlock(const Written& map, int indent, std::string* out) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  for (std::size_t i = 0; i < map.items.size(); ++i) {
    const Written& item = map.items[i];
    const std::string key = margin + YamlScalar(map.keys[i]) + ":";
    const std::string flow = FlowText(item);
    const bool fits = key.size() + 1 + flow.size() <= kLineWidth;
    if (item.kind == Written::Kind::kMap && !item.items.empty() && !fits) {
      *out += key + "\n";
      WriteBlock(item, indent + 2, out);
    } else if (item.kind == Written::Kind::kList && !item.items.empty() && !fits) {
      *out += key + "\n";
      for (const Written& element : item.items) *out += margin + "  - " + FlowText(element) + "\n";
    } else {
      *out += key + " " + flow + "\n";
    }
  }
}

}  // namespace

Written Written::Scalar(std::string text) {
  Written w;
  w.text = std::move(text);
  return w;
}

Written Written::List() {
  Written w;
  w.kind = Kind::kList;
  return w;
}

Written Written::Map() {
  Written w;
  w.kind = Kind::kMap;
  return w;
}

void Written::Add(std::string key, Written value) {
  keys.push_back(std::move(key));
  items.push_back(std::move(value));
}

const Written* Written::Find(std::string_view key) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys[i] == key) return &items[i];
  }
  return nullptr;
}

std::string NumberText(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}", value);  // the shortest text that reads back to the same number
}

std::string BytesText(Bytes bytes) {
  constexpr Unit kUnits[] = {{"TB", 1e12}, {"TiB", 1099511627776.0}, {"GB", 1e9}, {"GiB", 1073741824.0},
                             {"MB", 1e6},  {"MiB", 1048576.0},       {"KB", 1e3}, {"KiB", 1024.0},
                             {"B", 1}};
  return InUnits(static_cast<double>(bytes.count), kUnits,
                 [&](double back) { return std::llround(back) == bytes.count; });
}

std::string RateText(BytesPerSecond rate) {
  constexpr Unit kUnits[] = {{"TB/s", 1e12}, {"GB/s", 1e9}, {"MB/s", 1e6}, {"KB/s", 1e3}, {"B/s", 1}};
  return InUnits(rate.value, kUnits, [&](double back) { return back == rate.value; });
}

std::string FlopsRateText(FlopsPerSecond rate) {
  constexpr Unit kUnits[] = {{"TFLOPS", 1e12}, {"GFLOPS", 1e9}, {"FLOPS", 1}};
  return InUnits(rate.value, kUnits, [&](double back) { return back == rate.value; });
}

std::string TimeText(Time time) {
  if (time == kTimeZero) return "0 s";
  constexpr Unit kUnits[] = {{"days", 86400}, {"h", 3600},  {"s", 1},     {"ms", 1e-3},
                             {"us", 1e-6},    {"ns", 1e-9}, {"ps", 1e-12}};
  return InUnits(Seconds(time), kUnits, [&](double back) { return FromSeconds(back) == time; });
}

std::string CountText(double count, std::string_view unit) {
  std::string word(unit);
  if (count == 1 && word.ends_with('s')) word.pop_back();
  return NumberText(count) + " " + word;
}

std::string YamlScalar(std::string_view text) {
  const bool plain_start =
      !text.empty() && (std::isalnum(static_cast<unsigned char>(text.front())) != 0 || text.front() == '_' ||
                        text.front() == '.' || text.front() == '/');
  const bool negative =
      text.size() > 1 && text.front() == '-' && std::isdigit(static_cast<unsigned char>(text[1])) != 0;
  const bool plain = (plain_start || negative) && text.back() != ' ' &&
                     std::all_of(text.begin(), text.end(), IsPlainCharacter) && !IsYamlWord(text);
  if (plain) return std::string(text);
  const bool control =
      std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  return control ? DoubleQuoted(text) : QuoteYaml(text);
}

std::string YamlText(const Written& map) {
  ORRERY_CHECK(map.kind == Written::Kind::kMap, "a document is a map");
  if (map.items.empty()) return "{}\n";
  std::string out;
  WriteBlock(map, 0, &out);
  return out;
}

}  // namespace orrery
