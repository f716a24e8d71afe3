// A YAML text as a tree of values, read within limits: what document.cc makes its values of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/document.h"

namespace orrery::internal {

struct TreeEntry;

struct Tree {
  Value::Type type = Value::Type::kNull;
  std::string scalar;
  bool quoted = false;
  std::vector<Tree> items;
  std::vector<TreeEntry> entries;
  Place place;
};

struct TreeEntry {
  std::string key;
  Tree value;
};

/// The one document of `text`, which `name` stands for in messages; a null where there is none. Aliases are
/// followed. InputError where it is no UTF-8 or no YAML, repeats a key, carries a tag, holds a second
/// document, or goes beyond limits.h, as soon as it does.
Tree ParseYamlTree(std::string_view text, const std::string& name);

}  // namespace orrery::internal
