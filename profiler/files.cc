#include "profiler/files.h"

#include <cstdio>
#include <fstream>
#include <string>

#include <unistd.h>

#include "core/error.h"

namespace orrery::profiler {

void WriteFileWhole(const std::filesystem::path& file, std::string_view text) {
  if (file == "-") {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
      throw InputError("standard output cannot be written");
    }
    return;
  }
  std::filesystem::path temporary = file;
  temporary += ".part" + std::to_string(::getpid());
  std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
  stream.write(text.data(), static_cast<std::streamsize>(text.size()));
  stream.close();
  std::error_code error;
  if (stream) std::filesystem::rename(temporary, file, error);
  if (!stream || error) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw InputError(Place{file.string()}, "cannot be written");
  }
}

}  // namespace orrery::profiler
