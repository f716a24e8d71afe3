#include "scenarios/schema/calibration_field.h"

#include <filesystem>

#include "core/base/foreign_file.h"
#include "core/config/codecs.h"

namespace orrery::scenarios {

bool IsFile(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error);
}

namespace {

std::string FileOrName(const Value& value) {
  const std::filesystem::path beside = ResolveBeside(value);
  return IsFile(beside) ? beside.string() : value.AsString();
}

/// Names of all tables. "auto" comes first, as CalibrationChoice::Of puts it.
std::vector<std::string> NamesOf(const hw::CalibrationChoice& choice) {
  std::vector<std::string> names = {choice.name};
  names.insert(names.end(), choice.further.begin(), choice.further.end());
  return names;
}

hw::CalibrationChoice Read(const Value& value) {
  if (!value.is_list()) return {.name = FileOrName(value)};
  std::vector<std::string> names;
  for (const Value& item : value.items()) names.push_back(FileOrName(item));
  try {
    return hw::CalibrationChoice::Of(std::move(names));
  } catch (const InputError& e) {
    throw value.Error(e.what());
  }
}

Written Write(const hw::CalibrationChoice& choice) {
  Written list = Written::List();
  for (const std::string& name : NamesOf(choice))
    list.items.push_back(Written::Scalar(IsFile(name) ? std::filesystem::absolute(name).string() : name));
  return list.items.size() == 1 ? list.items[0] : list;
}

}  // namespace

Codec<hw::CalibrationChoice> CalibrationCodec() {
  Codec<hw::CalibrationChoice> c;
  c.type = {FieldType::Kind::kText, "auto, a table's name, a file, or a list of these", "", {}, {}, {}, {}};
  c.read = Read;
  c.write = Write;
  return c;
}

std::string ContentsOf(const hw::CalibrationChoice& calibration) {
  std::string text;
  for (const std::string& name : NamesOf(calibration)) {
    if (!IsFile(name)) continue;
    RefuseForeignFile(name);
    text += Document::Load(name).Canonical();
  }
  return text;
}

}  // namespace orrery::scenarios
