#include "cli/options.h"

#include <map>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/config/document.h"
#include "scenarios/schema/schema_version.h"

namespace orrery::cli {

CLI::Option* OneValueEach(CLI::Option* option) { return option->allow_extra_args(false)->take_all(); }

CLI::Option* AddSetOption(CLI::App* command, std::vector<std::string>* sets) {
  return OneValueEach(command->add_option(
      "--set", *sets, "KEY=VALUE over the scenario's, e.g. parallelism.expert=32; may be repeated"));
}

void RequireKeysOnce(const std::vector<std::string>& sets) {
  std::map<std::string, std::string> earlier;
  for (const std::string& set : sets) {
    const auto [it, first] = earlier.emplace(scenarios::CurrentKey(set.substr(0, set.find('='))), set);
    if (!first)
      throw InputError(fmt::format("--set {}: the key is set already, by --set {}: expected one of them",
                                   Clipped(set), Clipped(it->second)));
  }
}

std::int64_t ParseTokens(const std::string& option, std::string_view text) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  const std::optional<std::int64_t> value = ParseCount(text, "tokens", CountSuffix::kLength);
  if (!value || *value > kMost) {
    throw InputError(option + ": '" + std::string(text) +
                     "': expected a number of tokens, e.g. 131072 or 128k (k is 1024)");
  }
  return *value;
}

}  // namespace orrery::cli
