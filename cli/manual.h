// The manual page and the shell completion, written from the command line's own description, so that neither can
// lack a command or an option.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace orrery::cli {

/// orrery(1) in man's format (groff): every command with its arguments and options, exit codes, environment, files.
std::string ManualPage(const CLI::App& app);

/// A bash completion script: commands, options, names of presets (asked of `orrery list`), else files.
std::string BashCompletion(const CLI::App& app);

/// Adds --man-page and --bash-completion, which print them.
void AddManualOptions(CLI::App& app);

}  // namespace orrery::cli
