// What a file is, judged by its content: for whoever takes a file of any kind and hands it to the reader it is for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace orrery::scenarios {

enum class FileKind : std::uint8_t {
  kScenario,     ///< YAML; whether it is a good one its reader says
  kModelConfig,  ///< a Hugging Face config.json
  kExpertLoads,  ///< recorded: CSV, or JSON of SGLang, vLLM or EPLB
  kTrace,        ///< Chrome's form, as the PyTorch profiler writes it, packed or not
  kMeasurement,  ///< of Orrery's own profiler, and its comparisons
  kUnknown,
};

/// Looks at the first MiB. kUnknown of what is no regular file, is empty or is none of these.
FileKind KindOfFile(const std::filesystem::path& file);
/// "a scenario", "a trace", ...; of kUnknown "of no known kind".
std::string_view Words(FileKind kind);

}  // namespace orrery::scenarios
