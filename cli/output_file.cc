#include "cli/output_file.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "core/error.h"

namespace orrery::cli {
namespace {

[[noreturn]] void Fail(const std::string& file, const std::filesystem::path& temporary) {
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  throw InputError("cannot write '" + file + "'");
}

}  // namespace

void WriteOutput(const std::string& file, const std::string& text) {
  if (file == "-") {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
      throw InputError("cannot write to standard output");
    }
    return;
  }
  // Renaming onto a device or pipe would replace it; they are written through.
  std::error_code error;
  const bool special = std::filesystem::exists(file, error) && !std::filesystem::is_regular_file(file, error);
  const std::filesystem::path temporary = special ? file : file + ".tmp" + std::to_string(::getpid());
  {
    std::ofstream stream(temporary, std::ios::binary);
    stream << text;
    stream.close();
    if (!stream) special ? throw InputError("cannot write '" + file + "'") : Fail(file, temporary);
  }
  if (special) return;
  std::filesystem::rename(temporary, file, error);
  if (error) Fail(file, temporary);
}

}  // namespace orrery::cli
