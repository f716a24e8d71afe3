#include "core/config/fields.h"

#include <fmt/format.h>

namespace orrery {
namespace {

void AddLines(const std::vector<FieldInfo>& fields, const std::string& path, std::string_view prefix,
              std::vector<KeyLine>* lines) {
  for (const FieldInfo& field : fields) {
    const std::string here = path.empty() ? field.key : path + "." + field.key;
    if (here.starts_with(prefix)) lines->push_back({here, field});
    // Below a key that is itself shown, or on the way to the prefix.
    if (here.starts_with(prefix) || prefix.starts_with(here))
      AddLines(field.type.fields, field.type.kind == FieldType::Kind::kList ? here + "[]" : here, prefix,
               lines);
  }
}

/// A limit as people write it: no double shows the last digits of 2^63 - 1.
std::string LimitText(double limit) { return limit >= 0x1p63 ? "2^63 - 1" : NumberText(limit); }

}  // namespace

InputError GivenKeys::ErrorAt(std::string_view key, std::string_view message) const {
  const Value* value = map_.Find(key);
  return (value != nullptr ? *value : map_).Error(message);
}

namespace internal {

FieldTable::Entry& FieldTable::Add(Entry entry) { return entries_.emplace_back(std::move(entry)); }

void FieldTable::Read(const Value& map, bool over, void* into) const {
  std::vector<std::string> keys;
  for (const Entry& entry : entries_) keys.push_back(entry.info.key);
  map.AllowKeys(keys);
  for (const Entry& entry : entries_) {
    if (const Value* value = map.Find(entry.info.key)) {
      entry.read(*value, over, into);
    } else if (!over && entry.info.required) {
      map.At(entry.info.key);  // throws, naming the nearest key
    }
  }
}

Written FieldTable::Write(const void* from, const void* fresh) const {
  Written map = Written::Map();
  for (const Entry& entry : entries_) {
    if (entry.present && !entry.present(from)) continue;
    Written value = entry.write(from);
    if (entry.info.required || value != entry.write(fresh)) map.Add(entry.info.key, std::move(value));
  }
  return map;
}

Written FieldTable::WriteChanged(const void* from, const void* base) const {
  Written map = Written::Map();
  for (const Entry& entry : entries_) {
    if (entry.present && !entry.present(from)) continue;
    if (entry.write(from) != entry.write(base)) map.Add(entry.info.key, entry.write_changed(from, base));
  }
  return map;
}

std::vector<FieldInfo> FieldTable::Infos() const {
  std::vector<FieldInfo> infos;
  for (const Entry& entry : entries_) infos.push_back(entry.info);
  return infos;
}

}  // namespace internal

bool IsAbsent(const Written& w) {
  return w.kind == Written::Kind::kScalar ? w.text.empty() : w.items.empty();
}

std::string DefaultTextOf(const Written& written) {
  if (IsAbsent(written)) return "";
  if (written.kind == Written::Kind::kScalar) return written.text;
  if (written.kind == Written::Kind::kMap) return "";  // its own keys tell theirs
  std::string text;
  for (const Written& item : written.items) {
    if (item.kind != Written::Kind::kScalar) return "";
    text += (text.empty() ? "" : ", ") + item.text;
  }
  return "[" + text + "]";
}

std::vector<KeyLine> KeyLines(const std::vector<FieldInfo>& fields, std::string_view prefix) {
  std::vector<KeyLine> lines;
  AddLines(fields, "", prefix, &lines);
  return lines;
}

std::string TypeText(const FieldType& type) {
  std::string text = type.words;
  if (type.kind == FieldType::Kind::kChoice) {
    text = "one of: ";
    for (std::size_t i = 0; i < type.choices.size(); ++i) text += (i > 0 ? ", " : "") + type.choices[i];
    return text;
  }
  if (type.least && type.most) {
    text += fmt::format(", {} to {}", LimitText(*type.least), LimitText(*type.most));
  } else if (type.least) {
    text += fmt::format(", at least {}", NumberText(*type.least));
  }
  return text;
}

}  // namespace orrery
