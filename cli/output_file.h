#pragma once

#include <string>
#include <vector>

namespace orrery::cli {

/// A whole text and where it goes; "-" is standard output.
struct Output {
  std::string file, text;
};

/// Refuses outputs that would overwrite an input or another output, and more than one output on standard
/// output ("-"). Paths are compared weakly canonical, so links and "./" do not hide that two are one file;
/// empty names and, among outputs, devices and pipes are left aside. To be called before anything is read or
/// written. InputError naming both.
void RequireDistinct(const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);

/// Writes `text` to `file` whole or not at all (a temporary beside it, then renamed); "-" is standard output.
/// InputError naming the file if it cannot be written.
void WriteOutput(const std::string& file, const std::string& text);

/// Writes all outputs or, as far as the file system allows, none: every file is written to its temporary
/// before the first is renamed. InputError naming the one that cannot be written.
void WriteOutputs(const std::vector<Output>& outputs);

}  // namespace orrery::cli
