#include "core/config/key_error.h"

#include <charconv>

namespace orrery {
namespace {

/// The entry of a map, or of a list by its index in brackets; nullptr if there is none.
const Value* Child(const Value& value, std::string_view name) {
  if (name.starts_with('[')) {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), index);
    return error == std::errc() && value.is_list() && index < value.items().size() ? &value.items()[index]
                                                                                   : nullptr;
  }
  return value.is_map() ? value.Find(name) : nullptr;
}

/// Takes the first name off a path: "a.b[3]" gives "a" and leaves "b[3]"; "b[3]" gives "b" and leaves "[3]".
std::string_view TakeName(std::string_view* path) {
  const std::size_t end = std::min(path->find_first_of(".[", 1), path->size());
  const std::string_view name = path->substr(0, end);
  path->remove_prefix(end);
  if (path->starts_with('.')) path->remove_prefix(1);
  return name;
}

}  // namespace

const Value* FindPath(const Value& root, std::string_view path) {
  const Value* value = &root;
  while (value != nullptr && !path.empty()) value = Child(*value, TakeName(&path));
  return value;
}

PlacedKeyError Located(const KeyError& error, const Value& root) {
  const Value* value = &root;
  std::string_view rest = error.path();
  while (!rest.empty()) {
    std::string_view after = rest;
    const Value* child = Child(*value, TakeName(&after));
    if (child == nullptr) break;
    value = child, rest = after;
  }
  return {
      rest.empty() ? value->Error(error.message()) : value->Error(std::string(rest) + ": " + error.message()),
      error};
}

}  // namespace orrery
