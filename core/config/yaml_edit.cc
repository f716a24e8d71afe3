#include "core/config/yaml_edit.h"

#include <algorithm>

#include "core/config/key_error.h"

namespace orrery {
namespace {

std::string Canonical(const Value& value) {
  Written map = Written::Map();
  map.Add("value", WrittenOf(value));
  return YamlText(map);
}

std::string FlowText(const Value& value) {
  const Written written = WrittenOf(value);
  if (written.kind == Written::Kind::kScalar) return value.is_null() ? "null" : YamlScalar(written.text);
  std::string text = written.kind == Written::Kind::kList ? "[" : "{";
  const auto part = [&](const std::string& words) { text += (text.size() > 1 ? ", " : "") + words; };
  for (const Value& item : value.is_list() ? value.items() : std::vector<Value>{}) part(FlowText(item));
  if (value.is_map()) {
    for (const auto& [key, item] : value.entries()) part(YamlScalar(key) + ": " + FlowText(item));
  }
  return text + (written.kind == Written::Kind::kList ? "]" : "}");
}

/// One thing to change: the value at a place, or a key that is missing from the map at a place.
struct Change {
  const Value* at = nullptr;
  std::string key;  ///< missing from `at`; empty: `at` is replaced
  const Value* by = nullptr;
};

/// The first difference; `at` is nullptr where there is none.
Change FirstDifference(const Value& now, const Value& wanted) {
  if (Canonical(now) == Canonical(wanted)) return {};
  if (!now.is_map() || !wanted.is_map() || now.entries().empty()) return {&now, "", &wanted};
  const auto find = [](const Value& map, const std::string& key) -> const Value* {
    const auto& entries = map.entries();
    const auto it =
        std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.first == key; });
    return it == entries.end() ? nullptr : &it->second;
  };
  static const Value kNull;
  for (const auto& [key, value] : now.entries()) {
    const Value* other = find(wanted, key);
    const Change change = FirstDifference(value, other != nullptr ? *other : kNull);
    if (change.at != nullptr) return change;
  }
  for (const auto& [key, value] : wanted.entries()) {
    if (!value.is_null() && find(now, key) == nullptr) return {&now, key, &value};
  }
  return {};
}

std::size_t OffsetOf(const std::string& text, const Place& place) {
  std::size_t offset = 0;
  for (int line = 1; line < place.line && offset < text.size(); ++line)
    offset = std::min(text.find('\n', offset), text.size() - 1) + 1;
  return offset + static_cast<std::size_t>(std::max(place.column - 1, 0));
}

/// Behind the closing quote of the text that begins at `begin`.
std::size_t EndOfQuoted(const std::string& text, std::size_t begin) {
  const char quote = text[begin];
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 >= text.size() || text[i + 1] != quote) return i + 1;
      ++i;  // '' inside '...'
    }
  }
  return std::string::npos;
}

/// Behind the bracket that closes the one at `begin`.
std::size_t EndOfFlow(const std::string& text, std::size_t begin) {
  int depth = 0;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      i = EndOfQuoted(text, i);
      if (i == std::string::npos) return i;
      --i;
    } else if (c == '#' && i > 0 && std::string_view(" \t\n").find(text[i - 1]) != std::string_view::npos) {
      i = text.find('\n', i);
      if (i == std::string::npos) return i;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if ((c == ']' || c == '}') && --depth == 0) {
      return i + 1;
    }
  }
  return std::string::npos;
}

/// Behind the value that begins at `begin`; npos where it is laid out over lines of its own.
std::size_t EndOfValue(const std::string& text, std::size_t begin, const Value& value) {
  if (begin >= text.size()) return std::string::npos;
  if (value.is_scalar()) {
    if (text[begin] == '"' || text[begin] == '\'') return EndOfQuoted(text, begin);
    const std::string& plain = value.AsString();
    return text.compare(begin, plain.size(), plain) == 0 ? begin + plain.size() : std::string::npos;
  }
  return text[begin] == '[' || text[begin] == '{' ? EndOfFlow(text, begin) : std::string::npos;
}

/// Takes away the key of the value from `begin` to `end`: its line, or its part of a bracketed map.
bool RemoveKey(std::size_t begin, std::size_t end, const std::string& key, std::string* text) {
  const std::size_t colon = text->find_last_not_of(" \t", begin - 1);
  if (begin == 0 || colon == std::string::npos || (*text)[colon] != ':' || colon < key.size()) return false;
  std::size_t from = colon - key.size();
  if (text->compare(from, key.size(), key) != 0) return false;  // in quotes, say
  const std::size_t before = from == 0 ? std::string::npos : text->find_last_not_of(" \t", from - 1);
  if (before == std::string::npos || (*text)[before] == '\n') {
    from = before == std::string::npos ? 0 : before + 1;
    const std::size_t line_end = text->find('\n', end);
    text->erase(from, line_end == std::string::npos ? line_end : line_end + 1 - from);
    return true;
  }
  if ((*text)[before] == ',') {
    text->erase(before, end - before);
    return true;
  }
  if ((*text)[before] != '{') return false;
  const std::size_t next = text->find_first_not_of(" \t\n", end);
  if (next != std::string::npos && (*text)[next] == ',') end = text->find_first_not_of(" \t", next + 1);
  text->erase(from, end - from);
  return true;
}

bool ReplaceValue(const Change& change, std::string* text) {
  const std::size_t begin = OffsetOf(*text, change.at->place());
  const std::size_t end = EndOfValue(*text, begin, *change.at);
  if (end == std::string::npos) return false;
  const std::string& path = change.at->path();
  if (change.by->is_null()) return RemoveKey(begin, end, path.substr(path.rfind('.') + 1), text);
  text->replace(begin, end - begin, FlowText(*change.by));
  return true;
}

bool AddKey(const Change& change, std::string* text) {
  const std::string entry = YamlScalar(change.key) + ": " + FlowText(*change.by);
  const std::size_t begin = OffsetOf(*text, change.at->place());
  if (begin < text->size() && (*text)[begin] == '{') {
    const std::size_t end = EndOfFlow(*text, begin);
    if (end == std::string::npos) return false;
    text->insert(end - 1, ", " + entry);
    return true;
  }
  if (change.at->path().empty()) {
    if (!text->ends_with('\n')) *text += '\n';
    *text += entry + "\n";
    return true;
  }
  const std::size_t line = begin == 0 ? 0 : text->rfind('\n', begin - 1) + 1;
  const std::string margin = text->substr(line, begin - line);
  if (margin.find_first_not_of(' ') != std::string::npos) return false;
  text->insert(line, margin + entry + "\n");
  return true;
}

}  // namespace

Written WrittenOf(const Value& value) {
  Written written;
  if (value.is_scalar()) written.text = value.AsString();
  if (value.is_list()) {
    written = Written::List();
    for (const Value& item : value.items()) written.items.push_back(WrittenOf(item));
  }
  if (value.is_map()) {
    written = Written::Map();
    for (const auto& [key, item] : value.entries()) {
      if (!item.is_null()) written.Add(key, WrittenOf(item));
    }
  }
  return written;
}

std::optional<std::string> WithValuesOf(std::string text, const Document& wanted) {
  constexpr int kMostChanges = 1000;
  for (int i = 0; i < kMostChanges; ++i) {
    Document now;
    try {
      now = Document::Parse(text, "edited");
    } catch (const InputError&) {
      if (i == 0) throw;
      return std::nullopt;
    }
    const Change change = FirstDifference(now.root(), wanted.root());
    if (change.at == nullptr) return text;
    if (!(change.key.empty() ? ReplaceValue(change, &text) : AddKey(change, &text))) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string> WithKeyRenamed(const std::string& text, const std::string& from,
                                          const std::string& to) {
  for (std::size_t line = 0; line < text.size();
       line = std::min(text.find('\n', line), text.size() - 1) + 1) {
    if (text.compare(line, from.size(), from) != 0) continue;
    const std::size_t colon = text.find_first_not_of(' ', line + from.size());
    if (colon == std::string::npos || text[colon] != ':') continue;
    return text.substr(0, line) + to + text.substr(line + from.size());
  }
  return std::nullopt;
}

}  // namespace orrery
