#include "core/config/document.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "core/config/yaml_tree.h"

namespace orrery {
namespace {

std::string_view Trim(std::string_view s) {
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.front()))) s.remove_prefix(1);
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.back()))) s.remove_suffix(1);
  return s;
}

std::optional<double> ParseNumber(std::string_view s) {
  double value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || end != s.data() + s.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

struct Suffix {
  CountSuffix of;
  std::string_view letters;
  double factor;
};
constexpr std::array<Suffix, 5> kSuffixes = {{{CountSuffix::kLength, "kK", 1024.0},
                                              {CountSuffix::kLength, "mM", 1048576.0},
                                              {CountSuffix::kAmount, "M", 1e6},
                                              {CountSuffix::kAmount, "B", 1e9},
                                              {CountSuffix::kAmount, "T", 1e12}}};

/// "4096 or '4096 tokens'": how a count may be written, for messages.
std::string CountExamples(std::string_view plural, std::int64_t min, std::int64_t max, CountSuffix suffix) {
  const std::int64_t example =
      std::clamp<std::int64_t>(suffix == CountSuffix::kAmount ? 1'000'000'000'000 : 4096, min, max);
  std::string text = fmt::format("e.g. {} or '{} {}'", example, example, plural);
  if (suffix == CountSuffix::kLength && max >= 4096) text += ", 4k (k is 1024)";
  if (suffix == CountSuffix::kAmount && max >= 1'500'000'000'000)
    text += ", '1.5T tokens' (M, B, T: 10^6, 10^9, 10^12), 1.5e12";
  return text;
}

/// Splits "50 GB/s" into 50 and "GB/s".
std::optional<std::pair<double, std::string_view>> SplitQuantity(std::string_view s) {
  s = Trim(s);
  double value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  return std::pair{value, Trim(s.substr(static_cast<std::size_t>(end - s.data())))};
}

struct Unit {
  std::string_view name;
  double factor;
};

template <std::size_t N>
std::optional<double> Convert(std::string_view text, const std::array<Unit, N>& units) {
  const auto quantity = SplitQuantity(text);
  if (!quantity) return std::nullopt;
  for (const Unit& unit : units) {
    if (unit.name == quantity->second) return quantity->first * unit.factor;
  }
  return std::nullopt;
}

constexpr std::array<Unit, 9> kByteUnits = {{{"B", 1},
                                             {"KB", 1e3},
                                             {"MB", 1e6},
                                             {"GB", 1e9},
                                             {"TB", 1e12},
                                             {"KiB", 1024.0},
                                             {"MiB", 1048576.0},
                                             {"GiB", 1073741824.0},
                                             {"TiB", 1099511627776.0}}};
constexpr std::array<Unit, 10> kRateUnits = {{{"B/s", 1},
                                              {"KB/s", 1e3},
                                              {"MB/s", 1e6},
                                              {"GB/s", 1e9},
                                              {"TB/s", 1e12},
                                              {"GiB/s", 1073741824.0},
                                              {"Mb/s", 1e6 / 8},
                                              {"Gb/s", 1e9 / 8},
                                              {"Tb/s", 1e12 / 8},
                                              {"TiB/s", 1099511627776.0}}};
constexpr std::array<Unit, 4> kFlopsUnits = {
    {{"GFLOPS", 1e9}, {"TFLOPS", 1e12}, {"PFLOPS", 1e15}, {"FLOPS", 1}}};
constexpr std::array<Unit, 8> kTimeUnits = {{{"ps", 1e-12},
                                             {"ns", 1e-9},
                                             {"us", 1e-6},
                                             {"ms", 1e-3},
                                             {"s", 1},
                                             {"min", 60},
                                             {"h", 3600},
                                             {"days", 86400}}};

constexpr double kMaxBytes = 9e18;
constexpr double kMaxRate = 1e24;  // bytes or operations a second; also refuses what overflowed to infinity

}  // namespace

std::optional<std::int64_t> ParseCount(std::string_view text, std::string_view unit, CountSuffix suffix) {
  constexpr double kMost = 9007199254740992.0;  // 2^53: whole in a double
  auto quantity = SplitQuantity(text);
  if (!quantity) return std::nullopt;
  auto& [value, rest] = *quantity;
  for (const Suffix& s : kSuffixes) {
    const bool alone = rest.size() == 1 || (rest.size() > 1 && rest[1] == ' ');
    if (s.of != suffix || !alone || s.letters.find(rest[0]) == std::string_view::npos) continue;
    value *= s.factor;
    rest = Trim(rest.substr(1));
    break;
  }
  const std::string_view singular = unit.ends_with('s') ? unit.substr(0, unit.size() - 1) : unit;
  if (rest.starts_with(singular) && !singular.empty()) {
    rest.remove_prefix(singular.size());
    if (rest == "s") rest = {};
  }
  if (!rest.empty() || value != std::floor(value) || value < 0 || value > kMost) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

InputError Value::Error(std::string_view message) const {
  std::string text;
  if (!path_.empty()) text += Clipped(path_) + ": ";
  if (is_scalar()) text += "'" + Clipped(scalar_) + "': ";
  return InputError(place_, text + std::string(message));
}

const std::vector<std::pair<std::string, Value>>& Value::entries() const {
  if (!is_map()) throw Error("expected a map of keys");
  return entries_;
}

const std::vector<Value>& Value::items() const {
  if (!is_list()) throw Error("expected a list");
  return items_;
}

const Value* Value::Find(std::string_view key) const {
  for (const auto& [name, value] : entries()) {
    if (name == key) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

Value Value::Without(std::string_view key) const {
  Value rest = *this;
  std::erase_if(rest.entries_, [&](const auto& entry) { return entry.first == key; });
  return rest;
}

const Value& Value::At(std::string_view key) const {
  const Value* value = Find(key);
  if (value == nullptr) {
    std::vector<std::string> names;
    for (const auto& [name, empty] : entries_) {
      if (name == key)
        throw InputError(empty.place(), fmt::format("missing key '{}': it is there without a value", key));
      names.push_back(name);
    }
    throw Error(fmt::format("missing key '{}'{}", key, DidYouMean(key, names)));
  }
  return *value;
}

void Value::AllowKeys(const std::vector<std::string>& keys) const {
  for (const auto& [name, value] : entries()) {
    bool known = false;
    for (const std::string& key : keys) known = known || key == name;
    if (known && value.is_null() && !value.taken_away_)
      throw value.Error("it is there without a value; expected one, or the key left out");
    if (known) continue;
    std::string all;
    for (const std::string& key : keys) all += (all.empty() ? "" : ", ") + key;
    const std::string where = path_.empty() ? name : path_ + "." + name;
    throw InputError(value.place(), fmt::format("{}: unknown key{}; expected one of: {}", Clipped(where),
                                                DidYouMean(name, keys), all));
  }
}

const std::string& Value::Scalar(std::string_view expected) const {
  if (!is_scalar()) throw Error(fmt::format("expected {}", expected));
  return scalar_;
}

const std::string& Value::AsString() const { return Scalar("text"); }

bool Value::AsBool() const {
  const std::string& s = Scalar("true or false");
  if (s == "true" || s == "yes" || s == "on") return true;
  if (s == "false" || s == "no" || s == "off") return false;
  throw Error("expected true or false");
}

std::int64_t Value::AsInt(std::int64_t min, std::int64_t max) const {
  const std::string expected = fmt::format("expected a whole number from {} to {}", min, max);
  const std::string& s = Scalar(expected.substr(9));
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc() || end != s.data() + s.size() || value < min || value > max) throw Error(expected);
  return value;
}

double Value::AsDouble(double min, double max) const {
  const std::string expected = fmt::format("expected a number from {} to {}", min, max);
  const std::optional<double> value = ParseNumber(Scalar(expected.substr(9)));
  if (!value || *value < min || *value > max) throw Error(expected);
  return *value;
}

std::int64_t Value::AsCount(std::string_view unit, std::int64_t min, std::int64_t max,
                            CountSuffix suffix) const {
  const std::string plural = std::string(unit) + (unit.ends_with('s') ? "" : "s");
  const std::string expected = fmt::format("expected a whole number from {} to {}, {}", min, max,
                                           CountExamples(plural, min, max, suffix));
  const std::optional<std::int64_t> value = ParseCount(Scalar(expected.substr(9)), unit, suffix);
  if (!value || *value < min || *value > max) throw Error(expected);
  return *value;
}

Bytes Value::AsBytes() const {
  const auto value = Convert(Scalar("a size with its unit, e.g. '80 GB'"), kByteUnits);
  if (!value || *value < 0 || *value > kMaxBytes) {
    throw Error("expected a size with its unit, e.g. '80 GB' (10^9) or '80 GiB' (2^30)");
  }
  return {std::llround(*value)};
}

BytesPerSecond Value::AsRate() const {
  const auto value = Convert(Scalar("a rate with its unit, e.g. '50 GB/s'"), kRateUnits);
  if (!value || *value <= 0 || *value > kMaxRate) {
    throw Error("expected a positive rate with its unit, e.g. '50 GB/s' or '400 Gb/s'");
  }
  return {*value};
}

FlopsPerSecond Value::AsFlopsRate() const {
  const auto value = Convert(Scalar("a rate with its unit, e.g. '989 TFLOPS'"), kFlopsUnits);
  if (!value || *value <= 0 || *value > kMaxRate)
    throw Error("expected a positive rate with its unit, e.g. '989 TFLOPS'");
  return {*value};
}

Time Value::AsTime() const {
  const auto value = Convert(Scalar("a time with its unit, e.g. '2 us'"), kTimeUnits);
  if (!value || *value < 0 || *value > 9e6)
    throw Error("expected a time with its unit, e.g. '2 us' or '0.29 s'");
  return FromSeconds(*value);
}

std::size_t Value::AsChoice(const std::vector<std::string>& choices) const {
  std::string all;
  for (const std::string& choice : choices) all += (all.empty() ? "" : ", ") + choice;
  const std::string& s = Scalar("one of: " + all);
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] == s) return i;
  }
  throw Error("expected one of: " + all + DidYouMean(s, choices));
}

namespace {

std::string Join(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

}  // namespace

namespace {

/// In quotes, so that no two values read alike.
std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

void WriteCanonical(const Value& value, std::string* out) {
  switch (value.type()) {
    case Value::Type::kNull:
      *out += "~";
      break;
    case Value::Type::kScalar:
      *out += Quoted(value.AsString());
      break;
    case Value::Type::kList:
      *out += "[";
      for (const Value& item : value.items()) {
        WriteCanonical(item, out);
        *out += ",";
      }
      *out += "]";
      break;
    case Value::Type::kMap: {
      std::vector<const std::pair<std::string, Value>*> sorted;
      for (const auto& entry : value.entries()) sorted.push_back(&entry);
      std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->first < b->first; });
      *out += "{";
      for (const auto* entry : sorted) {
        *out += entry->first + ":";
        WriteCanonical(entry->second, out);
        *out += ",";
      }
      *out += "}";
      break;
    }
  }
}

}  // namespace

Document Document::Parse(std::string_view text, const std::string& name) {
  if (text.size() > kMaxDocumentBytes) throw InputError(Place{name}, TooLarge(kMaxDocumentBytes));
  Document document;
  struct Builder {
    static Value Build(internal::Tree&& tree, const std::string& path) {
      Value value;
      value.type_ = tree.type;
      value.scalar_ = std::move(tree.scalar);
      value.quoted_ = tree.quoted;
      value.place_ = std::move(tree.place);
      value.path_ = path;
      int index = 0;
      for (internal::Tree& item : tree.items) {
        value.items_.push_back(Build(std::move(item), path + "[" + std::to_string(index++) + "]"));
      }
      for (auto& [key, child] : tree.entries) {
        value.entries_.emplace_back(key, Build(std::move(child), Join(path, key)));
      }
      return value;
    }
  };
  document.root_ = Builder::Build(internal::ParseYamlTree(text, name), "");
  if (!document.root_.is_map()) throw InputError(Place{name}, "expected a map of keys at the top");
  return document;
}

Document Document::Load(const std::filesystem::path& file) {
  return Parse(ReadFile(file, kMaxDocumentBytes), file.string());
}

void Document::Set(std::string_view path, std::string_view yaml, std::string_view place) {
  const std::string name =
      Clipped(place.empty() ? fmt::format("--set {}={}", path, yaml) : std::string(place));
  Value* node = &root_;
  std::string sofar;
  std::string_view rest = path;
  if (path.empty()) throw InputError(Place{name}, "expected KEY=VALUE");
  const bool takes_away = Trim(yaml) == "null" || Trim(yaml) == "~";
  const auto levels = 1 + std::count(path.begin(), path.end(), '.');
  if (levels > kMaxLevels) throw InputError(Place{name}, fmt::format("nested more than {} deep", kMaxLevels));
  while (!rest.empty()) {
    const std::size_t dot = rest.find('.');
    const std::string key(rest.substr(0, dot));
    rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
    if (key.empty() || (rest.empty() && dot != std::string_view::npos))
      throw InputError(Place{name}, "empty key in path");
    if (node->is_null()) node->type_ = Value::Type::kMap;
    if (!node->is_map()) {
      throw InputError(Place{name},
                       fmt::format("'{}' is no map, so it has no key '{}'", Clipped(sofar), Clipped(key)));
    }
    sofar = Join(sofar, key);
    Value* next = nullptr;
    for (auto& [existing, value] : node->entries_) {
      if (existing == key) next = &value;
    }
    if (next == nullptr) next = &node->entries_.emplace_back(key, Value{}).second;
    next->path_ = sofar;
    if (next->place_.file.empty()) next->place_ = Place{name};
    node = next;
  }
  // Parsed as the only entry of a map, so that the paths inside come out right.
  Document parsed = Parse("value: " + std::string(yaml), name);
  if (parsed.root_.entries_.size() != 1) throw InputError(Place{name}, "expected one value");
  Value value = std::move(parsed.root_.entries_[0].second);
  if (value.is_null() && !takes_away)
    throw InputError(Place{name},
                     fmt::format("{}: expected a value; null takes the key away", Clipped(sofar)));
  struct Repath {
    static void Apply(Value* v, const std::string& p, const Place& place, std::int64_t level) {
      if (level > kMaxLevels) throw InputError(place, fmt::format("nested more than {} deep", kMaxLevels));
      v->path_ = p;
      v->place_ = place;
      int index = 0;
      for (Value& item : v->items_) Apply(&item, p + "[" + std::to_string(index++) + "]", place, level + 1);
      for (auto& [key, child] : v->entries_) Apply(&child, Join(p, key), place, level + 1);
    }
  };
  Repath::Apply(&value, sofar, Place{name}, levels);
  value.taken_away_ = takes_away;
  *node = std::move(value);
}

void Document::Rename(std::string_view from, std::string_view to) {
  for (auto& [key, value] : root_.entries_) {
    if (key != from) continue;
    if (root_.Find(to) != nullptr)
      throw value.Error(fmt::format("is called '{}' now, which is there too: expected one of them", to));
    key = std::string(to);
    renamed_.emplace_back(from, to);
    return;
  }
}

std::string Document::Canonical() const {
  std::string text;
  WriteCanonical(root_, &text);
  return text;
}

std::filesystem::path ResolveBeside(const Value& path) {
  std::filesystem::path written = path.AsString();
  std::error_code error;
  const std::filesystem::path named_in = path.place().file;
  if (written.is_absolute() || !std::filesystem::is_regular_file(named_in, error)) return written;
  return named_in.parent_path() / written;
}

std::string QuoteYaml(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

std::string HashHex(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return fmt::format("{:016x}", hash);
}

}  // namespace orrery
