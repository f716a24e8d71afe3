// Files: read whole within a limit, written whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace orrery {

/// The bytes of a regular file. InputError naming it and the reason if it cannot be read or has more than
/// `most` bytes.
std::string ReadFile(const std::filesystem::path& file, std::size_t most);
/// The same for text: InputError where it is not UTF-8, or is named as another encoding.
std::string ReadTextFile(const std::filesystem::path& file, std::size_t most);
/// The first bytes of a regular file, `most` at most; "" where there is none or it cannot be read.
std::string ReadStart(const std::filesystem::path& file, std::size_t most);

/// "larger than 16 MiB": what is said of an input of more than `most` bytes.
std::string TooLarge(std::size_t most);

/// A whole text and where it goes; "-" is standard output.
struct Output {
  std::string file, text;
  bool in_place = false;  ///< it is the changed text of a file that was read, and may replace that
};

/// InputError if one of the files has been read (core/base/inputs_read.h), so that writing it would destroy what
/// was given. WriteOutputs refuses that too; this is for saying it before work begins.
void RefuseInputs(const std::vector<std::string>& files);

/// Writes all outputs or, as far as the file system allows, none. Every file is written to a temporary beside
/// it before the first is renamed; its name is random, and whatever stands there is neither followed nor
/// overwritten. A file that is there keeps its mode, and its owner where the system permits it; one that may
/// not be written is not replaced. Links are written through, devices and pipes directly. A reader of a pipe
/// that went away is a failure like any other. A file that was read is not replaced, unless its output is
/// `in_place`. InputError naming the output and the reason.
void WriteOutputs(const std::vector<Output>& outputs);
/// The same for one.
void WriteOutput(const std::string& file, const std::string& text);

}  // namespace orrery
