// What the options of several subcommands have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace orrery::cli {

/// --set KEY=VALUE, as often as wanted. It takes one value each time, so that what follows it is an argument
/// of the command again: `run --set seed=2 SCENARIO`.
CLI::Option* AddSetOption(CLI::App* command, std::vector<std::string>* sets);

/// The same for any option that may be given several times, or whose value is a list with commas.
CLI::Option* OneValueEach(CLI::Option* option);

/// InputError where --set is given twice for one key, by whatever name: only one of them can be meant.
void RequireKeysOnce(const std::vector<std::string>& sets);

/// A number of tokens: "131072", or "128k" for 128 x 1024 and "1M" for 1024 x 1024, as contexts are called.
/// InputError naming the option.
std::int64_t ParseTokens(const std::string& option, std::string_view text);

}  // namespace orrery::cli
