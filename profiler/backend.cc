#include "profiler/backend.h"

#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/config/resources.h"
#include "profiler/subprocess.h"

namespace orrery::profiler {
namespace {

constexpr const char* kProgram = "orrery-device";
constexpr const char* kInjection = "liborrery_injection.so";
constexpr int kUsage = 2, kUnavailable = 77;

/// A folder under the system's temporary one, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "orrery-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw InputError("cannot make a temporary folder in " + pattern);
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// "orrery-device: no GPU" -> "no GPU".
std::string Reason(const std::string& line) {
  const std::string prefix = std::string(kProgram) + ": ";
  return line.starts_with(prefix) ? line.substr(prefix.size()) : line;
}

class ProcessBackend final : public DeviceBackend {
 public:
  explicit ProcessBackend(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::string Probe() override {
    ProgramResult result =
        RunProgram({(folder_ / kProgram).string(), "probe"}, {}, Capture::kOutputAndErrors);
    if (result.exit_code != 0) Throw(result);
    while (!result.output.empty() && result.output.back() == '\n') result.output.pop_back();
    return result.output;
  }

  MeasurementRun RunSuite(const SuiteOptions& options) override {
    const TemporaryFolder folder;
    std::vector<MeasurementRun> runs;
    std::vector<std::string> names;
    for (int process = 0; process < options.processes; ++process) {
      std::fprintf(stderr, "orrery: process %d of %d\n", process + 1, options.processes);
      const std::filesystem::path file = folder.path() / fmt::format("process{}.json", process);
      const ProgramResult result =
          RunProgram(Arguments(options, process, file), {}, Capture::kOutputAndErrors);
      if (result.exit_code != 0) Throw(result);
      runs.push_back(ReadMeasurement(file));
      names.push_back(fmt::format("process {}", process));
    }
    return MergeProcesses(std::move(runs), names);
  }

  std::filesystem::path InjectionLibrary() override {
    const std::filesystem::path library = folder_ / kInjection;
    if (!std::filesystem::exists(library))
      throw UnavailableError(
          fmt::format("{} is not beside {} in {}", kInjection, kProgram, folder_.string()));
    return std::filesystem::absolute(library);
  }

 private:
  std::vector<std::string> Arguments(const SuiteOptions& o, int process,
                                     const std::filesystem::path& file) const {
    std::vector<std::string> arguments = {
        (folder_ / kProgram).string(), "run", "--suite", o.suite, "--out", file.string()};
    const auto add = [&](const char* name, const std::string& value) {
      arguments.emplace_back(name);
      arguments.push_back(value);
    };
    add("--process", std::to_string(process));
    add("--seed", std::to_string(o.seed));
    add("--samples", std::to_string(o.samples));
    add("--warmups", std::to_string(o.warmups));
    add("--priority", std::to_string(o.priority));
    if (!o.filter.empty()) add("--filter", o.filter);
    if (!o.counters || process > 0)
      arguments.emplace_back("--no-counters");  // counters do not vary between processes
    return arguments;
  }

  [[noreturn]] static void Throw(const ProgramResult& result) {
    const std::string reason = Reason(result.last_error);
    if (result.exit_code == kUnavailable)
      throw UnavailableError(reason.empty() ? "no GPU that can be measured" : reason);
    if (result.exit_code == kUsage) throw InputError(reason);
    throw InputError(fmt::format("the device half ended with code {}{}", result.exit_code,
                                 reason.empty() ? "" : ": " + reason));
  }

  std::filesystem::path folder_;
};

}  // namespace

std::vector<std::filesystem::path> DeviceBackendPlaces() {
  if (const char* folder = std::getenv("ORRERY_DEVICE_DIR")) return {folder};
  const std::filesystem::path here = ProgramFolder();
  if (here.empty()) return {};
  return {here, (here / "../profiler/device").lexically_normal(),
          (here / "../lib/orrery").lexically_normal()};
}

std::unique_ptr<DeviceBackend> FindDeviceBackend() {
  for (const std::filesystem::path& folder : DeviceBackendPlaces()) {
    if (::access((folder / kProgram).c_str(), X_OK) == 0) return std::make_unique<ProcessBackend>(folder);
  }
  return nullptr;
}

}  // namespace orrery::profiler
